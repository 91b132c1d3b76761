//! A call and what the policies say of it. Made when a call is decided, handed to `gate`, which makes a clearance of it or
//! nothing. There must be no way to make one but to ask the policies about exactly what would be sent.

use crate::{
    contexts::ContextPolicy,
    hostcall::{call::Call, refusal::Refusal},
};
use sandgate_policy::{ContextLimits, Decision, Fault, Principal, PrincipalError, Query, Ruling};
use sandgate_service::{Identity, Method, Undo, Weight};
use serde_json::value::RawValue;
use std::{collections::BTreeSet, sync::Arc};

/// On whose behalf a call is made: for policies, and for services.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub(super) principal: Arc<Principal>,
    pub(super) identity: Identity,
}

/// Only [`Decided::of`] makes one.
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
    caller: Party,
    method: Arc<Method>,
    /// Exactly what would be sent.
    params: Box<RawValue>,
    /// What the run had read from.
    read_from: Arc<BTreeSet<String>>,
}

impl Party {
    pub(crate) fn of(principal: Principal) -> Result<Self, PrincipalError> {
        Ok(Self {
            identity: Identity::of(&principal)?,
            principal: Arc::new(principal),
        })
    }
}

impl Decided {
    /// Binds the arguments of a call to the parameters of its method, which makes both what the policies see and what
    /// would be sent, and asks the policies.
    pub(crate) fn of(
        policy: Arc<ContextPolicy>,
        method: Arc<Method>,
        caller: Party,
        asked: &Call,
        read_from: &Arc<BTreeSet<String>>,
        weight: &Weight<'_>,
    ) -> Result<Self, Refusal> {
        let arguments = method
            .bind_within(asked.params(), &caller.principal, weight)
            .map_err(Refusal::Arguments)?;
        let decision = policy.policies.decide(&Query {
            principal: &caller.principal,
            service: &method.service,
            method: &method.method,
            params: arguments.by_name(),
            now: asked.made(),
            read_from,
        });
        tracing::debug!(
            "{}.{} is decided: {}",
            method.service,
            method.method,
            Ruling::of(&decision)
        );
        comparable(&method, &decision)?;
        // THREAT[POL-03]: a number that is sent with more digits than the policies would see.
        let inexact = arguments
            .rounded()
            .find(|(name, _)| {
                let policies = &policy.policies;
                policies.looks_at(&method.service, &method.method, name)
            })
            .map(|(name, number)| Fault::inexact(name, arguments.by_name().get(name), number));
        if let Some(fault) = inexact {
            return Err(incomparable(&method, &fault));
        }
        Ok(Self {
            decision,
            call: Clearable {
                policy,
                caller,
                params: arguments.into_params(),
                method,
                read_from: Arc::clone(read_from),
            },
        })
    }

    /// What was decided, for the journal.
    pub(super) fn decision(&self) -> &Decision {
        &self.decision
    }

    /// What was decided, for whoever is told.
    pub(super) fn ruling(&self) -> Ruling {
        Ruling::of(&self.decision)
    }

    /// Exactly what would be sent.
    pub(super) fn params(&self) -> &RawValue {
        self.call.params()
    }

    /// Which method it is about.
    pub(super) fn method(&self) -> &Method {
        &self.call.method
    }

    /// The method that undoes it, where one is known.
    pub(super) fn undo(&self) -> Option<&str> {
        self.method().undo.as_ref().map(Undo::method)
    }

    /// What its context may consume.
    pub(super) fn limits(&self) -> &ContextLimits {
        &self.call.policy.limits
    }

    /// What was decided, for the gate alone to look at: it makes a clearance of the rest, or nothing.
    pub(super) fn open(self) -> (Decision, Clearable) {
        (self.decision, self.call)
    }
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

    pub(super) fn principal(&self) -> &Arc<Principal> {
        &self.caller.principal
    }

    pub(super) fn read_from(&self) -> &Arc<BTreeSet<String>> {
        &self.read_from
    }

    /// Nothing is left that could be sent again.
    pub(super) fn take(self) -> (Arc<Method>, Party, Box<RawValue>) {
        (self.method, self.caller, self.params)
    }
}

/// A parameter that a policy looks at and cannot see as it would be sent. The script is told, since the method is one that
/// it may use, and it can do something about it; other faults are the operator's to read: THREAT[SEC-05].
fn comparable(method: &Method, decision: &Decision) -> Result<(), Refusal> {
    match &decision.fault {
        Some(fault @ (Fault::Parameter { .. } | Fault::Inexact { .. })) => {
            Err(incomparable(method, fault))
        }
        Some(fault) => {
            tracing::debug!("{}.{} is refused: {fault}", method.service, method.method);
            Ok(())
        }
        None => Ok(()),
    }
}

fn incomparable(method: &Method, fault: &Fault) -> Refusal {
    Refusal::Incomparable {
        service: method.service.to_string(),
        method: method.method.clone(),
        problem: fault.to_string(),
        remedy: fault.remedy(),
    }
}
