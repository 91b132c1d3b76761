//! One run: a fresh instance, the script in, the ending out, and what to call that ending. Called by `Sandbox::run`.
//! An instance is never used for a second run.

mod kept;

pub(crate) use kept::{KeptRun, RunAgain, RunAs, RunFor, SESSION, digests, end_of, spent_of};

use super::{
    RunError,
    image::{Image, ImageError},
    linker,
    meter::{Meter, Stopped},
    pages,
    state::{self, MemoryLimiter, RunsNow, SessionState, State, Stdin},
    ticker::Ticker,
    wasi::{self, ProcessExit},
};
use crate::{
    budget::Budget,
    context::Context,
    hostcall::{People, Road, RoadParts, TooManyCalls, halt::Halt},
    journal::{ledger::LedgerError, past::PastEnd},
    limits::{Files, Limits},
    outcome::{Outcome, Status, Usage},
    output::{Output, TooMuchOutput},
    processor::Processor,
    recorder::{Recorder, TapeError},
    script::Script,
    workspace::{FileList, Workspace},
};
use sandgate_policy::{ByteCount, Oversize};
use sandgate_wire::{Ending, Script as WireScript, Session, abi};
use std::{borrow::Cow, num::NonZeroU32, sync::Arc};
use tokio::sync::Semaphore;
use wasmtime::{Engine, InstancePre, ModuleExport, Store, Trap};

/// A guest that reports more than this is not our guest any more.
const LONGEST_ENDING: usize = 8 << 20;

/// What all runs of a sandbox share.
#[derive(Debug)]
pub(super) struct Shared {
    engine: Engine,
    ticker: Arc<Ticker>,
    permits: Semaphore,
    guest: Guest,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.ticker.stop();
    }
}

/// The interpreter, linked, with its exports looked up.
struct Guest {
    pre: InstancePre<State>,
    memory: ModuleExport,
    buffer: ModuleExport,
    run: ModuleExport,
    interrupt: ModuleExport,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guest")
    }
}

/// How the guest came to an end, before it is put into words.
enum End {
    Reported(Ending),
    Failed(wasmtime::Error),
    Stopped(Stopped),
}

