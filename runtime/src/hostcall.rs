//! The road of one call, on one page: decode, decide, answer. Called by the linker for the imports that are ours.
//! There is no second road, and no step of this one may be left out.

use crate::{
    call::{self, Call, LONGEST_REQUEST},
    recorder::{Diverged, Recorder},
    refusal::Refusal,
};
use sandgate_wire::Reply;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};
use tokio::task::JoinSet;

/// What the road needs to know of a run. Dropping it ends the calls that are under way.
#[derive(Debug)]
pub(crate) struct Road {
    calls: u32,
    limit: u64,
    under_way: JoinSet<(u32, Vec<u8>)>,
    /// Replies that the guest has not taken yet.
    done: BTreeMap<u32, Vec<u8>>,
    /// Those of them that no wait has ended with yet, in the order in which they were done.
    unreported: VecDeque<u32>,
}

/// The guest asked for the reply of a call that is not under way.
#[derive(Debug, thiserror::Error)]
#[error("the guest waited for a call that it did not make")]
pub(crate) struct NoSuchCall;

impl Road {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            calls: 0,
            limit,
            under_way: JoinSet::new(),
            done: BTreeMap::new(),
            unreported: VecDeque::new(),
        }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.into()
    }

    /// Starts one request down the road and returns its number. The bytes are the guest's; the reply is what it may
    /// know.
    pub(crate) fn begin(&mut self, request: &[u8]) -> u32 {
        // THREAT[DOS-09]: refused calls count, or a script could ask for ever.
        self.calls = self.calls.saturating_add(1);
        let reply = match self.answer(request) {
            Ok(reply) => reply,
            Err(refusal) => refusal.into_reply(),
        };
        self.finish(self.calls, serde_json::to_vec(&reply).unwrap_or_default());
        self.calls
    }

    fn answer(&self, request: &[u8]) -> Result<Reply, Refusal> {
        if u64::from(self.calls) > self.limit {
            return Err(Refusal::TooMany { limit: self.limit });
        }
        if request.len() > LONGEST_REQUEST {
            return Err(Refusal::TooLong {
                size: request.len(),
                limit: LONGEST_REQUEST,
            });
        }
        decide(&call::decode(request)?)
    }

    /// Waits until a call is done that was not reported yet, and returns its number; 0 where the time, or what there
    /// is to wait for, comes to an end before.
    pub(crate) async fn wait(
        &mut self,
        recorder: &mut Recorder,
        longest: Option<Duration>,
    ) -> Result<u32, Diverged> {
        let call = match recorder.recorded_wait()? {
            Some(0) => 0,
            Some(call) => {
                // A replay takes them in the order of the recording, whatever is done first now.
                let _ = self.until(call).await;
                call
            }
            None => self.next(longest).await,
        };
        if call == 0 {
            // Where time is not the host's, it has passed now.
            let _ = recorder.sleep(longest.unwrap_or_default());
        }
        self.unreported.retain(|&other| other != call);
        recorder.waited(call);
        Ok(call)
    }

    /// Waits for one call and takes its reply.
    pub(crate) async fn collect(&mut self, call: u32) -> Result<Vec<u8>, NoSuchCall> {
        self.until(call).await?;
        self.unreported.retain(|&other| other != call);
        self.done.remove(&call).ok_or(NoSuchCall)
    }

    async fn next(&mut self, longest: Option<Duration>) -> u32 {
        if let Some(call) = self.unreported.front() {
            return *call;
        }
        let joined = match longest {
            Some(Duration::ZERO) => self.under_way.try_join_next(),
            Some(longest) => tokio::time::timeout(longest, self.under_way.join_next())
                .await
                .ok()
                .flatten(),
            None => self.under_way.join_next().await,
        };
        match joined {
            Some(Ok((call, reply))) => {
                self.finish(call, reply);
                call
            }
            _ => 0,
        }
    }

    async fn until(&mut self, call: u32) -> Result<(), NoSuchCall> {
        while !self.done.contains_key(&call) {
            let (call, reply) = self
                .under_way
                .join_next()
                .await
                .and_then(Result::ok)
                .ok_or(NoSuchCall)?;
            self.finish(call, reply);
        }
        Ok(())
    }

    fn finish(&mut self, call: u32, reply: Vec<u8>) {
        self.done.insert(call, reply);
        self.unreported.push_back(call);
    }
}

/// The runtime's own `sandgate.echo` is all that exists; whatever else is asked for is not available.
fn decide(call: &Call<'_>) -> Result<Reply, Refusal> {
    match (call.service(), call.method()) {
        ("sandgate", "echo") => Ok(Reply::Ok(call.params().to_owned())),
        (service, method) => Err(Refusal::NotAvailable {
            service: service.to_owned(),
            method: method.to_owned(),
        }),
    }
}
