//! The road of one call, on one page: decode, decide, clear, send, answer. Called by the linker for the imports that
//! are ours. There is no second road, and no step of this one may be left out.

use crate::{
    call::{self, Call, LONGEST_REQUEST},
    gate::{self, Cleared, Held},
    reach::Reach,
    recorder::{Diverged, Recorder},
    refusal::Refusal,
    service::CallError,
};
use sandgate_wire::Reply;
use serde_json::value::{RawValue, to_raw_value};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

/// THREAT[DOS-11]: replies of one run that the script has asked for and not taken. What comes beyond is refused.
const MOST_HELD: usize = 64 << 20;

/// What the road needs to know of a run. Dropping it ends the calls that are under way.
#[derive(Debug)]
pub(crate) struct Road {
    /// Nothing can be reached without it.
    reach: Option<Arc<Reach>>,
    held: Held,
    calls: u32,
    limit: u64,
    under_way: JoinSet<(u32, Vec<u8>)>,
    /// Replies that the guest has not taken yet, and their bytes, with those that are not here yet.
    done: BTreeMap<u32, Vec<u8>>,
    bytes: Arc<AtomicUsize>,
    /// Those of them that no wait has ended with yet, in the order in which they were done.
    unreported: VecDeque<u32>,
}

/// What becomes of a request at once.
enum Step {
    Answered(Reply),
    Asked(Asked),
}

/// A call that is not decided yet.
struct Asked {
    reach: Arc<Reach>,
    service: String,
    method: String,
    params: Box<RawValue>,
}

/// The guest asked for the reply of a call that is not under way.
#[derive(Debug, thiserror::Error)]
#[error("the guest waited for a call that it did not make")]
pub(crate) struct NoSuchCall;

impl Road {
    pub(crate) fn new(reach: Option<Arc<Reach>>, held: Held, limit: u64) -> Self {
        Self {
            reach,
            held,
            calls: 0,
            limit,
            under_way: JoinSet::new(),
            done: BTreeMap::new(),
            bytes: Arc::default(),
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
        let number = self.calls;
        match self.decode(request) {
            Ok(Step::Answered(reply)) => self.finish(number, written(Ok(reply), &self.bytes)),
            Ok(Step::Asked(asked)) => {
                let (held, bytes) = (self.held.clone(), Arc::clone(&self.bytes));
                // A task has a stack of its own; the guest's is not for policies and schemas.
                self.under_way.spawn(async move {
                    let reply = asked.answer(&held).await;
                    (number, written(reply, &bytes))
                });
            }
            Err(refusal) => self.finish(number, written(Err(refusal), &self.bytes)),
        }
        number
    }

    fn decode(&self, request: &[u8]) -> Result<Step, Refusal> {
        if u64::from(self.calls) > self.limit {
            return Err(Refusal::TooMany { limit: self.limit });
        }
        let granted = self
            .reach
            .as_ref()
            .and_then(|reach| reach.limits().call_bytes);
        let limit = granted.map_or(LONGEST_REQUEST, |bytes| {
            usize::try_from(bytes).map_or(LONGEST_REQUEST, |bytes| bytes.min(LONGEST_REQUEST))
        });
        if request.len() > limit {
            return Err(Refusal::TooLong {
                size: request.len(),
                limit,
            });
        }
        let call = call::decode(request)?;
        match &self.reach {
            _ if call.service() == OWN => own(self.reach.as_deref(), &call).map(Step::Answered),
            None => Err(not_available(&call)),
            Some(reach) => Ok(Step::Asked(Asked {
                reach: Arc::clone(reach),
                service: call.service().to_owned(),
                method: call.method().to_owned(),
                params: call.params().to_owned(),
            })),
        }
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
        let reply = self.done.remove(&call).ok_or(NoSuchCall)?;
        self.bytes.fetch_sub(reply.len(), Ordering::Relaxed);
        Ok(reply)
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

impl Asked {
    /// The decision, the gate, the service, the answer.
    async fn answer(self, held: &Held) -> Result<Reply, Refusal> {
        let reach = &self.reach;
        let decided = reach.decide(&self.service, &self.method, &self.params)?;
        let cleared = gate::clear(decided, reach.context(), reach.approver(), held).await?;
        match send(reach, cleared).await {
            Ok(result) => answered(reach, result),
            Err(CallError::Service(error)) => Ok(Reply::Failed {
                code: error.code,
                message: error.message,
                data: error.data,
            }),
            Err(error) => Err(Refusal::Unanswered(error)),
        }
    }
}

/// A result, unless it is longer than this context may have.
fn answered(reach: &Reach, result: Box<RawValue>) -> Result<Reply, Refusal> {
    let size = result.get().len();
    match reach.limits().reply_bytes {
        Some(limit) if u64::try_from(size).is_ok_and(|size| size > limit) => {
            Err(Refusal::ReplyTooLong { size, limit })
        }
        _ => Ok(Reply::Ok(result)),
    }
}

/// Makes one call with one clearance. THREAT[POL-05]: what is sent is one object, made here from what was decided.
async fn send(reach: &Reach, cleared: Cleared) -> Result<Box<RawValue>, CallError> {
    let (method, arguments) = cleared.spend();
    reach.pace(&method).await;
    let (to, identity) = (&method.address, reach.identity());
    reach
        .client()
        .call(to, identity, &method.method, arguments.params())
        .await
}

/// The reply in bytes, unless a run has too many of them already.
fn written(reply: Result<Reply, Refusal>, held: &AtomicUsize) -> Vec<u8> {
    let reply = reply.unwrap_or_else(Refusal::into_reply);
    let mut bytes = serde_json::to_vec(&reply).unwrap_or_default();
    if held
        .fetch_add(bytes.len(), Ordering::Relaxed)
        .saturating_add(bytes.len())
        > MOST_HELD
    {
        held.fetch_sub(bytes.len(), Ordering::Relaxed);
        let refusal = Refusal::TooMuchHeld { limit: MOST_HELD };
        bytes = serde_json::to_vec(&refusal.into_reply()).unwrap_or_default();
        held.fetch_add(bytes.len(), Ordering::Relaxed);
    }
    bytes
}

/// The runtime's own methods: what there is to call, and an echo. They show a script what its context may use and
/// change nothing.
const OWN: &str = "sandgate";

fn own(reach: Option<&Reach>, call: &Call<'_>) -> Result<Reply, Refusal> {
    let result = match (call.method(), reach) {
        ("echo", _) => Some(call.params().to_owned()),
        ("services", reach) => {
            let named = |(name, summary)| serde_json::json!({"name": name, "summary": summary});
            let services = reach.map(Reach::services).unwrap_or_default();
            let services: Vec<_> = services.into_iter().map(named).collect();
            to_raw_value(&services).ok()
        }
        ("interface", Some(reach)) => serde_json::from_str(call.params().get())
            .ok()
            .and_then(|Wanted { service }| reach.stub(&service))
            .and_then(|stub| String::from_utf8(stub.to_vec()).ok())
            .and_then(|stub| RawValue::from_string(stub).ok()),
        _ => None,
    };
    result.map(Reply::Ok).ok_or_else(|| not_available(call))
}

/// The parameters of `sandgate.interface`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    service: String,
}

fn not_available(call: &Call<'_>) -> Refusal {
    Refusal::NotAvailable {
        service: call.service().to_owned(),
        method: call.method().to_owned(),
    }
}
