//! Asking a person: who can be asked, what, and what they say; and the time that it takes, which is not the run's.
//! Asked by `gate`, answered by front ends. A script must have no way to reach any of it: THREAT[APR-04].

use crate::{
    contexts::ContextPolicy,
    journal::{digest::Digest, id::Id, record::Record},
    made::CallMade,
};
use sandgate_policy::{Effect, Explanation, Moment, Principal, Query};
use sandgate_service::Method;
use serde_json::value::RawValue;
use std::{
    collections::BTreeSet,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Asks a person whether one call may be made.
pub trait Approver: fmt::Debug + Send + Sync {
    /// Asks, and waits for the answer. While the script waits for nothing else, the run's time does not pass.
    fn ask<'a>(
        &'a self,
        question: &'a Question,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

    /// What the journal calls whoever answers.
    fn name(&self) -> &str {
        "whoever was asked"
    }

    /// Is told of a call that is made because a person said [`Answer::All`] before.
    fn covered<'a>(
        &'a self,
        _question: &'a Question,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(std::future::ready(()))
    }
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
    /// Whether a person was asked about this method before in this run, for the same reasons.
    pub again: bool,
    /// What else they may want to know before they answer.
    pub grounds: Grounds,
}

/// Where a question comes from: which call it is, how it was decided, and what the run did before.
#[derive(Debug)]
pub struct Grounds {
    /// The run, where a journal keeps it.
    pub run: Option<Id>,
    /// The number of the call in it.
    pub call: u32,
    /// What an answer is bound to: what would be sent, where, on whose behalf, and by which call of which run.
    pub digest: Digest,
    /// The policies that want a person to look.
    pub policies: Vec<String>,
    /// What the rest is made of, for those who ask for it: most do not.
    pub(crate) basis: Option<Basis>,
}

/// What was decided about, and by what.
#[derive(Debug)]
pub(crate) struct Basis {
    pub(crate) policy: Arc<ContextPolicy>,
    pub(crate) principal: Arc<Principal>,
    pub(crate) method: Arc<Method>,
    /// What the script gave.
    pub(crate) given: Box<RawValue>,
    pub(crate) made: Moment,
    pub(crate) read_from: Arc<BTreeSet<String>>,
    pub(crate) record: Record,
}

impl Grounds {
    /// Of a call of no run, for the tests of an [`Approver`]: with no calls before it, and no explanation.
    #[must_use]
    pub fn of_no_run(digest: Digest, policies: Vec<String>) -> Self {
        Self {
            run: None,
            call: 1,
            digest,
            policies,
            basis: None,
        }
    }

    /// How the policies came to ask, and what would change it.
    #[must_use]
    pub fn explanation(&self) -> Option<Explanation> {
        let basis = self.basis.as_ref()?;
        // Bound as they were when it was decided.
        let bound = basis.method.bind(&basis.given, &basis.principal).ok()?;
        Some(basis.policy.policies.explain(&Query {
            principal: &basis.principal,
            service: &basis.method.service,
            method: &basis.method.method,
            params: bound.by_name(),
            now: basis.made,
            read_from: &basis.read_from,
        }))
    }

    /// The calls that the run made before, the first thousand of them.
    #[must_use]
    pub fn calls_before(&self) -> Vec<CallMade> {
        let basis = self.basis.as_ref();
        basis.map_or_else(Vec::new, |basis| basis.record.calls_before(self.call))
    }
}

/// What the person said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Make it.
    Yes,
    /// Make it, and every further call of this method in this run that is asked about for the same reasons.
    All,
    /// Do not.
    No,
}

/// The run's wall clock, which stands while a person is asked and the script can do nothing but wait for the answer. A
/// script that goes on meanwhile uses up its time: THREAT[DOS-04], a question must not keep alive what has a deadline.
/// Shared with the run's meter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pause(Arc<Mutex<PauseClock>>);

#[derive(Debug, Default)]
struct PauseClock {
    questions: usize,
    script_waits: bool,
    anew: Option<Used>,
    since: Option<Instant>,
    past: Duration,
}

/// What was used of a run's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// Something that lets the clock stand is so for as long as this lives.
#[derive(Debug)]
pub(crate) struct While<'a> {
    pause: &'a Pause,
    ends: fn(&mut PauseClock),
}

impl Pause {
    /// A person is being asked.
    pub(crate) fn question(&self) -> While<'_> {
        self.change(|clock| clock.questions = clock.questions.saturating_add(1));
        While {
            pause: self,
            ends: |clock| clock.questions = clock.questions.saturating_sub(1),
        }
    }

    /// The script waits for a call, however long it takes.
    pub(crate) fn script_waits(&self) -> While<'_> {
        self.change(|clock| clock.script_waits = true);
        While {
            pause: self,
            ends: |clock| clock.script_waits = false,
        }
    }

    /// What comes next has the whole of its time again, but for what is said to be used of it.
    pub(crate) fn begin_anew(&self, used: Used) {
        self.clock().anew = Some(used);
    }

    /// Whether that was said, once.
    pub(crate) fn begins_anew(&self) -> Option<Used> {
        self.clock().anew.take()
    }

    /// The script waits for what a person types. It can do nothing else meanwhile.
    pub(crate) fn typing(&self) -> [While<'_>; 2] {
        [self.question(), self.script_waits()]
    }

    /// Whether the clock stands now.
    pub(crate) fn is_on(&self) -> bool {
        self.clock().since.is_some()
    }

    /// For how long it has stood, in all.
    pub(crate) fn time(&self) -> Duration {
        let clock = self.clock();
        let now = clock.since.map_or(Duration::ZERO, |since| since.elapsed());
        clock.past.saturating_add(now)
    }

    fn change(&self, change: impl FnOnce(&mut PauseClock)) {
        let mut clock = self.clock();
        change(&mut clock);
        let stands = clock.questions > 0 && clock.script_waits;
        match clock.since {
            None if stands => clock.since = Some(Instant::now()),
            Some(since) if !stands => {
                clock.since = None;
                clock.past = clock.past.saturating_add(since.elapsed());
            }
            _ => {}
        }
    }

    fn clock(&self) -> MutexGuard<'_, PauseClock> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for While<'_> {
    fn drop(&mut self) {
        self.pause.change(self.ends);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dos_04_the_clock_stands_only_while_a_person_is_asked_and_the_script_waits() {
        let pause = Pause::default();
        let waits = pause.script_waits();
        assert!(!pause.is_on());
        let (first, second) = (pause.question(), pause.question());
        assert!(pause.is_on());
        drop(first);
        assert!(pause.is_on());
        drop(waits);
        assert!(!pause.is_on());
        let stood = pause.time();
        let waits = pause.script_waits();
        assert!(pause.is_on());
        drop(second);
        assert!(!pause.is_on());
        drop(waits);
        assert!(pause.time() >= stood);
        assert!(!pause.is_on());
    }
}
