//! The calls of one run that are under way or done and not taken. Kept by `hostcall`. It must never hold more than the
//! run's budget, whatever a script begins and does not collect.

use crate::{
    budget::{Budget, MOST},
    failpoint::{Failpoint, pass},
    hostcall::{
        halt::Halt,
        refusal::Refusal,
        watch::{CallWatcher, WatchedAnswer},
    },
    journal::record::Record,
    made::CallResult,
};
use sandgate_wire::Reply;
use serde_json::value::{RawValue, to_raw_value};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    future::Future,
    sync::Arc,
    time::Duration,
};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::Instant,
};

/// THREAT[DOS-09]: calls that a script has begun and not taken; refused ones are among them. A run with more is ended.
const MOST_CALLS: usize = 100_000;

/// Calls by their numbers. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct UnderWay {
    tasks: JoinSet<Result<Vec<u8>, TaskEnd>>,
    /// Which call each task is for. A task that panicked says no more than which task it was.
    calls: HashMap<Id, u32>,
    done: BTreeMap<u32, Done>,
    /// Calls in the order in which they were done. Those that were taken or reported meanwhile are passed over.
    order: VecDeque<u32>,
    /// Calls that wait for people, who answer when the run is no longer here.
    parked: BTreeSet<u32>,
    /// Calls of a replay that had no answer when the run ended.
    unanswered: BTreeSet<u32>,
    writer: ReplyWriter,
}

/// Why a call has no reply, and the run no more time.
#[derive(Debug)]
enum TaskEnd {
    TooMany(TooManyCalls),
    Halt(Halt),
}

/// A reply in bytes, which the run's budget holds, or a run that has no room for another.
type Written = Result<Vec<u8>, TooManyCalls>;

#[derive(Debug)]
struct Done {
    reply: Vec<u8>,
    /// Whether a wait has ended with it.
    reported: bool,
    /// What of it the budget holds.
    held: usize,
}

/// The guest asked for the reply of a call that is not under way.
#[derive(Debug, thiserror::Error)]
#[error("the guest waited for a call that it did not make")]
pub(crate) struct NoSuchCall;

/// The guest begins calls and does not take their replies.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TooManyCalls {
    #[error("{MOST_CALLS} calls wait to be taken")]
    Calls,
    #[error("replies of {MOST} bytes wait to be taken")]
    Bytes,
}

impl UnderWay {
    pub(crate) fn new(budget: Budget, record: Record) -> Self {
        Self {
            tasks: JoinSet::new(),
            calls: HashMap::new(),
            done: BTreeMap::new(),
            order: VecDeque::new(),
            parked: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            writer: ReplyWriter {
                budget,
                record,
                watcher: None,
            },
        }
    }

    /// The same with somebody who is told of every answer.
    pub(crate) fn watched(mut self, watcher: Option<Arc<dyn CallWatcher>>) -> Self {
        self.writer.watcher = watcher;
        self
    }

    /// Whether there is room for one more.
    pub(crate) fn room(&self) -> Result<(), TooManyCalls> {
        if self.done.len() + self.tasks.len() + self.parked.len() < MOST_CALLS {
            Ok(())
        } else {
            Err(TooManyCalls::Calls)
        }
    }

    /// Starts a call, which goes on by itself.
    pub(crate) fn start(
        &mut self,
        call: u32,
        answer: impl Future<Output = Result<Reply, Halt>> + Send + 'static,
    ) {
        let writer = self.writer.clone();
        let task = self.tasks.spawn(async move {
            let reply = answer.await.map_err(TaskEnd::Halt)?;
            let written = writer.write(call, &reply).map_err(TaskEnd::TooMany);
            writer.record.kept(call).await;
            pass(Failpoint::Kept);
            written
        });
        self.calls.insert(task.id(), call);
    }

    /// A call that is done at once.
    pub(crate) fn finish(&mut self, call: u32, reply: &Reply) -> Result<(), TooManyCalls> {
        let reply = self.writer.write(call, reply)?;
        let held = reply.len() + BESIDE;
        self.keep(call, reply, held);
        Ok(())
    }

    /// A call that was answered before, as it was. It is in the journal, and no answer of this run.
    pub(crate) fn again(&mut self, call: u32, reply: String) {
        self.keep(call, reply.into_bytes(), 0);
    }

    /// A call of a replay that nobody answers any more.
    pub(crate) fn leave(&mut self, call: u32) {
        self.unanswered.insert(call);
    }

    /// The reply of a call that somebody waited for all the while. The budget has to have room for it for a moment, as for
    /// any other.
    pub(crate) fn pass(&self, call: u32, reply: &Reply) -> Written {
        let bytes = self.writer.write(call, reply)?;
        self.writer.budget.give_back(bytes.len() + BESIDE);
        Ok(bytes)
    }

