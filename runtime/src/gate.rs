//! The gate: what was decided becomes a clearance, or a refusal, or a question to a person. Called by `hostcall`.
//! A clearance is made here and nowhere else, and sending takes it by value: one clearance, one call.

use crate::{
    refusal::Refusal,
    service::{Arguments, Registered},
};
use sandgate_policy::{Decision, Effect, Verdict};
use serde_json::value::RawValue;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Asks a person whether one call may be made. A script must have no way to reach it: THREAT[APR-04].
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

/// A call and what the policies say of it.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) method: Arc<Registered>,
    pub(crate) arguments: Arguments,
    pub(crate) decision: Decision,
}

/// A call that may be made, once. Only [`clear`] makes one.
#[derive(Debug)]
pub(crate) struct Cleared {
    method: Arc<Registered>,
    arguments: Arguments,
}

impl Cleared {
    /// What is sent, and where. Nothing is left that could be sent again.
    pub(crate) fn spend(self) -> (Arc<Registered>, Arguments) {
        (self.method, self.arguments)
    }
}

/// Lets a decided call pass, or says why not.
pub(crate) async fn clear(
    decided: Decided,
    context: &str,
    approver: Option<&Arc<dyn Approver>>,
    held: &Held,
) -> Result<Cleared, Refusal> {
    let Decided {
        method,
        arguments,
        decision,
    } = decided;
    let (service, name) = (method.service.to_string(), method.method.clone());
    let because = decision.because;
    match (decision.verdict, approver) {
        (Verdict::Allow, _) => {}
        (Verdict::Refuse, _) => {
            return Err(Refusal::Denied {
                service,
                method: name,
                because,
            });
        }
        (Verdict::Gate, None) => {
            return Err(Refusal::Awaiting {
                service,
                method: name,
                because,
            });
        }
        (Verdict::Gate, Some(approver)) => {
            let question = Question {
                context: context.to_owned(),
                service,
                method: name,
                effect: method.effect,
                params: arguments.params().to_owned(),
                because,
            };
            let _held = held.hold();
            if approver.ask(&question).await == Answer::No {
                return Err(Refusal::Declined {
                    service: question.service,
                    method: question.method,
                });
            }
        }
    }
    Ok(Cleared { method, arguments })
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
    fn hold(&self) -> Holding<'_> {
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
