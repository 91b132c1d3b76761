//! What the scripts of one caller may reach, and on whose behalf. Made by a front end from the authenticated caller;
//! read by the road. A script can neither see nor change any of it.

use crate::{
    contexts::ContextPolicy,
    gate::{Approver, Decided},
    refusal::Refusal,
    service::{Caller, Client, Identity, IdentityError, Registered, Registry},
};
use sandgate_policy::{Limits, Query};
use serde_json::value::RawValue;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// On whose behalf calls are made, besides the context.
#[derive(Debug, Clone, Default)]
pub struct Actor {
    /// Which program of the context it is, as policies name it.
    pub name: String,
    /// The person behind it, where one is known.
    pub user: Option<String>,
    /// What the caller was found to be entitled to.
    pub claims: Vec<String>,
}

/// The services, the policies and the identity of one caller. Runs share it.
#[derive(Debug)]
pub struct Reach {
    context: String,
    policy: Arc<ContextPolicy>,
    registry: Registry,
    client: Client,
    identity: Identity,
    actor: Actor,
    approver: Option<Arc<dyn Approver>>,
    /// When each service may be called next, where calls are paced.
    next: Mutex<BTreeMap<Arc<str>, Instant>>,
}

impl Reach {
    /// What an actor of a context may reach. Without an approver, calls that need approval are refused.
    pub fn new(
        context: &str,
        policy: Arc<ContextPolicy>,
        registry: Registry,
        client: Client,
        actor: Actor,
        approver: Option<Arc<dyn Approver>>,
    ) -> Result<Self, IdentityError> {
        let user = actor.user.as_deref();
        // 0 is only here when the operator said so in as many words.
        let identity = match policy.limits.hero_context {
            0 => Identity::administrator(context, user, &actor.claims),
            number => Identity::new(context, number, user, &actor.claims),
        }?;
        let approver = approver.filter(|_| policy.limits.approvals != Some(false));
        Ok(Self {
            context: context.to_owned(),
            policy,
            registry,
            client,
            identity,
            actor,
            approver,
            next: Mutex::default(),
        })
    }

    pub(crate) fn context(&self) -> &str {
        &self.context
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn approver(&self) -> Option<&Arc<dyn Approver>> {
        self.approver.as_ref()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.policy.limits
    }

    /// The services that some policy of this context permits something of, with a line on each.
    pub(crate) fn services(&self) -> Vec<(String, String)> {
        self.registry
            .services()
            .filter(|service| self.policy.policies.may_use(service.name()))
            .map(|service| (service.name().to_owned(), service.summary().to_owned()))
            .collect()
    }

    /// What a script's proxies of a service are built from.
    pub(crate) fn stub(&self, service: &str) -> Option<Arc<[u8]>> {
        let service = self.registry.service(service)?;
        self.policy
            .policies
            .may_use(service.name())
            .then(|| service.stub())
    }

    /// The decision on a call of one method. THREAT[SEC-05]: a service that this context may not use at all, a method
    /// that there is not and a service that there is not are the same.
    pub(crate) fn decide(
        &self,
        service: &str,
        method: &str,
        params: &RawValue,
    ) -> Result<Decided, Refusal> {
        let method = self
            .registry
            .method(service, method)
            .filter(|method| self.policy.policies.may_use(&method.service))
            .ok_or_else(|| Refusal::NotAvailable {
                service: service.to_owned(),
                method: method.to_owned(),
            })?;
        let caller = Caller {
            context: self.policy.limits.hero_context,
            user: self.actor.user.as_deref(),
            claims: &self.actor.claims,
        };
        let arguments = method.bind(params, &caller).map_err(Refusal::Arguments)?;
        let decision = self.policy.policies.decide(&Query {
            context: &self.context,
            actor: &self.actor.name,
            user: self.actor.user.as_deref().unwrap_or_default(),
            claims: &self.actor.claims,
            service: &method.service,
            method: &method.method,
            params: arguments.by_name(),
        });
        if let Some(fault) = &decision.fault {
            tracing::debug!("{}.{} is refused: {fault}", method.service, method.method);
        }
        Ok(Decided {
            method,
            arguments,
            decision,
        })
    }

    /// Waits for this call's turn, where the context's calls to a service are limited in a second.
    pub(crate) async fn pace(&self, method: &Registered) {
        let Some(rate) = self.policy.limits.rate else {
            return;
        };
        let between = Duration::from_secs(1)
            .div_f64(f64::from(u32::try_from(rate).unwrap_or(u32::MAX)).max(1.0));
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let turn = next.get(&method.service).map_or(now, |turn| now.max(*turn));
            next.insert(
                method.service.clone(),
                turn.checked_add(between).unwrap_or(turn),
            );
            turn
        };
        tokio::time::sleep_until(turn.into()).await;
    }
}
