//! The calls of one run that are under way or done and not taken. Kept by `hostcall`. It must never hold more than the
//! host can spare, whatever a script begins and does not collect.

use crate::refusal::Refusal;
use sandgate_wire::Reply;
use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

/// THREAT[DOS-11]: bytes of replies that a script has asked for and not taken. What comes beyond is dropped.
const MOST: usize = 64 << 20;

/// THREAT[DOS-09]: calls that a script has begun and not taken; refused ones are among them. A run with more is ended.
const MOST_CALLS: usize = 100_000;

/// Calls by their numbers. Dropping it ends them.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    tasks: JoinSet<(u32, Vec<u8>)>,
    done: BTreeMap<u32, Vec<u8>>,
    /// Of all replies that are here, those of tasks that nobody has looked at included.
    bytes: Arc<AtomicUsize>,
    /// Those that are done and that no wait has ended with, in the order in which they were done.
    unreported: VecDeque<u32>,
}

/// The guest asked for the reply of a call that is not under way.
#[derive(Debug, thiserror::Error)]
#[error("the guest waited for a call that it did not make")]
pub(crate) struct NoSuchCall;

/// The guest begins calls and does not take their replies.
#[derive(Debug, thiserror::Error)]
#[error("{MOST_CALLS} calls wait to be taken")]
pub(crate) struct Glut;

impl UnderWay {
    /// Whether there is room for one more.
    pub(crate) fn room(&self) -> Result<(), Glut> {
        if self.done.len().saturating_add(self.tasks.len()) < MOST_CALLS {
            Ok(())
        } else {
            Err(Glut)
        }
    }

    /// Starts a call, which goes on by itself.
    pub(crate) fn start(
        &mut self,
        call: u32,
        answer: impl Future<Output = Reply> + Send + 'static,
    ) {
        let bytes = Arc::clone(&self.bytes);
        self.tasks
            .spawn(async move { (call, written(&answer.await, &bytes)) });
    }

    /// A call that is done at once.
    pub(crate) fn finish(&mut self, call: u32, reply: Reply) {
        let reply = written(&reply, &self.bytes);
        self.keep(call, reply);
    }

    /// The first that is done and not reported; 0 where the time passes before, or nothing is under way.
    pub(crate) async fn next(&mut self, longest: Option<Duration>) -> u32 {
        if let Some(call) = self.unreported.front() {
            return *call;
        }
        let joined = match longest {
            Some(Duration::ZERO) => self.tasks.try_join_next(),
            Some(longest) => tokio::time::timeout(longest, self.tasks.join_next())
                .await
                .ok()
                .flatten(),
            None => self.tasks.join_next().await,
        };
        match joined {
            Some(Ok((call, reply))) => {
                self.keep(call, reply);
                call
            }
            _ => 0,
        }
    }

    /// No other wait will end with this one.
    pub(crate) fn report(&mut self, call: u32) {
        self.unreported.retain(|&other| other != call);
    }

    /// Waits for one call and takes its reply.
    pub(crate) async fn take(&mut self, call: u32) -> Result<Vec<u8>, NoSuchCall> {
        while !self.done.contains_key(&call) {
            let joined = self.tasks.join_next().await;
            let (done, reply) = joined.and_then(Result::ok).ok_or(NoSuchCall)?;
            self.keep(done, reply);
        }
        self.report(call);
        let reply = self.done.remove(&call).ok_or(NoSuchCall)?;
        self.bytes.fetch_sub(reply.len(), Ordering::Relaxed);
        Ok(reply)
    }

    fn keep(&mut self, call: u32, reply: Vec<u8>) {
        self.done.insert(call, reply);
        self.unreported.push_back(call);
    }
}

/// The reply in bytes, unless a run has too many of them already.
fn written(reply: &Reply, held: &AtomicUsize) -> Vec<u8> {
    let bytes = serde_json::to_vec(reply).unwrap_or_default();
    let before = held.fetch_add(bytes.len(), Ordering::Relaxed);
    if before.saturating_add(bytes.len()) <= MOST {
        return bytes;
    }
    held.fetch_sub(bytes.len(), Ordering::Relaxed);
    let refusal = Refusal::TooMuchHeld { limit: MOST }.into_reply();
    let bytes = serde_json::to_vec(&refusal).unwrap_or_default();
    held.fetch_add(bytes.len(), Ordering::Relaxed);
    bytes
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use serde_json::value::to_raw_value;

    #[tokio::test]
    async fn dos_11_replies_that_nobody_takes_are_dropped_beyond_a_limit_and_taking_makes_room() {
        let long = || Reply::Ok(to_raw_value(&"x".repeat(MOST / 2)).unwrap());
        let mut calls = UnderWay::default();
        calls.finish(1, long());
        calls.start(2, async move { long() });
        assert_eq!(
            String::from_utf8(calls.take(2).await.unwrap()).unwrap(),
            r#"{"refused":{"exception":"RuntimeError","message":"replies of 67108864 bytes wait to be taken; this one was dropped","hint":"take the results of earlier calls before making more"}}"#
        );
        assert!(calls.take(1).await.unwrap().len() > MOST / 2);
        calls.finish(3, long());
        assert!(calls.take(3).await.unwrap().len() > MOST / 2);
    }

    #[tokio::test]
    async fn a_call_is_reported_once_and_taken_once() {
        let mut calls = UnderWay::default();
        let done = || Reply::Ok(to_raw_value(&1).unwrap());
        calls.start(1, std::future::pending());
        calls.finish(2, done());
        assert_eq!(calls.next(None).await, 2);
        calls.report(2);
        assert_eq!(calls.next(Some(Duration::ZERO)).await, 0);
        assert_eq!(calls.take(2).await.unwrap(), br#"{"ok":1}"#);
        calls.tasks.abort_all();
        assert!(calls.take(2).await.is_err());
    }
}