impl Shared {
    pub(super) fn new(
        engine: Engine,
        image: &Image,
        instances: NonZeroU32,
    ) -> Result<Self, ImageError> {
        let module = image.module();
        let export = |name: &'static str| {
            module
                .get_export_index(name)
                .ok_or_else(|| ImageError::Guest(format!("it does not export `{name}`")))
        };
        let pre = linker::link(&engine, module)?;
        let guest = Guest {
            pre,
            memory: export("memory")?,
            buffer: export(abi::EXPORT_BUFFER)?,
            run: export(abi::EXPORT_RUN)?,
            interrupt: export(abi::EXPORT_INTERRUPT)?,
        };
        let ticker = Ticker::start().map_err(|error| ImageError::Engine(error.to_string()))?;
        let instances = usize::try_from(instances.get()).unwrap_or(Semaphore::MAX_PERMITS);
        let permits = Semaphore::new(instances.min(Semaphore::MAX_PERMITS));
        Ok(Self {
            engine,
            ticker,
            permits,
            guest,
        })
    }

    pub(super) async fn run(&self, script: Script, context: &Context) -> Result<Outcome, RunError> {
        self.run_as(script, context, RunAs::default()).await
    }

    /// The same for a run that is more than a script's first.
    pub(super) async fn run_as(
        &self,
        mut script: Script,
        context: &Context,
        run_as: RunAs,
    ) -> Result<Outcome, RunError> {
        let RunAs {
            mut again,
            of,
            changes,
            seed,
            claim,
        } = run_as;
        let limits = &context.limits();
        check(&script, limits)?;
        // A tape has neither answers of services nor what was typed on it yet: a replay would ask for both again.
        let live = script.input.is_some() || script.session.is_some();
        if script.replay.is_some() && (context.reach().is_some() || live) {
            return Err(RunError::Replay);
        }
        let budget = Budget::default();
        let recorder = match (&mut again, script.replay.take()) {
            (Some(again), _) => {
                let tape = std::mem::take(&mut again.past.tape);
                if again.goes_on {
                    Recorder::resume(tape, &budget)
                } else {
                    Recorder::replay(tape, &budget)
                }
            }
            (None, Some(tape)) => Recorder::replay(tape, &budget),
            (None, None) => {
                let recorder = Recorder::live(script.clock, script.seed, &budget);
                recorder.map_err(RunError::Random)?.seeded(seed)
            }
        };
        let workspace = script.workspace.take();
        let files = match limits.workspace {
            Files::None => None,
            Files::Scratch => Some(wasi::open(workspace.clone(), limits, &budget).await?),
        };
        // The semaphore is never closed, so there is always a permit in the end.
        let _permit = self.permits.acquire().await.ok();

        let past = again.as_mut().map(|again| {
            let past = &mut again.past;
            // A replay is for whoever looks at it, from the beginning.
            let seen = past.spent.filter(|_| again.goes_on);
            let most = again.outside.as_ref().map(|outside| outside.spent);
            let ran = std::mem::take(&mut past.scripts);
            (std::mem::take(&mut past.input), seen, most, ran)
        });
        let (input, seen, most, ran) = past.unwrap_or_default();
        let KeptRun {
            record,
            again,
            may_park,
        } = KeptRun::begin(
            &script,
            workspace.as_deref(),
            context,
            limits,
            &recorder,
            again,
            RunFor {
                of,
                agreed: changes.agreed().map(|(by, _)| by),
                claim: claim.as_ref(),
            },
        )?;
        let mut output = Output::new(limits.output, script.sink.take());
        if let Some(seen) = seen {
            output.passed_on(seen.stdout, seen.stderr);
        }
        if script.session.is_some() {
            let (stdout, stderr) = ran.written;
            output.passed_on(stdout, stderr);
        }
        if let Some(most) = most {
            output.ends_at(most.stdout, most.stderr);
        }
        let (people, processor) = (People::default(), Processor::default());
        let mut meter = Meter::start(
            limits.wall,
            limits.cpu,
            processor.clone(),
            people.pause.clone(),
        );
        let state = State {
            road: Road::new(RoadParts {
                reach: context.reach().cloned(),
                people,
                processor,
                budget,
                limit: limits.calls,
                record: record.clone(),
                again,
                may_park,
                changes,
            }),
            reply: None,
            output,
            stdin: Stdin::new(
                std::mem::take(&mut script.stdin),
                input,
                script.input.take(),
                record,
            ),
            session: script.session.take().map(|scripts| SessionState {
                scripts,
                longest: limits.source,
                interrupted: [0; 2],
                past: ran.all,
                runs: RunsNow::Nothing,
            }),
            recorder,
            files,
            memory: MemoryLimiter::new(limits),
            guest_memory: None,
            ticker: Arc::clone(&self.ticker),
            turn: self.ticker.ticks(),
        };
        if script.source.len() > limits.source {
            let reason = format!(
                "the source is {}",
                Oversize {
                    size: script.source.len(),
                    limit: limits.source,
                }
            );
            let ending = RunEnding {
                reason: Some(reason),
                ..RunEnding::of(Status::Source)
            };
            return Ok(finish(ending, state, &meter, workspace).await);
        }
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.memory);
        let end = {
            let _running = self.ticker.running();
            let inline = store.data().road.inline();
            let guest = inline.drive(self.guest.run(&mut store, &script));
            match meter
                .drive(guest, &self.ticker, script.cancel.as_ref())
                .await
            {
                Ok(Ok(ending)) => End::Reported(ending),
                Ok(Err(error)) => End::Failed(error),
                Err(stopped) => End::Stopped(stopped),
            }
        };
        pages::give_back(&mut store, meter.cpu_used());
        let state = store.into_data();
        let ending = name_ending(end, &state, limits, &meter);
        if let Err(RunError::Unknown { call, .. }) = &ending {
            state.road.record().withheld(*call);
        }
        let ending = ending?;
        Ok(finish(ending, state, &meter, workspace).await)
    }
}

