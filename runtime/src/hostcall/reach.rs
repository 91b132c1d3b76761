//! What the scripts of one caller may reach, and on whose behalf. Made by a front end from the authenticated caller;
//! read by the road. A script can neither see nor change any of it.

use crate::{
    contexts::{ContextPolicy, InForce},
    hostcall::{
        call::Call,
        carrier::Carrier,
        decided::{Decided, Party},
        pace::{OwnQueue, Pace},
        question::Approver,
        refusal::Refusal,
        watch::{CallWatcher, WatchedCall},
    },
    limits,
};
use sandgate_check::{CheckReport, Offered};
use sandgate_policy::{ContextLimits, ContextNumber, Effect, Outlook, Principal, PrincipalError};
use sandgate_service::{
    Client, InterfaceFormat, InterfaceOf, Method, MethodFound, Registry, Service, Weight,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// The services, the policies and the identity of one caller. Runs share it.
#[derive(Debug)]
pub struct Reach {
    policy: InForce,
    registry: Registry,
    carrier: Carrier,
    /// With the number that the context had when this was last asked for.
    caller: Mutex<Party>,
    approver: Option<Arc<dyn Approver>>,
    watcher: Option<Arc<dyn CallWatcher>>,
    pace: Arc<Pace>,
}

impl Reach {
    /// What a caller may reach. Without an approver, calls that need approval are refused.
    pub fn new(
        principal: Principal,
        policy: InForce,
        registry: Registry,
        client: Client,
        approver: Option<Arc<dyn Approver>>,
    ) -> Result<Self, PrincipalError> {
        // What services know the context by is up to its limits.
        let principal = match policy.now() {
            Some(policy) => principal.with_number(policy.limits.hero_context),
            None => principal,
        };
        Ok(Self {
            policy,
            registry,
            carrier: Carrier::new(client),
            caller: Mutex::new(Party::of(principal)?),
            approver,
            watcher: None,
            pace: Arc::default(),
        })
    }

    /// The same with somebody who is told of every call.
    #[must_use]
    pub fn watched(self, watcher: Arc<dyn CallWatcher>) -> Self {
        Self {
            watcher: Some(watcher),
            ..self
        }
    }

    /// The same with turns at services that other callers of its context share.
    pub(crate) fn sharing(self, pace: Arc<Pace>) -> Self {
        Self { pace, ..self }
    }

    /// What a call would do, where there is such a method.
    pub(crate) fn effect(&self, call: &Call) -> Option<Effect> {
        let method = self.registry.method(call.service(), call.method())?;
        Some(method.effect)
    }

    /// A method that some policy of this context permits something of.
    pub(crate) fn method(&self, service: &str, method: &str) -> Option<Arc<Method>> {
        self.service(service)?.method(method).cloned()
    }

    /// On whose behalf calls are made.
    pub(crate) fn principal(&self) -> Arc<Principal> {
        let known = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known.principal)
    }

    pub(crate) fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    /// Who can be asked.
    pub(crate) fn approver(&self) -> Option<&Arc<dyn Approver>> {
        self.approver.as_ref()
    }

    /// Who is told of every call.
    pub(crate) fn watcher(&self) -> Option<&Arc<dyn CallWatcher>> {
        self.watcher.as_ref()
    }

    /// What is in force now.
    pub(crate) fn policy(&self) -> Option<Arc<ContextPolicy>> {
        self.policy.now()
    }

    /// What one run may consume now.
    pub(crate) fn limits(&self) -> limits::Limits {
        self.policy.limits()
    }

    /// Whether a decision by these policies still stands.
    pub(crate) fn is_in_force(&self, policy: &Arc<ContextPolicy>) -> bool {
        self.policy
            .now()
            .is_some_and(|now| Arc::ptr_eq(&now, policy))
    }

    /// On whose behalf calls are made, while services know the context by this number.
    fn caller(&self, number: ContextNumber) -> Result<Party, PrincipalError> {
        let mut known = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        if known.principal.number() != number {
            *known = Party::of((*known.principal).clone().with_number(number))?;
        }
        Ok(known.clone())
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
        Some(self.service(service)?.stub())
    }

    /// What a model reads of a service, all of it or some methods, or as a stub file.
    pub(crate) fn interface_of(
        &self,
        service: &str,
        methods: Option<&[String]>,
        format: InterfaceFormat,
    ) -> Option<Arc<str>> {
        let offered = self.service(service)?;
        let outlooks = self.policy.now()?.policies.outlooks(service);
        let of = InterfaceOf {
            outlooks: Some(&outlooks),
            methods,
        };
        Some(match format {
            InterfaceFormat::Text => offered.text_of(of).into(),
            InterfaceFormat::Pyi => offered.pyi_of(of).into(),
        })
    }

    /// Whether some policy of this context permits something of a service that there is.
    pub(crate) fn may_use(&self, service: &str) -> bool {
        self.service(service).is_some()
    }

    /// The methods of a service that this context may call at all, with what can become of their calls.
    pub(crate) fn methods(&self, service: &str) -> Option<Vec<(Arc<Method>, Outlook)>> {
        let offered = self.service(service)?;
        let outlooks = self.policy.now()?.policies.outlooks(service);
        let possible = outlooks.into_iter().filter(Outlook::is_possible);
        let methods = possible.filter_map(|outlook| {
            let method = offered.method(&outlook.method)?;
            Some((Arc::clone(method), outlook))
        });
        Some(methods.collect())
    }

    /// The methods that a query is about, of those that this context may call at all.
    pub(crate) fn search(&self, query: &str, most: usize) -> Vec<MethodFound> {
        let policy = self.policy.now();
        policy.map_or_else(Vec::new, |policy| {
            self.registry.search(Some(&policy.policies), query, most)
        })
    }

    /// What can be said of a script that has this reach, before it runs.
    pub(crate) fn check(&self, source: &str) -> CheckReport {
        match self.policy.now() {
            None => sandgate_check::check(source, &Offered::nothing()),
            Some(policy) => {
                sandgate_check::check(source, &Offered::new(&self.registry, &policy.policies))
            }
        }
    }

    /// Why a service is not there, for the operator.
    pub(crate) fn why_not(&self, service: &str) -> String {
        if !self.registry.names().any(|known| known == service) {
            return "no service of that name is registered".to_owned();
        }
        if self.registry.service(service).is_none() {
            return "its document cannot be used".to_owned();
        }
        match self.policy.now() {
            None => "the context is not in force".to_owned(),
            Some(policy) => format!(
                "no policy of `{}` permits anything of it",
                policy.policies.context()
            ),
        }
    }

    /// A service that some policy of this context permits something of.
    fn service(&self, name: &str) -> Option<Arc<Service>> {
        let policy = self.policy.now()?;
        let usable = policy.policies.may_use(name);
        usable.then(|| self.registry.service(name)).flatten()
    }

    /// The decision on a call of one method. THREAT[SEC-05]: a service that this context may not use at all, a method
    /// that there is not and a service that there is not are the same. Where nobody wants it any more, it ends early.
    pub(crate) fn decide(
        &self,
        call: &Call,
        read_from: &Arc<BTreeSet<String>>,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Decided, Refusal> {
        let decided = self.decided(call, read_from, wanted);
        if let Some(watcher) = &self.watcher {
            watcher.decided(&WatchedCall {
                call: call.number(),
                service: call.service(),
                method: call.method(),
                params: call.params(),
                effect: decided.as_ref().ok().map(|decided| decided.method().effect),
                undo: decided.as_ref().ok().and_then(Decided::undo),
                ruling: match &decided {
                    Ok(decided) => Ok(decided.ruling()),
                    Err(refusal) => Err(refusal.to_string()),
                },
            });
        }
        decided
    }

    fn decided(
        &self,
        call: &Call,
        read_from: &Arc<BTreeSet<String>>,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Decided, Refusal> {
        let policy = self.policy.now().ok_or_else(|| call.not_available())?;
        let method = Some(call.service())
            .filter(|service| policy.policies.may_use(service))
            .and_then(|service| self.registry.method(service, call.method()))
            .ok_or_else(|| call.not_available())?;
        // Checked when this was made; another number makes nobody else of it.
        let caller = self.caller(policy.limits.hero_context);
        let caller = caller.map_err(|_| call.not_available())?;
        let weight = Weight::while_wanted(wanted);
        Decided::of(policy, method, caller, call, read_from, &weight)
    }

    /// Waits for this call's turn, where the context's calls to a service are limited in a second.
    pub(crate) async fn pace(&self, service: &Arc<str>, limits: &ContextLimits, own: &OwnQueue) {
        if let Some(rate) = limits.rate {
            self.pace.turn(service, rate, own).await;
        }
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
