//! How often one run has called each method, where its context's limits say how often it may. Kept by `hostcall`. A call
//! that is refused or declined must cost nothing, and no two calls may take the last place together.

use crate::hostcall::refusal::Refusal;
use sandgate_policy::ContextLimits;
use sandgate_service::Method;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Calls by service and method; only methods that have a limit are in it.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<String, u64>>);

/// A place that is given back when it is dropped, unless the call is made.
#[derive(Debug)]
#[must_use]
pub(crate) struct TallyPlace<'t>(Option<(&'t Tally, String)>);

impl Tally {
    /// Takes a place for one call.
    pub(crate) fn take(
        &self,
        method: &Method,
        limits: &ContextLimits,
    ) -> Result<TallyPlace<'_>, Refusal> {
        let name = format!("{}.{}", method.service, method.method);
        let Some(limit) = limits.method_calls.get(&name).copied() else {
            return Ok(TallyPlace(None));
        };
        let mut calls = self.calls();
        let taken = calls.entry(name.clone()).or_default();
        if *taken >= limit {
            return Err(Refusal::MethodTooOften {
                method: name,
                limit,
            });
        }
        *taken = taken.saturating_add(1);
        Ok(TallyPlace(Some((self, name))))
    }

    /// One call was made before the run was parked.
    pub(crate) fn again(&self, service: &str, method: &str) {
        let mut calls = self.calls();
        let made = calls.entry(format!("{service}.{method}")).or_default();
        *made = made.saturating_add(1);
    }

    fn calls(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TallyPlace<'_> {
    /// The call is made.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for TallyPlace<'_> {
    fn drop(&mut self) {
        if let Some((tally, name)) = self.0.take()
            && let Some(taken) = tally.calls().get_mut(&name)
        {
            *taken = taken.saturating_sub(1);
        }
    }
}