fn check(script: &Script, limits: &Limits) -> Result<(), RunError> {
    if !(Limits::LEAST_MEMORY..=Limits::MOST_MEMORY).contains(&limits.memory) {
        return Err(RunError::Memory {
            asked: limits.memory,
            least: Limits::LEAST_MEMORY,
            most: Limits::MOST_MEMORY,
        });
    }
    if script.workspace.is_some() && limits.workspace == Files::None {
        return Err(RunError::NoFiles);
    }
    if let Some(name) = script.unusable_variable() {
        return Err(RunError::Variable(name.to_owned()));
    }
    if script.stdin.len() > limits.stdin {
        return Err(RunError::Stdin {
            size: script.stdin.len(),
            limit: limits.stdin,
        });
    }
    Ok(())
}

impl Guest {
    /// Puts the script into a fresh instance, runs it, and reads what it left.
    async fn run(&self, store: &mut Store<State>, script: &Script) -> wasmtime::Result<Ending> {
        let wanted = WireScript {
            source: Cow::Borrowed(&script.source),
            name: Cow::Borrowed(script.name()),
            argv: script
                .arguments
                .iter()
                .map(|argument| Cow::Borrowed(argument.as_str()))
                .collect(),
            environment: script.variables(),
            workspace: store.data().files.is_some(),
            session: (store.data().session.as_ref()).map_or(Session::None, linker::shown),
        };
        let input = serde_json::to_vec(&wanted)?;
        let length = u32::try_from(input.len())?;

        let instance = self.pre.instantiate_async(&mut *store).await?;
        let export = |store: &mut Store<State>, index| {
            instance
                .get_module_export(store, index)
                .ok_or_else(|| wasmtime::format_err!("an export is gone"))
        };
        let broken = || wasmtime::format_err!("the guest gave an address outside its memory");
        let memory = export(store, &self.memory)?
            .into_memory()
            .ok_or_else(broken)?;
        store.data_mut().guest_memory = Some(memory);
        let buffer = export(store, &self.buffer)?
            .into_func()
            .ok_or_else(broken)?
            .typed::<u32, u32>(&*store)?;
        let run = export(store, &self.run)?
            .into_func()
            .ok_or_else(broken)?
            .typed::<(), u64>(&*store)?;

        if store.data().session.is_some() {
            let interrupt = export(store, &self.interrupt)?
                .into_func()
                .ok_or_else(broken)?
                .typed::<(), u64>(&*store)?;
            let addresses = interrupt.call_async(&mut *store, ()).await?;
            if let Some(session) = &mut store.data_mut().session {
                session.interrupted = [
                    usize::try_from(addresses >> 32)?,
                    usize::try_from(addresses & u64::from(u32::MAX))?,
                ];
            }
        }

        let at = buffer.call_async(&mut *store, length).await?;
        memory.write(&mut *store, usize::try_from(at)?, &input)?;
        let left = run.call_async(&mut *store, ()).await?;

        // THREAT[ESC-02]: the numbers are the guest's. They are checked once, and the bytes are copied before they
        // are read.
        let (at, length) = (
            usize::try_from(left >> 32)?,
            usize::try_from(left & u64::from(u32::MAX))?,
        );
        if length > LONGEST_ENDING {
            return Err(broken());
        }
        let end = at.checked_add(length).ok_or_else(broken)?;
        let bytes = memory
            .data(&*store)
            .get(at..end)
            .ok_or_else(broken)?
            .to_vec();
        Ok(serde_json::from_slice(&bytes)?)
    }
}

/// An ending in words.
#[derive(Debug)]
pub(crate) struct RunEnding {
    pub(crate) status: Status,
    pub(crate) exit_code: i32,
    pub(crate) reason: Option<String>,
    pub(crate) value: Option<sandgate_wire::Value>,
    pub(crate) exception: Option<sandgate_wire::Exception>,
    /// What `sys.exit` was given to print.
    farewell: Option<String>,
}

impl RunEnding {
    pub(crate) fn of(status: Status) -> Self {
        Self {
            status,
            exit_code: status.exit_code().into(),
            reason: None,
            value: None,
            exception: None,
            farewell: None,
        }
    }

    /// The ending of a run, for its replay.
    fn as_it_was(was: &PastEnd, now: Self) -> Self {
        match Status::named(&was.status) {
            Some(status) => Self {
                exit_code: was.exit_code,
                reason: was.reason.clone(),
                ..Self::of(status)
            },
            None => now,
        }
    }

