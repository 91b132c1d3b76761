//! The road of one call, on one page: decode, decide, clear, send, answer. Called by the linker for the imports that
//! are ours. There is no second road, and no step of this one may be left out.

pub(crate) mod call;
mod desk;
mod gate;
mod pace;
pub(crate) mod question;
pub(crate) mod reach;
mod refusal;
mod underway;

pub(crate) use gate::People;
pub(crate) use underway::TooManyCalls;

use crate::{
    budget::{Budget, MOST},
    processor::Processor,
    recorder::Recorder,
};
use call::{Call, LONGEST_REQUEST};
use desk::Desk;
use gate::{Agreed, Cleared};
use pace::OwnQueue;
use question::Pause;
use reach::{Asked, Reach};
use refusal::Refusal;
use sandgate_policy::Limits;
use sandgate_service::{Allotment, CallError};
use sandgate_wire::Reply;
use serde_json::value::{RawValue, to_raw_value};
use std::{sync::Arc, time::Duration};
use underway::UnderWay;

/// What the road needs to know of a run. Dropping it ends the calls that are under way.
#[derive(Debug)]
pub(crate) struct Road {
    calls: u32,
    limit: u64,
    budget: Budget,
    under_way: UnderWay,
    pause: Pause,
    /// Nothing can be reached without it.
    lane: Option<Arc<Lane>>,
}

/// What the calls of one run share on the way to services.
#[derive(Debug)]
struct Lane {
    reach: Arc<Reach>,
    desk: Desk,
    people: People,
    turns: OwnQueue,
    connections: Allotment,
}

/// What becomes of a request at once.
enum Step {
    Answered(Reply),
    Asked(Arc<Lane>, Asked),
}

/// What a call costs beside three times its parameters, which are kept as they came, as they are sent, and in the message.
const BESIDE: usize = 4 << 10;

impl Road {
    pub(crate) fn new(
        reach: Option<Arc<Reach>>,
        people: People,
        processor: Processor,
        budget: Budget,
        limit: u64,
    ) -> Self {
        let pause = people.pause.clone();
        let lane = reach.map(|reach| {
            Arc::new(Lane {
                desk: Desk::new(processor),
                people,
                turns: OwnQueue::default(),
                connections: reach.client().allotment(),
                reach,
            })
        });
        Self {
            calls: 0,
            limit,
            under_way: UnderWay::new(budget.clone()),
            budget,
            pause,
            lane,
        }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.into()
    }

    /// Starts one request down the road and returns its number. The bytes are the guest's; the reply is what it may
    /// know.
    pub(crate) fn begin(&mut self, request: &[u8]) -> Result<u32, TooManyCalls> {
        self.under_way.room()?;
        // THREAT[DOS-09]: refused calls count, or a script could ask for ever.
        self.calls = self.calls.saturating_add(1);
        let number = self.calls;
        match self.decode(request) {
            Ok(Step::Answered(reply)) => self.under_way.finish(number, reply)?,
            Err(refusal) => self.under_way.finish(number, refusal.into_reply())?,
            Ok(Step::Asked(lane, asked)) => {
                // THREAT[DOS-10]: for as long as it waits, for a person, a turn or the service.
                let size = asked.params.get().len().saturating_mul(3) + BESIDE;
                let Some(share) = self.budget.take(size) else {
                    let refusal = Refusal::TooMuchUnderWay { limit: MOST };
                    self.under_way.finish(number, refusal.into_reply())?;
                    return Ok(number);
                };
                // A task has a stack of its own; the guest's is not for policies and schemas.
                self.under_way.start(number, async move {
                    let _share = share;
                    let answer = lane.answer(Arc::new(asked)).await;
                    answer.unwrap_or_else(Refusal::into_reply)
                });
            }
        }
        Ok(number)
    }

