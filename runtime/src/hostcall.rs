//! The road of one call, on one page: decode, decide, clear, send, answer. Called by the linker for the imports that
//! are ours. There is no second road, and no step of this one may be left out.

mod builtin;
pub(crate) mod call;
mod carrier;
mod decided;
mod desk;
mod gate;
mod inline;
pub(crate) mod pace;
pub(crate) mod question;
pub(crate) mod reach;
mod refusal;
mod tally;
mod underway;
pub(crate) mod watch;

pub(crate) use gate::People;
pub(crate) use inline::Inline;
pub use refusal::{Hint, RefusalKind};
pub(crate) use underway::TooManyCalls;

use crate::{
    budget::{Budget, MOST},
    processor::Processor,
    recorder::{Recorder, TapeError},
};
use call::{Call, LONGEST_REQUEST};
use carrier::Carrier;
use desk::Desk;
use gate::{Agreed, Cleared};
use pace::OwnQueue;
use question::Pause;
use reach::Reach;
use refusal::Refusal;
use sandgate_policy::{ContextLimits, Moment};
use sandgate_wire::Reply;
use serde_json::value::RawValue;
use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tally::Tally;
use underway::UnderWay;

/// What the road needs to know of a run. Dropping it ends the calls that are under way.
#[derive(Debug)]
pub(crate) struct Road {
    /// Requests, by which each has its number.
    calls: u32,
    /// Those that count as calls.
    made: u64,
    /// Those that do not.
    imports: u64,
    limit: u64,
    /// The call whose reply the script waits for, and can do nothing else.
    waited_for: Option<Arc<Call>>,
    budget: Budget,
    under_way: UnderWay,
    inline: Inline,
    pause: Pause,
    /// Whether the operator knows that a service is asked for that is not there.
    told: AtomicBool,
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
    tally: Tally,
    carrier: Carrier,
}

/// What becomes of a request at once.
enum Step<A> {
    Answered(Reply),
    Begun(A),
}