    pub(crate) fn because(status: Status, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..Self::of(status)
        }
    }
}

/// Which ending it was.
fn name_ending(
    end: End,
    state: &State,
    limits: &Limits,
    meter: &Meter,
) -> Result<RunEnding, RunError> {
    let error = match end {
        End::Reported(Ending::Ok { value }) => {
            return Ok(RunEnding {
                value,
                ..RunEnding::of(Status::Ok)
            });
        }
        // At a prompt, which takes it for itself.
        End::Reported(Ending::Incomplete) => return Ok(RunEnding::of(Status::Ok)),
        End::Reported(Ending::Exited { code, message }) => {
            return Ok(RunEnding {
                exit_code: code,
                farewell: message,
                ..RunEnding::of(Status::Exited)
            });
        }
        // Python could still say so itself.
        End::Reported(Ending::Raised { exception })
            if state.memory.refused && exception.kind == "MemoryError" =>
        {
            return Ok(RunEnding {
                exception: Some(exception),
                ..RunEnding::because(Status::Memory, out_of_memory(limits))
            });
        }
        End::Reported(Ending::Raised { exception }) => {
            return Ok(RunEnding {
                exception: Some(exception),
                ..RunEnding::of(Status::Raised)
            });
        }
        End::Stopped(Stopped::Cancelled) => {
            return Ok(RunEnding::because(
                Status::Cancelled,
                "the caller ended the run",
            ));
        }
        End::Stopped(Stopped::Panicked) => {
            return Ok(RunEnding::because(
                Status::Failed,
                "sandgate itself failed; please report it",
            ));
        }
        End::Stopped(stopped @ (Stopped::Wall | Stopped::Cpu)) => {
            let (kind, limit) = match stopped {
                Stopped::Cpu => ("processor", limits.cpu),
                _ => ("wall", limits.wall),
            };
            let used = humantime::format_duration(std::time::Duration::from_millis(
                u64::try_from(meter.wall_used().as_millis()).unwrap_or(u64::MAX),
            ));
            let limit = humantime::format_duration(limit);
            return Ok(RunEnding::because(
                Status::Timeout,
                match state.road.waited_for() {
                    Some(method) => format!(
                        "the {kind} time limit is {limit}; ended after {used}, waiting for `{method}`"
                    ),
                    None => format!("the {kind} time limit is {limit}; ended after {used}"),
                },
            ));
        }
        End::Failed(error) => error,
    };
    if let Some(ProcessExit(code)) = error.downcast_ref() {
        return Ok(RunEnding {
            exit_code: *code,
            ..RunEnding::of(Status::Exited)
        });
    }
    if let Some(flood) = error.downcast_ref::<TooMuchOutput>() {
        let status = match flood {
            TooMuchOutput::Flood { .. } | TooMuchOutput::Unread => Status::Output,
            TooMuchOutput::Recording => Status::Cancelled,
        };
        return Ok(RunEnding::because(status, flood.to_string()));
    }
    if let Some(glut) = error.downcast_ref::<TooManyCalls>() {
        return Ok(RunEnding::because(Status::Memory, glut.to_string()));
    }
    if let Some(halt) = error.downcast_ref::<Halt>() {
        let status = match halt {
            Halt::Unknown { call, method } => {
                return Err(RunError::Unknown {
                    call: *call,
                    method: method.clone(),
                });
            }
            Halt::Parked => Status::AwaitingApproval,
            Halt::Diverged(_) | Halt::OffPlan(_) => Status::Diverged,
            Halt::RecordingEnds => Status::Cancelled,
        };
        return Ok(RunEnding::because(status, halt.to_string()));
    }
    if let Some(ledger) = error.downcast_ref::<LedgerError>() {
        return Ok(RunEnding::because(Status::Failed, ledger.to_string()));
    }
    if let Some(tape) = error.downcast_ref::<TapeError>() {
        return Ok(match tape {
            TapeError::Clock | TapeError::Waits if state.road.outside().is_some() => {
                RunEnding::because(Status::Cancelled, Halt::RecordingEnds.to_string())
            }
            TapeError::Clock | TapeError::Waits => {
                RunEnding::because(Status::Diverged, tape.to_string())
            }
            TapeError::Full => RunEnding::because(Status::Memory, tape.to_string()),
        });
    }
    match error.downcast_ref::<Trap>() {
        // The shadow stack lies first in memory, so overflowing it leaves memory. THREAT[DOS-07].
        Some(Trap::StackOverflow | Trap::MemoryOutOfBounds) => Ok(RunEnding::because(
            Status::Stack,
            "the script recursed deeper than the interpreter's stack",
        )),
        Some(_) if state.memory.refused => {
            Ok(RunEnding::because(Status::Memory, out_of_memory(limits)))
        }
        Some(trap) => Ok(RunEnding::because(
            Status::Crashed,
            format!("the interpreter failed: {trap}"),
        )),
        None if error.is::<wasmtime::PoolConcurrencyLimitError>() => {
            Err(RunError::Instance(error.to_string()))
        }
        None => Ok(RunEnding::because(
            Status::Crashed,
            format!("the interpreter failed: {error}"),
        )),
    }
}

