//! What the scripts of one caller may reach, and on whose behalf. Made by a front end from the authenticated caller;
//! read by the road. A script can neither see nor change any of it.

use super::call::Call;
use crate::{
    contexts::{ContextPolicy, InForce},
    hostcall::{
        pace::{OwnQueue, Pace},
        question::Approver,
        refusal::Refusal,
    },
};
use sandgate_policy::{ContextNumber, Decision, Fault, Limits, Query};
use sandgate_service::{Caller, Client, Identity, IdentityError, Method, Registry, Weight};
use serde_json::value::RawValue;
use std::sync::{Arc, Mutex, PoisonError};

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
    policy: InForce,
    registry: Registry,
    client: Client,
    /// How services are told of the caller, for the number that the context had when it was last asked for.
    identity: Mutex<(ContextNumber, Identity)>,
    actor: Actor,
    approver: Option<Arc<dyn Approver>>,
    pace: Pace,
}

/// A call and what the policies say of it. Only [`Reach::decide`] makes one.
#[derive(Debug)]
#[must_use]
pub(crate) struct Decided {
    decision: Decision,
    call: Clearable,
}

/// What would be sent, where, on whose behalf, and whose decision it is.
#[derive(Debug)]
pub(crate) struct Clearable {
    policy: Arc<ContextPolicy>,
    identity: Identity,
    method: Arc<Method>,
    /// Exactly what would be sent.
    params: Box<RawValue>,
}

impl Clearable {
    pub(super) fn policy(&self) -> &Arc<ContextPolicy> {
        &self.policy
    }

    pub(super) fn method(&self) -> &Arc<Method> {
        &self.method
    }

    pub(super) fn params(&self) -> &RawValue {
        &self.params
    }

    /// Nothing is left that could be sent again.
    pub(super) fn take(self) -> (Arc<Method>, Identity, Box<RawValue>) {
        (self.method, self.identity, self.params)
    }
}

impl Decided {
    /// What was decided, for the gate alone to look at: it makes a clearance of the rest, or nothing.
    pub(super) fn open(self) -> (Decision, Clearable) {
        (self.decision, self.call)
    }
}

impl Reach {
    /// What an actor of a context may reach. Without an approver, calls that need approval are refused.
    pub fn new(
        context: &str,
        policy: InForce,
        registry: Registry,
        client: Client,
        actor: Actor,
        approver: Option<Arc<dyn Approver>>,
    ) -> Result<Self, IdentityError> {
        // A context without policies reaches nothing, so which number it is called by makes no difference.
        let number = policy
            .now()
            .map_or(ContextNumber::Number(std::num::NonZeroU32::MIN), |policy| {
                policy.limits.hero_context
            });
        let identity = identity(context, number, &actor)?;
        Ok(Self {
            context: context.to_owned(),
            policy,
            registry,
            client,
            identity: Mutex::new((number, identity)),
            actor,
            approver,
            pace: Pace::default(),
        })
    }

    pub(crate) fn context(&self) -> &str {
        &self.context
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Who can be asked, where the context's limits let anybody be asked.
    pub(crate) fn approver(&self, limits: &Limits) -> Option<&Arc<dyn Approver>> {
        let approver = self.approver.as_ref();
        approver.filter(|_| limits.approvals != Some(false))
    }

    /// What is in force now.
    pub(crate) fn policy(&self) -> Option<Arc<ContextPolicy>> {
        self.policy.now()
    }

    /// Whether a decision by these policies still stands.
    pub(crate) fn is_in_force(&self, policy: &Arc<ContextPolicy>) -> bool {
        self.policy
            .now()
            .is_some_and(|now| Arc::ptr_eq(&now, policy))
    }

    /// How services are told of the caller.
    fn identity(&self, number: ContextNumber) -> Result<Identity, IdentityError> {
        let mut known = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != number {
            *known = (number, identity(&self.context, number, &self.actor)?);
        }
        Ok(known.1.clone())
    }

    /// The services that some policy of this context permits something of, with a line on each.
    pub(crate) fn services(&self) -> Vec<(String, String)> {
        let Some(policy) = self.policy.now() else {
            return Vec::new();
        };
        self.registry
            .names()
            // Documents of others are not read.
            .filter(|service| policy.policies.may_use(service))
            .filter_map(|service| self.registry.service(service))
            .map(|service| (service.name().to_owned(), service.summary().to_owned()))
            .collect()
    }

    /// What a script's proxies of a service are built from.
    pub(crate) fn stub(&self, service: &str) -> Option<Arc<[u8]>> {
        let policy = self.policy.now()?;
        if !policy.policies.may_use(service) {
            return None;
        }
        Some(self.registry.service(service)?.stub())
    }

    /// The decision on a call of one method. THREAT[SEC-05]: a service that this context may not use at all, a method
    /// that there is not and a service that there is not are the same. Where nobody wants it any more, it ends early.
    pub(crate) fn decide(
        &self,
        call: &Call,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Decided, Refusal> {
        let policy = self.policy.now().ok_or_else(|| call.not_available())?;
        let method = Some(call.service())
            .filter(|service| policy.policies.may_use(service))
            .and_then(|service| self.registry.method(service, call.method()))
            .ok_or_else(|| call.not_available())?;
        let number = policy.limits.hero_context;
        let caller = Caller {
            context: number.get(),
            user: self.actor.user.as_deref(),
            claims: &self.actor.claims,
        };
        let arguments = method
            .bind_within(call.params(), &caller, &Weight::while_wanted(wanted))
            .map_err(Refusal::Arguments)?;
        let decision = policy.policies.decide(&Query {
            context: &self.context,
            actor: &self.actor.name,
            user: self.actor.user.as_deref().unwrap_or_default(),
            claims: &self.actor.claims,
            service: &method.service,
            method: &method.method,
            params: arguments.by_name(),
        });
        comparable(&method, &decision)?;
        // Checked when this was made; another number makes no other identity unusable.
        let identity = self.identity(number).map_err(|_| call.not_available())?;
        Ok(Decided {
            decision,
            call: Clearable {
                policy,
                identity,
                params: arguments.into_params(),
                method,
            },
        })
    }

    /// Waits for this call's turn, where the context's calls to a service are limited in a second.
    pub(crate) async fn pace(&self, service: &Arc<str>, limits: &Limits, own: &OwnQueue) {
        if let Some(rate) = limits.rate {
            self.pace.turn(service, rate, own).await;
        }
    }
}

/// A parameter that a policy looks at and cannot see as it would be sent. The script is told, since the method is one that
/// it may use, and it can do something about it; other faults are the operator's to read: THREAT[SEC-05].
fn comparable(method: &Method, decision: &Decision) -> Result<(), Refusal> {
    match &decision.fault {
        Some(Fault::Parameter { name, problem }) => Err(Refusal::Incomparable {
            service: method.service.to_string(),
            method: method.method.clone(),
            parameter: name.clone(),
            problem: problem.clone(),
        }),
        Some(fault) => {
            tracing::debug!("{}.{} is refused: {fault}", method.service, method.method);
            Ok(())
        }
        None => Ok(()),
    }
}

fn identity(
    context: &str,
    number: ContextNumber,
    actor: &Actor,
) -> Result<Identity, IdentityError> {
    let user = actor.user.as_deref();
    match number {
        ContextNumber::Administrator => Identity::administrator(context, user, &actor.claims),
        ContextNumber::Number(number) => Identity::new(context, number.get(), user, &actor.claims),
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]
mod tests;
