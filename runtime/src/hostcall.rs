//! The road of one call, on one page: decode, decide, clear, send, answer. Called by the linker for the imports that
//! are ours. There is no second road, and no step of this one may be left out.

use crate::{
    call::{self, Call, LONGEST_REQUEST},
    gate::{self, Cleared, Held},
    reach::Reach,
    recorder::{Diverged, Recorder},
    refusal::Refusal,
    service::CallError,
    underway::{Glut, NoSuchCall, UnderWay},
};
use sandgate_wire::Reply;
use serde_json::value::{RawValue, to_raw_value};
use std::{sync::Arc, time::Duration};

/// What the road needs to know of a run. Dropping it ends the calls that are under way.
#[derive(Debug)]
pub(crate) struct Road {
    /// Nothing can be reached without it.
    reach: Option<Arc<Reach>>,
    held: Held,
    calls: u32,
    limit: u64,
    under_way: UnderWay,
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

impl Road {
    pub(crate) fn new(reach: Option<Arc<Reach>>, held: Held, limit: u64) -> Self {
        Self {
            reach,
            held,
            calls: 0,
            limit,
            under_way: UnderWay::default(),
        }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.into()
    }

    /// Starts one request down the road and returns its number. The bytes are the guest's; the reply is what it may
    /// know.
    pub(crate) fn begin(&mut self, request: &[u8]) -> Result<u32, Glut> {
        self.under_way.room()?;
        // THREAT[DOS-09]: refused calls count, or a script could ask for ever.
        self.calls = self.calls.saturating_add(1);
        let number = self.calls;
        match self.decode(request) {
            Ok(Step::Answered(reply)) => self.under_way.finish(number, reply),
            Err(refusal) => self.under_way.finish(number, refusal.into_reply()),
            Ok(Step::Asked(asked)) => {
                let held = self.held.clone();
                // A task has a stack of its own; the guest's is not for policies and schemas.
                let answer = async move {
                    asked
                        .answer(&held)
                        .await
                        .unwrap_or_else(Refusal::into_reply)
                };
                self.under_way.start(number, answer);
            }
        }
        Ok(number)
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
            // A replay takes them in the order of the recording, whatever is done first now.
            Some(call) => call,
            None => self.under_way.next(longest).await,
        };
        if call == 0 {
            // Where time is not the host's, it has passed now.
            let _ = recorder.sleep(longest.unwrap_or_default());
        }
        self.under_way.report(call);
        recorder.waited(call);
        Ok(call)
    }

    /// Waits for one call and takes its reply.
    pub(crate) async fn collect(&mut self, call: u32) -> Result<Vec<u8>, NoSuchCall> {
        self.under_way.take(call).await
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
