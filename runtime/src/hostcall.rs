//! The road of one call, on one page: decode, decide, clear, send, answer. Called by the linker for the imports that
//! are ours. There is no second road, and no step of this one may be left out.

pub(crate) mod again;
mod builtin;
pub(crate) mod call;
mod carrier;
pub(crate) mod changes;
mod decided;
mod desk;
mod gate;
pub(crate) mod halt;
mod inline;
pub(crate) mod pace;
pub(crate) mod question;
pub(crate) mod reach;
mod refusal;
mod sources;
mod tally;
mod underway;
pub(crate) mod watch;

pub(crate) use gate::People;
pub(crate) use inline::Inline;
pub(crate) use refusal::not_made;
pub use refusal::{Hint, RefusalKind};
pub(crate) use underway::TooManyCalls;

use crate::{
    budget::{Budget, MOST},
    failpoint::{Failpoint, pass},
    journal::{
        entry::{GivenEntry, Said},
        past::PastEnd,
        record::{DecidedCall, Record, Ticket},
    },
    made::BUILTIN,
    processor::Processor,
    recorder::Recorder,
};
use again::{Again, AgainError, Before, OpenCall};
use call::{Call, LONGEST_REQUEST};
use carrier::Carrier;
use changes::{Changes, PlanWord, PlannedChange, holds_placeholders};
use decided::Decided;
use desk::Desk;
use gate::{Agreed, Cleared, GateQuestion, Stop};
use halt::Halt;
use pace::OwnQueue;
use question::{Pause, Used};
use reach::Reach;
use refusal::Refusal;
use sandgate_policy::{ContextLimits, Effect, JournalDuty, Moment, Verdict};
use sandgate_wire::Reply;
use serde_json::value::{RawValue, to_raw_value};
use sources::Sources;
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
    /// What the journal is told.
    record: Record,
    /// What the run did before, where it is made again.
    again: Option<Again>,
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
    sources: Sources,
    changes: Changes,
    carrier: Carrier,
    record: Record,
    may_park: bool,
}

/// What a road is made of.
#[derive(Debug, Default)]
pub(crate) struct RoadParts {
    pub(crate) reach: Option<Arc<Reach>>,
    pub(crate) people: People,
    pub(crate) processor: Processor,
    pub(crate) budget: Budget,
    /// How many calls there may be.
    pub(crate) limit: u64,
    pub(crate) record: Record,
    /// What the run did before, where it is made again.
    pub(crate) again: Option<Again>,
    /// Whether it can be gone on with from the journal.
    pub(crate) may_park: bool,
    pub(crate) changes: Changes,
}

/// What becomes of a request at once.
enum Step<A> {
    Answered(Reply),
    /// As it was before.
    Again(String),
    /// It had no answer before, and has none now.
    Unanswered,
    Begun(A),
}

/// A call that is to go down the road.
type Going = (Arc<Lane>, Arc<Call>, OpenCall);

/// How often a script may ask what there is without its being a call: more often than there are services to import.
const MOST_IMPORTS: u64 = 1_000;

/// What a call costs beside three times its parameters, which are kept as they came, as they are sent, and in the message.
const BESIDE: usize = 4 << 10;

impl Road {
    pub(crate) fn new(parts: RoadParts) -> Self {
        let RoadParts {
            reach,
            people,
            processor,
            budget,
            limit,
            record,
            again,
            may_park,
            changes,
        } = parts;
        let pause = people.pause.clone();
        let (tally, sources) = (Tally::default(), Sources::default());
        if let Some(again) = &again {
            people.were_asked(again.count(&tally, &sources));
        }
        let watcher = reach.as_ref().and_then(|reach| reach.watcher().cloned());
        let lane = reach.map(|reach| {
            Arc::new(Lane {
                desk: Desk::new(processor),
                people,
                turns: OwnQueue::default(),
                tally,
                sources,
                changes,
                carrier: reach.carrier().of_a_run(),
                record: record.clone(),
                may_park,
                reach,
            })
        });
        Self {
            calls: 0,
            made: 0,
            imports: 0,
            limit,
            waited_for: None,
            under_way: UnderWay::new(budget.clone(), record.clone()).watched(watcher),
            inline: Inline::default(),
            told: AtomicBool::new(false),
            budget,
            pause,
            record,
            again,
            lane,
        }
    }