fn out_of_memory(limits: &Limits) -> String {
    let limit = ByteCount(limits.memory);
    format!("the memory limit is {limit}, the interpreter's own included")
}

/// There is always an outcome: nothing that a script left can keep it from being told. THREAT[DOS-13].
async fn finish(
    mut ending: RunEnding,
    mut state: State,
    meter: &Meter,
    workspace: Option<Arc<Workspace>>,
) -> Outcome {
    if let Some(farewell) = &ending.farewell {
        // As Python does; past the limit it is dropped like everything else.
        let _ = state
            .output
            .write(crate::Stream::Err, format!("{farewell}\n").as_bytes());
    }
    let usage = Usage {
        wall: meter.wall_used(),
        cpu: meter.cpu_used(),
        peak_memory: state.memory.peak as u64,
        output_bytes: state.output.total(),
        calls: state.road.calls(),
    };
    state.road.note(&mut state.recorder);
    // A replay that ended in another way than its calls is named so, and one that was given all that the run was ends as that
    // was ended: a limit or a person ends a run between two things that its tape has.
    let may_be_as_it_was = ending.status.is_the_scripts()
        || matches!(ending.status, Status::Cancelled | Status::Timeout);
    match (state.road.left(), state.road.outside()) {
        (Some(left), _) if ending.status.is_the_scripts() => {
            ending = RunEnding::because(Status::Diverged, left);
        }
        (None, Some(outside)) if may_be_as_it_was && state.recorder.is_used_up() => {
            ending = RunEnding::as_it_was(outside, ending);
        }
        _ => {}
    }
    let record = state.road.record().clone();
    let spent = kept::spent(usage.wall, usage.cpu, &state.output);
    let mut approvals = Vec::new();
    if ending.status == Status::AwaitingApproval {
        match record.park(spent).await {
            Ok(open) => approvals = open,
            Err(why) => ending = RunEnding::because(Status::Failed, why.to_string()),
        }
    }
    // What the run had open is closed first, and its descriptors are free again.
    let made = state.files.take().and_then(state::GuestFiles::made);
    let scratch = match workspace {
        Some(_) => None,
        None => made.map(Arc::new),
    };
    let workspace = workspace.or_else(|| scratch.clone());
    let listed = match workspace.clone() {
        Some(workspace) => wasi::listed(workspace).await,
        None => FileList::default(),
    };
    let (stdout, stderr) = state.output.finish();
    if ending.status != Status::AwaitingApproval {
        let streams = [stdout.text.as_bytes(), stderr.text.as_bytes()];
        kept::end(&record, &ending, spent, streams, workspace.as_deref());
    }
    Outcome {
        run: record.run(),
        calls: record.calls(),
        approvals,
        status: ending.status,
        exit_code: ending.exit_code,
        reason: ending.reason,
        stdout,
        stderr,
        value: ending.value,
        exception: ending.exception,
        files: listed.files,
        unlisted: listed.unlisted,
        scratch,
        usage,
        tape: state.recorder.into_tape(),
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
mod tests;

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a test that cannot go on fails, and what is drawn at random is cut to size"
)]
mod hostile;
