//! Runs that are known again. A client whose stream broke asks for the same once more; it is answered with the run that it started, and
//! nothing that a script changes is changed twice. A request is the same one if it has the same key, or, where it has none, if its
//! script may call services and is that of a run which goes on, or whose client left after it had changed something. Nobody is
//! answered with the run of another agent: THREAT[WEB-04].

use crate::owner::AgentOwner;
use sandgate::{
    CallResult, Caller, Cancel, Digest, Id, Outcome, RunError, chain,
    policy::{Effect, Principal},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// For how long a run is known again that had changed something when its client left.
const ABANDONED: Duration = Duration::from_mins(1);
/// For how long one with a key is, in the journal too: whoever starts a server anew is no reason to do anything twice.
pub(crate) const KEYED: Duration = Duration::from_hours(24);
/// Runs that have ended and are known again. Those that ended first are forgotten first.
const MOST_ENDED: usize = 10_000;

/// All of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repeats(Arc<Mutex<HashMap<RepeatKey, KnownRun>>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RepeatKey {
    owner: AgentOwner,
    what: RepeatOf,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum RepeatOf {
    Key(String),
    Script(Digest),
}

#[derive(Debug)]
struct KnownRun {
    script: Digest,
    state: KnownState,
}

#[derive(Debug)]
enum KnownState {
    /// It goes on.
    Running(SharedRun),
    /// What it came to is in the journal.
    Ended { run: Id, until: Instant },
}

/// What came of a run, for everybody who waits for it.
type SharedOutcome = Arc<Result<Outcome, RunError>>;

/// A run that several requests may wait for. It is ended when the last of them leaves.
#[derive(Debug, Clone)]
struct SharedRun {
    outcome: watch::Receiver<Option<SharedOutcome>>,
    waiting: Arc<AtomicUsize>,
    cancel: Cancel,
}

/// One request that waits for it.
#[derive(Debug)]
pub(crate) struct WaitingFor {
    run: SharedRun,
    is_here: bool,
}

/// What is asked for, as far as it is to be known again.
#[derive(Debug, Clone)]
pub(crate) struct RepeatRequest {
    /// What the client calls it.
    pub(crate) key: Option<String>,
    /// The script, and what it reads.
    pub(crate) script: Digest,
    /// It is to run anew, whatever is known.
    pub(crate) again: bool,
}

/// What is known of it.
#[derive(Debug)]
pub(crate) enum Known<R> {
    /// It goes on.
    Running(WaitingFor),
    /// Everybody has left it, and it is being ended. What it came to is known then, and what was to run is given back.
    Ending(EndOfRun, R),
    /// It is over.
    Ended(Id),
}

/// The end of a run that everybody has left.
#[derive(Debug)]
pub(crate) struct EndOfRun(watch::Receiver<Option<SharedOutcome>>);

impl EndOfRun {
    pub(crate) async fn come(mut self) {
        // Whoever tells it is gone only with the process.
        let _ = self.0.wait_for(Option::is_some).await;
    }
}

/// A key stands for one script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key `{0}` stands for another script; give each its own")]
pub struct KeyTaken(pub(crate) String);

impl Repeats {
    /// Whether anything is known of a request here.
    pub(crate) fn is_known(&self, caller: &Caller, asked: &RepeatRequest) -> bool {
        self.all()
            .contains_key(&RepeatKey::of(&caller.principal(), asked))
    }

    /// What is known of a request; where nothing is, it is taken and started.
    pub(crate) fn enter<R>(
        &self,
        caller: &Caller,
        asked: &RepeatRequest,
        start: R,
        cancel: &Cancel,
    ) -> Result<Known<R>, KeyTaken>
    where
        R: Future<Output = Result<Outcome, RunError>> + Send + 'static,
    {
        let key = RepeatKey::of(&caller.principal(), asked);
        let mut all = self.all();
        if let Some(known) = all.get(&key).filter(|_| !asked.again) {
            if known.script != asked.script {
                return Err(KeyTaken(asked.key.clone().unwrap_or_default()));
            }
            match &known.state {
                KnownState::Running(run) => {
                    return Ok(match run.join() {
                        Some(waiting) => Known::Running(waiting),
                        None => Known::Ending(EndOfRun(run.outcome.clone()), start),
                    });
                }
                KnownState::Ended { run, until } if Instant::now() < *until => {
                    return Ok(Known::Ended(*run));
                }
                KnownState::Ended { .. } => {}
            }
        }
        let (told, outcome) = watch::channel(None);
        let run = SharedRun {
            outcome,
            waiting: Arc::new(AtomicUsize::new(1)),
            cancel: cancel.clone(),
        };
        let known = KnownRun {
            script: asked.script,
            state: KnownState::Running(run.clone()),
        };
        all.insert(key.clone(), known);
        drop(all);
        let (repeats, is_keyed) = (self.clone(), asked.key.is_some());
        let waiting = Arc::clone(&run.waiting);
        tokio::spawn(async move {
            let outcome = start.await;
            repeats.ended(&key, &waiting, outcome.as_ref().ok(), is_keyed);
            told.send_replace(Some(Arc::new(outcome)));
        });
        Ok(Known::Running(WaitingFor { run, is_here: true }))
    }

    /// What is kept of a run that is over.
    fn ended(
        &self,
        key: &RepeatKey,
        waiting: &Arc<AtomicUsize>,
        outcome: Option<&Outcome>,
        is_keyed: bool,
    ) {
        let is_abandoned = waiting.load(Ordering::Acquire) == 0;
        let keep = if is_keyed {
            Some(KEYED)
        } else if is_abandoned && outcome.is_some_and(has_changed) {
            Some(ABANDONED)
        } else {
            None
        };
        let run = outcome.and_then(|outcome| outcome.run);
        let now = Instant::now();
        let kept = run.zip(keep.and_then(|keep| now.checked_add(keep)));
        let mut all = self.all();
        let is_it = |known: &&mut KnownRun| match &known.state {
            KnownState::Running(run) => Arc::ptr_eq(&run.waiting, waiting),
            KnownState::Ended { .. } => false,
        };
        // Whoever asked for it anew has another run in its place.
        let Some(known) = all.get_mut(key).filter(is_it) else {
            return;
        };
        match kept {
            Some((run, until)) => known.state = KnownState::Ended { run, until },
            None => drop(all.remove(key)),
        }
        if all.len() > MOST_ENDED {
            forget(&mut all, now);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<RepeatKey, KnownRun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets what is over for long, and where that is not enough the half that ends first.
fn forget(all: &mut HashMap<RepeatKey, KnownRun>, now: Instant) {
    let until = |known: &KnownRun| match known.state {
        KnownState::Running(_) => None,
        KnownState::Ended { until, .. } => Some(until),
    };
    all.retain(|_, known| until(known).is_none_or(|until| now < until));
    let mut ends: Vec<Instant> = all.values().filter_map(until).collect();
    if ends.len() <= MOST_ENDED / 2 {
        return;
    }
    ends.sort_unstable();
    let Some(middle) = ends.get(ends.len() / 2).copied() else {
        return;
    };
    all.retain(|_, known| until(known).is_none_or(|until| until > middle));
}

/// Whether a run did something that must not be done twice.
fn has_changed(outcome: &Outcome) -> bool {
    outcome.calls.iter().any(|call| {
        call.effect != Some(Effect::Read)
            && matches!(
                call.result,
                CallResult::Ok | CallResult::Open | CallResult::Awaiting
            )
    })
}

impl RepeatKey {
    fn of(principal: &Principal, asked: &RepeatRequest) -> Self {
        Self {
            owner: AgentOwner::of(principal),
            what: match &asked.key {
                Some(key) => RepeatOf::Key(key.clone()),
                None => RepeatOf::Script(asked.script),
            },
        }
    }
}

impl SharedRun {
    /// One more that waits for it, where anybody still does.
    fn join(&self) -> Option<WaitingFor> {
        let more = |waiting: usize| (waiting > 0).then(|| waiting.saturating_add(1));
        let joined = self
            .waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        joined.is_ok().then(|| WaitingFor {
            run: self.clone(),
            is_here: true,
        })
    }
}

impl WaitingFor {
    /// What came of it. Whoever leaves before waits no more; after the last one it is ended, and its end is waited for.
    pub(crate) async fn outcome(
        mut self,
        left: impl Future<Output = ()>,
    ) -> Option<Result<Outcome, String>> {
        let mut outcome = self.run.outcome.clone();
        let is_over = tokio::select! {
            over = outcome.wait_for(Option::is_some) => over.is_ok(),
            () = left => false,
        };
        if !is_over && !self.leave() {
            return None;
        }
        // Whoever tells it is gone only with the process.
        let outcome = outcome.wait_for(Option::is_some).await.ok()?.clone()?;
        Some(match &*outcome {
            Ok(outcome) => Ok(outcome.clone()),
            Err(error) => Err(chain(error)),
        })
    }

    /// Whether it was the last one.
    fn leave(&mut self) -> bool {
        let is_last = std::mem::take(&mut self.is_here)
            && self.run.waiting.fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last {
            self.run.cancel.cancel();
        }
        is_last
    }
}

impl Drop for WaitingFor {
    fn drop(&mut self) {
        self.leave();
    }
}