    /// The first that is done and not reported; 0 where the time passes before, or nothing is under way.
    pub(crate) async fn next(&mut self, longest: Option<Duration>) -> wasmtime::Result<u32> {
        while let Some(call) = self.order.front() {
            if self.done.get(call).is_some_and(|done| !done.reported) {
                return Ok(*call);
            }
            self.order.pop_front();
        }
        let until = longest.and_then(|longest| Instant::now().checked_add(longest));
        loop {
            let joined = match until {
                Some(_) if longest == Some(Duration::ZERO) => self.tasks.try_join_next_with_id(),
                Some(until) => {
                    let joined = tokio::time::timeout_at(until, self.tasks.join_next_with_id());
                    match joined.await {
                        Ok(joined) => joined,
                        Err(_) => return Ok(0),
                    }
                }
                None => self.tasks.join_next_with_id().await,
            };
            match (joined, until) {
                (Some(joined), _) => {
                    if let Some(call) = self.joined(joined)? {
                        return Ok(call);
                    }
                }
                // What is left is up to people, or to time.
                (None, None) if !self.parked.is_empty() => return Err(Halt::Parked.into()),
                (None, Some(until)) if !self.parked.is_empty() => {
                    tokio::time::sleep_until(until).await;
                    return Ok(0);
                }
                (None, _) => return Ok(0),
            }
        }
    }

    /// No other wait will end with this one.
    pub(crate) fn report(&mut self, call: u32) {
        if let Some(done) = self.done.get_mut(&call) {
            done.reported = true;
        }
    }

    /// Waits for one call and takes its reply.
    pub(crate) async fn take(&mut self, call: u32) -> wasmtime::Result<Vec<u8>> {
        while !self.done.contains_key(&call) {
            if self.parked.contains(&call) {
                return Err(self.park().await);
            }
            if self.unanswered.contains(&call) {
                return Err(Halt::RecordingEnds.into());
            }
            let joined = self.tasks.join_next_with_id().await.ok_or(NoSuchCall)?;
            self.joined(joined)?;
        }
        let done = self.done.remove(&call).ok_or(NoSuchCall)?;
        self.writer.budget.give_back(done.held);
        if self.order.front() == Some(&call) {
            self.order.pop_front();
        } else if self.order.len() > 2 * self.done.len() + 64 {
            // Of a script that takes its calls in another order than they were done, and never waits.
            let done = &self.done;
            self.order.retain(|call| done.contains_key(call));
        }
        Ok(done.reply)
    }

    /// Waits for what else is under way, so that its answers are in the journal, and ends the run.
    pub(crate) async fn park(&mut self) -> wasmtime::Error {
        while let Some(joined) = self.tasks.join_next_with_id().await {
            if let Err(error) = self.joined(joined) {
                return error;
            }
        }
        Halt::Parked.into()
    }

    /// Keeps what came of a task, under the call that it was for. Nothing where that is parked.
    fn joined(
        &mut self,
        joined: Result<(Id, Result<Vec<u8>, TaskEnd>), JoinError>,
    ) -> wasmtime::Result<Option<u32>> {
        let (task, ended) = match joined {
            Ok((task, ended)) => (task, Ok(ended)),
            Err(error) => (error.id(), Err(error)),
        };
        // Every task was noted when it was started; 0 is the number of no call.
        let call = self.calls.remove(&task).unwrap_or_default();
        let reply = match ended {
            Ok(Ok(reply)) => reply,
            Ok(Err(TaskEnd::Halt(Halt::Parked))) => {
                self.parked.insert(call);
                return Ok(None);
            }
            Ok(Err(TaskEnd::Halt(halt))) => return Err(halt.into()),
            Ok(Err(TaskEnd::TooMany(error))) => return Err(error.into()),
            // THREAT[ESC-03]: a panic of ours is the error of the call in which it happened, and of no other.
            Err(_) => self.writer.write(call, &Refusal::Failed.into_reply())?,
        };
        let held = reply.len() + BESIDE;
        self.keep(call, reply, held);
        Ok(Some(call))
    }

    fn keep(&mut self, call: u32, reply: Vec<u8>, held: usize) {
        let done = Done {
            reply,
            reported: false,
            held,
        };
        self.done.insert(call, done);
        self.order.push_back(call);
    }
}

/// What a reply costs beside its bytes: its places in the tables above.
const BESIDE: usize = 200;

/// Makes bytes of replies, and has the journal know what the guest is given.
#[derive(Debug, Clone)]
struct ReplyWriter {
    budget: Budget,
    record: Record,
    watcher: Option<Arc<dyn CallWatcher>>,
}

impl ReplyWriter {
    /// The reply in bytes, or a refusal where the run's budget has no room for it.
    fn write(&self, call: u32, reply: &Reply) -> Written {
        let json = written(reply);
        let size = json.get().len() + BESIDE;
        let granted = match reply {
            Reply::Refused { .. } => self.budget.hold_refusal(size),
            _ => self.budget.hold(size),
        };
        if granted {
            return Ok(self.tell(call, reply, json));
        }
        let refusal = Refusal::TooMuchHeld { limit: MOST }.into_reply();
        let json = written(&refusal);
        if self.budget.hold_refusal(json.get().len() + BESIDE) {
            Ok(self.tell(call, &refusal, json))
        } else {
            Err(TooManyCalls::Bytes)
        }
    }