    /// What the journal is told of the run.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// Has the journal know what the run was given up to now.
    pub(crate) fn note(&self, recorder: &mut Recorder) {
        if self.record.run().is_some() {
            let (readings, waits) = recorder.fresh();
            self.record.given(GivenEntry { readings, waits });
        }
    }

    /// What the run has to be driven with.
    pub(crate) fn inline(&self) -> Inline {
        self.inline.clone()
    }

    /// Waits for something between two scripts of a session: no time passes for the run, and what it may take begins anew.
    pub(crate) async fn between<F: Future>(&self, waited: F) -> F::Output {
        let _stands = self.pause.typing();
        self.pause.begin_anew(Used::default());
        waited.await
    }

    /// The run's clock, for whoever waits for a person.
    pub(crate) fn pause(&self) -> &Pause {
        &self.pause
    }

    pub(crate) fn calls(&self) -> u64 {
        self.made
    }

    /// What a replay that came to an end by itself did not ask for, where the recording did.
    pub(crate) fn left(&self) -> Option<String> {
        let left = self
            .again
            .as_ref()
            .filter(|again| !again.may_go_on())?
            .left();
        match left {
            Ok(left) => left.map(|left| left.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// How the run was ended that this is a replay of, where it did not end by itself.
    pub(crate) fn outside(&self) -> Option<&PastEnd> {
        self.again.as_ref()?.outside()
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
            Step::Answered(reply) => self.under_way.finish(number, &reply)?,
            Step::Again(reply) => self.under_way.again(number, reply),
            Step::Unanswered => self.under_way.leave(number),
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
            Step::Again(reply) => return Ok(reply.into_bytes()),
            Step::Unanswered => return Err(Halt::RecordingEnds.into()),
            Step::Begun(answering) => match self.inline.answer(answering).await {
                Ok(reply) => reply,
                Err(Halt::Parked) => return Err(self.under_way.park().await),
                Err(halt) => return Err(halt.into()),
            },
        };
        self.waited_for = None;
        let passed = self.under_way.pass(self.calls, &reply)?;
        self.record.kept(self.calls).await;
        pass(Failpoint::Kept);
        Ok(passed)
    }

    /// One more request: answered, or as much of it as is done while others go on.
    fn step(
        &mut self,
        request: &[u8],
        recorder: &mut Recorder,
    ) -> wasmtime::Result<Step<impl Future<Output = Result<Reply, Halt>> + Send + use<>>> {
        self.calls = self.calls.saturating_add(1);
        // What no policy is asked about takes no time of the tape.
        let had_services = self.again.as_ref().is_some_and(Again::had_services);
        let now = if self.lane.is_some() || had_services {
            recorder.wall_ms()?
        } else {
            0
        };
        self.note(recorder);
        let (lane, call, open) = match self.decode(request, Moment::of_ms(now)) {
            Ok(Step::Answered(reply)) => return Ok(Step::Answered(reply)),
            Ok(Step::Again(reply)) => return Ok(Step::Again(reply)),
            Ok(Step::Unanswered) => return Ok(Step::Unanswered),
            Ok(Step::Begun(going)) => going,
            Err(StepEnd::Refusal(refusal)) => return Ok(Step::Answered(refusal.into_reply())),
            Err(StepEnd::Again(AgainError::Halt(halt))) => return Err(halt.into()),
            Err(StepEnd::Again(AgainError::Ledger(error))) => return Err(error.into()),
        };
        // THREAT[DOS-10]: for as long as it waits, for a person, a turn or the service.
        let size = call.params().get().len().saturating_mul(3) + BESIDE;
        let Some(share) = self.budget.take(size) else {
            let refusal = Refusal::TooMuchUnderWay { limit: MOST };
            return Ok(Step::Answered(refusal.into_reply()));
        };
        self.waited_for = Some(Arc::clone(&call));
        Ok(Step::Begun(async move {
            let _share = share;
            match lane.answer(call, open).await {
                Ok(reply) => Ok(reply),
                Err(Stop::Refusal(refusal)) => Ok(refusal.into_reply()),
                Err(Stop::Halt(halt)) => Err(halt),
            }
        }))
    }

    fn decode(&mut self, request: &[u8], now: Moment) -> Result<Step<Going>, StepEnd> {
        // THREAT[DOS-09]: refused calls count, or a script could ask for ever.
        self.made = self.made.saturating_add(1);
        // How long a request may be is up to the context, which a replay does not have.
        if let Some(again) = &mut self.again
            && let Some(reply) = again.unread(self.calls).map_err(AgainError::from)?
        {
            return Ok(Step::Again(reply));
        }
        if self.made > self.limit {
            return Err(Refusal::TooMany { limit: self.limit }.into());
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
            }
            .into());
        }
        let call = call::decode(request, self.calls, now)?;
        // An import is none of the calls that a context limits.
        if builtin::is_import(&call) && self.imports < MOST_IMPORTS {
            self.imports = self.imports.saturating_add(1);
            self.made = self.made.saturating_sub(1);
        }
        let planned = match &self.lane {
            Some(lane) => lane.changes.next(&lane.reach, &call)?,
            None => None,
        };
        let open = match self.again.as_mut().map(|again| again.before(&call)) {
            Some(before) => match before? {
                Before::Answered(reply, made) => {
                    if let Some(made) = made {
                        self.record.answered_before(*made);
                    }
                    if let (Some(lane), Some(planned)) = (&self.lane, &planned) {
                        match serde_json::from_str(&reply) {
                            Ok(Reply::Ok(result)) => lane.changes.made(planned, result.get()),
                            _ if reply == said_not_made(&call) => lane.changes.not_made(planned),
                            _ => {}
                        }
                    }
                    return Ok(Step::Again(reply));
                }
                Before::Unanswered => return Ok(Step::Unanswered),
                Before::Open(open) => Some(*open),
                Before::Nothing => None,
            },
            None => None,
        };
        self.go_on();
        let (number, service, method) = (call.number(), call.service(), call.method());
        match &open {
            None => self.record.called(number, service, method, call.params()),
            // What it asked for before is in the journal already.
            Some(_) => self.record.called_before(number, service, method),
        }
        match &self.lane {
            lane if call.service() == BUILTIN => {
                let reach = lane.as_ref().map(|lane| &*lane.reach);
                Ok(Step::Answered(builtin::answer(reach, call, &self.told)?))
            }
            None => Err(call.not_available().into()),
            Some(lane) => Ok(Step::Begun((
                Arc::clone(lane),
                Arc::new(call),
                OpenCall {
                    planned,
                    ..open.unwrap_or_default()
                },
            ))),
        }
    }