/// How often a script may ask what there is without its being a call: more often than there are services to import.
const MOST_IMPORTS: u64 = 1_000;

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
                tally: Tally::default(),
                carrier: reach.carrier().of_a_run(),
                reach,
            })
        });
        Self {
            calls: 0,
            made: 0,
            imports: 0,
            limit,
            waited_for: None,
            under_way: UnderWay::new(budget.clone()),
            inline: Inline::default(),
            told: AtomicBool::new(false),
            budget,
            pause,
            lane,
        }
    }

    /// What the run has to be driven with.
    pub(crate) fn inline(&self) -> Inline {
        self.inline.clone()
    }

    /// Waits for something between two scripts of a session: no time passes for the run, and what it may take begins anew.
    pub(crate) async fn between<F: Future>(&self, waited: F) -> F::Output {
        let _stands = self.pause.typing();
        self.pause.begin_anew();
        waited.await
    }

    /// The run's clock, for whoever waits for a person.
    pub(crate) fn pause(&self) -> &Pause {
        &self.pause
    }

    pub(crate) fn calls(&self) -> u64 {
        self.made
    }

    /// The method whose reply the script waited for when it was ended, where it did.
    pub(crate) fn waited_for(&self) -> Option<String> {
        let call = self.waited_for.as_ref()?;
        Some(format!("{}.{}", call.service(), call.method()))
    }

    /// Starts one request down the road and returns its number. The bytes are the guest's; the reply is what it may
    /// know.
    pub(crate) fn begin(
        &mut self,
        request: &[u8],
        recorder: &mut Recorder,
    ) -> wasmtime::Result<u32> {
        self.under_way.room()?;
        let step = self.step(request, recorder)?;
        let number = self.calls;
        match step {
            Step::Answered(reply) => self.under_way.finish(number, reply)?,
            Step::Begun(answering) => {
                self.waited_for = None;
                self.under_way.start(number, answering);
            }
        }
        Ok(number)
    }

    /// Makes one request and returns its reply.
    pub(crate) async fn call(
        &mut self,
        request: &[u8],
        recorder: &mut Recorder,
    ) -> wasmtime::Result<Vec<u8>> {
        let step = self.step(request, recorder)?;
        let _waits = self.pause.script_waits();
        let reply = match step {
            Step::Answered(reply) => reply,
            Step::Begun(answering) => self.inline.answer(answering).await,
        };
        self.waited_for = None;
        Ok(self.under_way.pass(&reply)?)
    }

    /// One more request: answered, or as much of it as is done while others go on.
    fn step(
        &mut self,
        request: &[u8],
        recorder: &mut Recorder,
    ) -> Result<Step<impl Future<Output = Reply> + Send + use<>>, TapeError> {
        self.calls = self.calls.saturating_add(1);
        // What no policy is asked about takes no time of the tape.
        let now = match self.lane {
            Some(_) => recorder.wall_ms()?,
            None => 0,
        };
        let (lane, call) = match self.decode(request, Moment::of_ms(now)) {
            Ok(Step::Answered(reply)) => return Ok(Step::Answered(reply)),
            Ok(Step::Begun(begun)) => begun,
            Err(refusal) => return Ok(Step::Answered(refusal.into_reply())),
        };
        // THREAT[DOS-10]: for as long as it waits, for a person, a turn or the service.
        let size = call.params().get().len().saturating_mul(3) + BESIDE;
        let Some(share) = self.budget.take(size) else {
            let refusal = Refusal::TooMuchUnderWay { limit: MOST };
            return Ok(Step::Answered(refusal.into_reply()));
        };
        let call = Arc::new(call);
        self.waited_for = Some(Arc::clone(&call));
        Ok(Step::Begun(async move {
            let _share = share;
            let answer = lane.answer(call).await;
            answer.unwrap_or_else(Refusal::into_reply)
        }))
    }

    fn decode(&mut self, request: &[u8], now: Moment) -> Result<Step<(Arc<Lane>, Call)>, Refusal> {
        // THREAT[DOS-09]: refused calls count, or a script could ask for ever.
        self.made = self.made.saturating_add(1);
        if self.made > self.limit {
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
        let call = call::decode(request, now)?;
        match &self.lane {
            lane if call.service() == builtin::SERVICE => {
                // An import is none of the calls that a context limits.
                if builtin::is_import(&call) && self.imports < MOST_IMPORTS {
                    self.imports = self.imports.saturating_add(1);
                    self.made = self.made.saturating_sub(1);
                }
                let reach = lane.as_ref().map(|lane| &*lane.reach);
                builtin::answer(reach, call, &self.told).map(Step::Answered)
            }
            None => Err(call.not_available()),
            Some(lane) => Ok(Step::Begun((Arc::clone(lane), call))),
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
    async fn answer(&self, call: Arc<Call>) -> Result<Reply, Refusal> {
        let cleared = self.clear(&call).await?;
        let policy = Arc::clone(cleared.policy());
        match self.carrier.carry(cleared).await {
            Ok(result) => answered(&policy.limits, result),
            Err(error) => refusal::without_result(call.service(), call.method(), &error),
        }
    }

    /// A clearance by the policies that are in force when it is used: THREAT[APR-05], while a person was looking, or the
    /// call waited for its turn, they may have changed, and then it is decided again.
    async fn clear(&self, call: &Arc<Call>) -> Result<Cleared, Refusal> {
        let mut agreed = Agreed::default();
        loop {
            let decided = self.desk.decide(&self.reach, call).await?;
            let place = self.tally.take(decided.method(), decided.limits())?;
            let cleared =
                gate::clear(decided, self.reach.approver(), &self.people, &mut agreed).await?;
            let (service, limits) = (cleared.service(), &cleared.policy().limits);
            self.reach.pace(service, limits, &self.turns).await;
            if self.reach.is_in_force(cleared.policy()) {
                place.keep();
                return Ok(cleared);
            }
        }
    }
}

/// A result, unless it is longer than this context may have.
fn answered(limits: &ContextLimits, result: Box<RawValue>) -> Result<Reply, Refusal> {
    let size = result.get().len();
    let limit = limits.reply_bytes;
    match limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)) {
        Some(limit) if size > limit => Err(Refusal::ReplyTooLong { size, limit }),
        _ => Ok(Reply::Ok(result)),
    }
}
