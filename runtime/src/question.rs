//! Asking a person: who can be asked, what, and what they say; and the time that it takes, which is not the run's.
//! Asked by `gate`, answered by front ends. A script must have no way to reach any of it: THREAT[APR-04].

use sandgate_policy::Effect;
use serde_json::value::RawValue;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Asks a person whether one call may be made.
pub trait Approver: fmt::Debug + Send + Sync {
    /// Asks, and waits for the answer. The run's time does not pass meanwhile.
    fn ask<'a>(
        &'a self,
        question: &'a Question,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
}

/// What a person is asked. All of it but the context is somebody else's text, and hostile: THREAT[APR-03].
#[derive(Debug)]
pub struct Question {
    /// On whose behalf the call would be made.
    pub context: String,
    /// The service.
    pub service: String,
    /// Its method.
    pub method: String,
    /// What calling it does.
    pub effect: Effect,
    /// The parameters, exactly as they would be sent.
    pub params: Box<RawValue>,
    /// Why the policies want a person to look.
    pub because: Vec<String>,
}

/// What the person said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Make it.
    Yes,
    /// Do not.
    No,
}

/// Time that a run spends waiting for a person, which its limits do not count. Shared with the run's meter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<Mutex<Waits>>);

#[derive(Debug, Default)]
struct Waits {
    under_way: usize,
    since: Option<Instant>,
    past: Duration,
}

/// A person is being asked for as long as this lives.
#[derive(Debug)]
pub(crate) struct Holding<'a>(&'a Held);

impl Held {
    pub(crate) fn hold(&self) -> Holding<'_> {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waits.under_way = waits.under_way.saturating_add(1);
        waits.since.get_or_insert_with(Instant::now);
        Holding(self)
    }

    /// Whether a person is being asked now.
    pub(crate) fn is_held(&self) -> bool {
        let waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waits.under_way > 0
    }

    /// For how long people were asked, in all.
    pub(crate) fn time(&self) -> Duration {
        let waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = waits.since.map_or(Duration::ZERO, |since| since.elapsed());
        waits.past.saturating_add(now)
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        let mut waits = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        waits.under_way = waits.under_way.saturating_sub(1);
        if waits.under_way == 0 {
            let since = waits.since.take();
            waits.past = waits
                .past
                .saturating_add(since.map_or(Duration::ZERO, |since| since.elapsed()));
        }
    }
}