    /// What the run did before it was parked has been made again: from here on its time counts.
    fn go_on(&mut self) {
        if let Some(spent) = self.again.as_mut().and_then(Again::goes_on) {
            self.pause.begin_anew(Used {
                wall: Duration::from_micros(spent.wall_us),
                cpu: Duration::from_micros(spent.cpu_us),
            });
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

/// Why a request goes no further: the script is told, or the run that is made again ends.
enum StepEnd {
    Refusal(Refusal),
    Again(AgainError),
}

impl From<Refusal> for StepEnd {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<Halt> for StepEnd {
    fn from(halt: Halt) -> Self {
        Self::Again(halt.into())
    }
}

impl From<AgainError> for StepEnd {
    fn from(error: AgainError) -> Self {
        Self::Again(error)
    }
}

impl Lane {
    /// The decision, the gate, the journal, the service, the answer.
    async fn answer(&self, call: Arc<Call>, open: OpenCall) -> Result<Reply, Stop> {
        if self.changes.are_planned()
            && let Some(reply) = self.plan(&call).await?
        {
            return Ok(reply);
        }
        let (cleared, ticket) = match self.clear(&call, &open).await {
            // A refusal would say that it was not made.
            Err(Stop::Refusal(_)) if open.may_be_made => {
                return Err(Stop::Halt(Halt::Unknown {
                    call: call.number(),
                    method: format!("{}.{}", call.service(), call.method()),
                }));
            }
            cleared => cleared?,
        };
        let (policy, method) = (Arc::clone(cleared.policy()), Arc::clone(cleared.method()));
        let answer = self.carrier.carry(cleared, ticket).await;
        pass(Failpoint::Sent);
        // An error of the service's own says something too.
        if method.source {
            self.sources.add(&method.service, &method.method);
        }
        match answer {
            Ok(result) => {
                if let Some(planned) = &open.planned {
                    self.changes.made(planned, result.get());
                }
                Ok(answered(&policy.limits, result)?)
            }
            Err(error) => Ok(refusal::without_result(
                call.service(),
                call.method(),
                &error,
            )?),
        }
    }

    /// What a call is answered with that is only planned: one that changes something, or that reads what only the plan has.
    /// Nothing for one that is made.
    async fn plan(&self, call: &Arc<Call>) -> Result<Option<Reply>, Stop> {
        let is_read = self.reach.effect(call) == Some(Effect::Read);
        if is_read && !holds_placeholders(call.params()) {
            return Ok(None);
        }
        let decided = self.decide(call).await?;
        self.tally.take(decided.method(), decided.limits())?.keep();
        let (method, params) = gate::planned(decided)?;
        self.record.planned(call.number(), &params);
        pass(Failpoint::Planned);
        let placeholder = to_raw_value(&method.placeholder(call.number()));
        Ok(Some(Reply::Ok(
            placeholder.unwrap_or_else(|_| RawValue::NULL.to_owned()),
        )))
    }

    /// Whoever agreed to a plan agreed to this call, if it is the one that was planned.
    fn agree(
        &self,
        planned: &PlannedChange,
        call: &Call,
        decided: &Decided,
        agreed: &mut Agreed,
    ) -> Result<(), Stop> {
        let word = self
            .changes
            .check(planned, call, decided.params(), decided.limits())?;
        let Some((by, plan)) = self.changes.agreed().filter(|_| agreed.is_none()) else {
            return Ok(());
        };
        match word {
            PlanWord::Enough => {
                if decided.decision().verdict == Verdict::Gate {
                    let by = format!("{}, by the plan {plan}", by.name);
                    self.record.answered(call.number(), Said::Yes, &by);
                }
                *agreed = Agreed::to(decided.params());
            }
            PlanWord::One => agreed.is_one(&by.name, format!("by the plan {plan}")),
            PlanWord::Nothing => {}
        }
        Ok(())
    }

    async fn decide(&self, call: &Arc<Call>) -> Result<Decided, Refusal> {
        let read_from = self.sources.now();
        let decided = self.desk.decide(&self.reach, call, &read_from).await?;
        self.record.decided(
            call.number(),
            &DecidedCall {
                decision: decided.decision(),
                effect: decided.method().effect,
                read_from: &read_from,
                source: decided.method().source,
                at: call.made().ms(),
                undo: decided.undo(),
            },
        );
        pass(Failpoint::Decided);
        Ok(decided)
    }

    /// A clearance by the policies that are in force when it is used, and a ticket for it: THREAT[APR-05], while a person was
    /// looking, or the call waited for its turn or the disk, they may have changed, and then it is decided again.
    async fn clear(&self, call: &Arc<Call>, open: &OpenCall) -> Result<(Cleared, Ticket), Stop> {
        let mut agreed = Agreed::default();
        loop {
            let decided = self.decide(call).await?;
            let place = self.tally.take(decided.method(), decided.limits())?;
            if let Some(planned) = &open.planned {
                self.agree(planned, call, &decided, &mut agreed)?;
            }
            let asking = GateQuestion {
                call,
                approver: self.reach.approver(),
                people: &self.people,
                record: &self.record,
                question: open.question.as_ref(),
                may_park: self.may_park,
            };
            let cleared = gate::clear(decided, asking, &mut agreed).await?;
            pass(Failpoint::Cleared);
            let (service, limits) = (cleared.service(), &cleared.policy().limits);
            self.reach.pace(service, limits, &self.turns).await;
            let is_required = limits.journal == Some(JournalDuty::Required);
            pass(Failpoint::Intending);
            let ticket = self.record.intend(
                call.number(),
                cleared.method().effect,
                cleared.params(),
                agreed.approval(),
                cleared.method().idempotent,
                is_required,
            );
            let ticket = ticket.await.map_err(|_| Refusal::Unwritten {
                service: call.service().to_owned(),
                method: call.method().to_owned(),
            })?;
            if self.reach.is_in_force(cleared.policy()) {
                place.keep();
                pass(Failpoint::Ticketed);
                return Ok((cleared, ticket));
            }
        }
    }
}

/// What a script is told of a call of which somebody has found out that it was not made.
fn said_not_made(call: &Call) -> String {
    serde_json::to_string(&not_made(call.service(), call.method())).unwrap_or_default()
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