    fn tell(&self, call: u32, reply: &Reply, json: Box<RawValue>) -> Vec<u8> {
        let (result, code) = CallResult::of(reply);
        self.record.replied(call, result, code, &json);
        pass(Failpoint::Replied);
        if let Some(watcher) = &self.watcher {
            watcher.answered(&WatchedAnswer {
                run: self.record.run(),
                call,
                result,
                code,
            });
        }
        Box::<str>::from(json).into_boxed_bytes().into_vec()
    }
}

/// A reply is made of JSON and cannot fail to become some.
fn written(reply: &Reply) -> Box<RawValue> {
    to_raw_value(reply).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails, and one of them panics on purpose"
)]
mod tests {
    use super::*;

    fn calls() -> UnderWay {
        UnderWay::new(Budget::default(), Record::default())
    }

    fn done() -> Reply {
        Reply::Ok(to_raw_value(&1).unwrap())
    }

    #[tokio::test]
    async fn dos_11_replies_that_nobody_takes_are_dropped_beyond_a_limit_and_taking_makes_room() {
        let long = || Reply::Ok(to_raw_value(&"x".repeat(MOST / 2)).unwrap());
        let mut calls = calls();
        calls.finish(1, &long()).unwrap();
        calls.start(2, async move { Ok(long()) });
        assert_eq!(
            String::from_utf8(calls.take(2).await.unwrap()).unwrap(),
            r#"{"refused":{"code":"limit.held","exception":"RuntimeError","message":"the host holds 64.0 MiB for this run; the reply was dropped","because":null,"hint":"take the results of earlier calls before making more; the call itself may have been carried out"}}"#
        );
        assert!(calls.take(1).await.unwrap().len() > MOST / 2);
        calls.finish(3, &long()).unwrap();
        assert!(calls.take(3).await.unwrap().len() > MOST / 2);
    }

    #[tokio::test]
    async fn dos_05_a_run_that_takes_not_even_its_refusals_is_ended() {
        let mut calls = calls();
        let refused = || Refusal::TooMuchHeld { limit: MOST }.into_reply();
        assert!(calls.writer.budget.hold_refusal(MOST - 1000));
        let ended = (1..100).find_map(|call| calls.finish(call, &refused()).err());
        assert_eq!(
            ended.unwrap().to_string(),
            "replies of 67108864 bytes wait to be taken"
        );
        calls.writer.budget.give_back(MOST - 1000);
        calls.finish(100, &refused()).unwrap();
    }

    #[tokio::test]
    async fn a_call_is_reported_once_and_taken_once() {
        let mut calls = calls();
        calls.start(1, std::future::pending());
        calls.finish(2, &done()).unwrap();
        assert_eq!(calls.next(None).await.unwrap(), 2);
        calls.report(2);
        assert_eq!(calls.next(Some(Duration::ZERO)).await.unwrap(), 0);
        assert_eq!(calls.take(2).await.unwrap(), br#"{"ok":1}"#);
        // Nothing else will be done, so the wait for one that was taken has an end.
        calls.tasks = JoinSet::new();
        assert!(calls.take(2).await.is_err());
        assert_eq!(calls.writer.budget.used(), 0);
    }

    #[tokio::test]
    async fn calls_that_are_taken_in_another_order_are_waited_for_in_theirs_and_leave_nothing() {
        let mut calls = calls();
        calls.finish(1, &done()).unwrap();
        for call in 2..1000 {
            calls.finish(call, &done()).unwrap();
            calls.take(call).await.unwrap();
            assert!(calls.order.len() <= 66 + 2);
        }
        calls.finish(1000, &done()).unwrap();
        assert_eq!(calls.next(None).await.unwrap(), 1);
        calls.report(1);
        assert_eq!(calls.next(None).await.unwrap(), 1000);
        for call in [1000, 1] {
            calls.take(call).await.unwrap();
        }
        assert_eq!(calls.writer.budget.used(), 0);
    }

    #[tokio::test]
    async fn esc_03_a_panic_in_a_call_is_the_error_of_that_call() {
        let failed = r#"{"refused":{"code":"sandgate.failed","exception":"RuntimeError","message":"sandgate failed while it made this call; please report it","because":null,"hint":"the service may have carried the call out; look before you repeat it"}}"#;
        let mut calls = calls();
        calls.start(1, async { panic!("on purpose") });
        calls.start(2, async { Ok(done()) });
        assert_eq!(calls.take(2).await.unwrap(), br#"{"ok":1}"#);
        assert_eq!(calls.take(1).await.unwrap(), failed.as_bytes());
        calls.start(3, async { panic!("on purpose") });
        assert_eq!(calls.next(None).await.unwrap(), 3);
        assert_eq!(calls.take(3).await.unwrap(), failed.as_bytes());
    }
}