    fn decode(&self, request: &[u8]) -> Result<Step, Refusal> {
        if u64::from(self.calls) > self.limit {
            return Err(Refusal::TooMany { limit: self.limit });
        }
        let policy = self.lane.as_ref().and_then(|lane| lane.reach.policy());
        let limit = policy
            .and_then(|policy| policy.limits.call_bytes)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(LONGEST_REQUEST);
        if request.len() > limit {
            return Err(Refusal::TooLong {
                size: request.len(),
                limit,
            });
        }
        let call = call::decode(request)?;
        match &self.lane {
            lane if call.service() == OWN => {
                let reach = lane.as_ref().map(|lane| &*lane.reach);
                own(reach, &call).map(Step::Answered)
            }
            None => Err(not_available(&call)),
            Some(lane) => Ok(Step::Asked(
                Arc::clone(lane),
                Asked {
                    service: call.service().to_owned(),
                    method: call.method().to_owned(),
                    params: call.params().to_owned(),
                },
            )),
        }
    }

    /// Waits until a call is done that was not reported yet, and returns its number; 0 where the time, or what there
    /// is to wait for, comes to an end before.
    pub(crate) async fn wait(
        &mut self,
        recorder: &mut Recorder,
        longest: Option<Duration>,
    ) -> wasmtime::Result<u32> {
        let call = match recorder.recorded_wait()? {
            // A replay takes them in the order of the recording, whatever is done first now.
            Some(call) => call,
            None => {
                let _waits = longest.is_none().then(|| self.pause.script_waits());
                self.under_way.next(longest).await?
            }
        };
        if call == 0 {
            // Where time is not the host's, it has passed now.
            let _ = recorder.sleep(longest.unwrap_or_default());
        }
        self.under_way.report(call);
        recorder.waited(call)?;
        Ok(call)
    }

    /// Waits for one call and takes its reply.
    pub(crate) async fn collect(&mut self, call: u32) -> wasmtime::Result<Vec<u8>> {
        let _waits = self.pause.script_waits();
        self.under_way.take(call).await
    }
}

impl Lane {
    /// The decision, the gate, the service, the answer.
    async fn answer(&self, asked: Arc<Asked>) -> Result<Reply, Refusal> {
        let cleared = self.clear(&asked).await?;
        let policy = Arc::clone(cleared.policy());
        match self.send(cleared).await {
            Ok(result) => answered(&policy.limits, result),
            Err(CallError::Service(error)) => Ok(Reply::Failed {
                code: error.code,
                message: error.message,
                data: error.data,
            }),
            Err(error) => Err(Refusal::Unanswered(error)),
        }
    }

    /// A clearance by the policies that are in force when it is used: THREAT[APR-05], while a person was looking, or the
    /// call waited for its turn, they may have changed, and then it is decided again.
    async fn clear(&self, asked: &Arc<Asked>) -> Result<Cleared, Refusal> {
        let mut agreed = Agreed::default();
        loop {
            let decided = self.desk.decide(&self.reach, asked).await?;
            let cleared = gate::clear(decided, &self.reach, &self.people, &mut agreed).await?;
            let (service, limits) = (cleared.service(), &cleared.policy().limits);
            self.reach.pace(service, limits, &self.turns).await;
            if self.reach.is_in_force(cleared.policy()) {
                return Ok(cleared);
            }
        }
    }

    /// Makes one call with one clearance. THREAT[POL-05]: what is sent is one object, made here from what was decided.
    async fn send(&self, cleared: Cleared) -> Result<Box<RawValue>, CallError> {
        let (method, identity, params) = cleared.spend();
        let client = self.reach.client();
        client
            .call_within(
                &self.connections,
                &method.address,
                &identity,
                &method.method,
                &params,
            )
            .await
    }
}

/// A result, unless it is longer than this context may have.
fn answered(limits: &Limits, result: Box<RawValue>) -> Result<Reply, Refusal> {
    let size = result.get().len();
    match limits.reply_bytes {
        Some(limit) if u64::try_from(size).is_ok_and(|size| size > limit) => {
            Err(Refusal::ReplyTooLong { size, limit })
        }
        _ => Ok(Reply::Ok(result)),
    }
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
