//! What can be done with a run of the journal: made again without touching a service, or gone on with where it was parked or
//! interrupted. Called by front ends. It must never let two processes go on with one run, nor send again what may have been sent.

mod asked;
mod direct;
mod past_result;
mod plan;
mod undo;

pub use asked::AskedCall;
pub(crate) use direct::call;
pub use past_result::{PastCallResult, PastResult};
pub use plan::{Plan, PlannedCall};
pub use undo::{UndoStep, Undoing};

use crate::{
    approvals::Answerer,
    cancel::Cancel,
    context::Context,
    failpoint::{Failpoint, pass},
    hostcall::{changes::Changes, not_made},
    journal::{
        AWAITING, INTERRUPTED, Journal, NoRun, RUNNING,
        digest::Digest,
        entry::{Entry, Held, Purpose},
        id::Id,
        ledger::{Appended, Condition, LedgerError, Line, RunFilter, RunRow, TableChange},
        now_ms,
        past::{Past, PastEnd, PastError},
    },
    limits::Limits,
    outcome::{Outcome, Status},
    output::Sink,
    sandbox::{RunAgain, RunAs, RunError, SESSION, Sandbox, digests, interpreter},
    script::Script,
    workspace::{GivenFile, Workspace},
    zone::TimeZone,
};
use sandgate_policy::{ContextNumber, Principal, PrincipalError};
use sandgate_wire::Reply;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// A run of the journal, read back.
#[derive(Debug)]
pub struct PastRun {
    row: RunRow,
    past: Past,
    journal: Journal,
}

/// How often a run is read again that somebody else adds to while it is being taken.
const MOST_TRIES: u32 = 10;

/// How a run is made again.
#[derive(Debug, Default)]
pub struct Replay {
    /// No further than this call.
    pub until: Option<u32>,
    /// With another script, to see where it would have gone another way.
    pub script: Option<String>,
    /// Receives output.
    pub sink: Option<Arc<dyn Sink>>,
    /// Ends it.
    pub cancel: Option<Cancel>,
}

/// What came of a replay.
#[derive(Debug)]
pub struct Replayed {
    /// As the run came out now.
    pub outcome: Outcome,
    /// What is not as it was.
    pub differences: Vec<ReplayDifference>,
}

/// Something that came out differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ReplayDifference {
    /// It ended in another way.
    #[error("it ended as `{now}`, and was `{was}`")]
    Status {
        /// In one word.
        was: String,
        /// And now.
        now: String,
    },
    /// It printed something else.
    #[error("its {stream} differs at byte {at}")]
    Output {
        /// Which of the two.
        stream: &'static str,
        /// The first that differs.
        at: usize,
    },
    /// Another value or exception.
    #[error("its {0} is another")]
    Result(&'static str),
    /// It asked for something else.
    #[error("{0}")]
    Call(String),
    /// A file that it left.
    #[error("the file `{0}` is another, or there is one of the two times only")]
    File(String),
}

/// Why a run cannot be made again.
#[derive(Debug, thiserror::Error)]
pub enum PastRunError {
    /// It cannot be found.
    #[error(transparent)]
    NoRun(#[from] NoRun),
    /// It cannot be read.
    #[error(transparent)]
    Past(#[from] PastError),
    /// The journal.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Something that it was given is on no tape.
    #[error("the run {run} cannot be made again: {why}")]
    Once {
        /// Which run.
        run: Id,
        /// Why not.
        why: String,
    },
    /// It was made with another interpreter.
    #[error(
        "the run {run} was made with another interpreter; the version of sandgate that made it can make it again"
    )]
    Interpreter {
        /// Which run.
        run: Id,
    },
    /// It goes on, or is over.
    #[error("the run {run} is `{status}`, and only one that waits or was interrupted can go on")]
    Status {
        /// Which run.
        run: Id,
        /// In one word.
        status: String,
    },
    /// It is something else than a plan that can be carried out.
    #[error("the run {0} is no plan that can be carried out")]
    NoPlan(Id),
    /// It is carried out, or was. THREAT[APR-02]
    #[error("the plan {plan} is carried out by the run {run}, which is `{status}`")]
    Carried {
        /// Which plan.
        plan: Id,
        /// By which run.
        run: Id,
        /// How that stands, in one word.
        status: String,
    },
    /// A call is undone, or was. THREAT[APR-02]
    #[error("call {call} of the run {run} is undone by the run {by}, which is `{status}`")]
    Undone {
        /// Which run.
        run: Id,
        /// Which call of it.
        call: u32,
        /// By which run.
        by: Id,
        /// How that stands, in one word.
        status: String,
    },
    /// There is nothing to undo.
    #[error("the run {0} made no change")]
    NoChange(Id),
    /// There is no journal that it could be in.
    #[error("without a journal there is nothing to plan, to go on with or to undo")]
    NoJournal,
    /// Another process was first.
    #[error("another process goes on with the run {0}")]
    Taken(Id),
    /// Only a person can tell whether a change was made. THREAT[APR-02]
    #[error(
        "nobody knows whether call {call} of the run {run}, {method}, was made: it was about to be sent, and no answer is known"
    )]
    Unknown {
        /// Which run.
        run: Id,
        /// Which call.
        call: u32,
        /// Of what.
        method: String,
    },
    /// There is nothing to say of a call.
    #[error("nobody has to say what became of call {call} of the run {run}")]
    Known {
        /// Which run.
        run: Id,
        /// Which call.
        call: u32,
    },
    /// Its caller can be nobody's any more.
    #[error(transparent)]
    Principal(#[from] PrincipalError),
    /// It could not be carried out.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A text is not what it was.
    #[error(
        "the run {0} cannot be made again: its script or its files are not text and files any more"
    )]
    Text(Id),
}

/// What a person found out about a change that was about to be sent, and whose answer is not known.
#[derive(Debug, Clone)]
pub enum Resolution {
    /// It was made, and this is what the service would have answered.
    Made(Box<RawValue>),
    /// It was not made.
    NotMade,
}

impl PastRun {
    /// The run that is meant by a beginning of its name, or by `last`.
    pub fn read(journal: &Journal, meant: &str) -> Result<Self, PastRunError> {
        let row = journal.run(meant)?;
        Ok(Self {
            past: Past::read(journal, row.run)?,
            row,
            journal: journal.clone(),
        })
    }

    /// The last run that was asked for by this, no longer ago.
    pub(crate) fn requested(
        journal: &Journal,
        request: Digest,
        within: Duration,
    ) -> Result<Option<Self>, PastRunError> {
        let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let filter = RunFilter {
            request: Some(request),
            since: Some(now_ms().saturating_sub(within)),
            most: Some(1),
            ..RunFilter::default()
        };
        let Some(row) = journal.runs(&filter)?.pop() else {
            return Ok(None);
        };
        let found = Self {
            past: Past::read(journal, row.run)?,
            row,
            journal: journal.clone(),
        };
        Ok(found.was_requested_by(request).then_some(found))
    }

    /// Whether its first line says so: the table only says where to look.
    pub(crate) fn was_requested_by(&self, request: Digest) -> bool {
        self.past.begun.request == Some(request)
    }

    /// The script, and what it read where that was given whole.
    #[must_use]
    pub fn given(&self) -> (Digest, Option<Digest>) {
        (self.past.begun.script, self.past.begun.stdin)
    }

    /// Which run.
    #[must_use]
    pub fn row(&self) -> &RunRow {
        &self.row
    }

    /// The context, where it had one.
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.row.context.as_deref()
    }

    /// On whose behalf it was made, while services know the context by this number.
    pub fn principal(&self, number: ContextNumber) -> Result<Option<Principal>, PrincipalError> {
        let caller = self.past.begun.caller.as_ref();
        caller
            .map(|caller| caller.principal(&caller.context, number))
            .transpose()
    }

    /// The text of its script.
    pub fn source(&self) -> Result<String, PastRunError> {
        self.text(self.past.begun.script)
    }

    /// Whether no process goes on with it.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.row.status == INTERRUPTED
    }

    /// Whether it waits for people.
    #[must_use]
    pub fn is_awaiting(&self) -> bool {
        self.row.status == AWAITING
    }

    /// Changes of a run that was interrupted of which only a person can tell whether they were made: the calls, and their methods.
    #[must_use]
    pub fn unknown(&self) -> Vec<(u32, String)> {
        let unknown = self
            .past
            .unknown(self.now())
            .filter(|_| self.is_interrupted());
        unknown
            .map(|(call, called)| (call, format!("{}.{}", called.service, called.method)))
            .collect()
    }

    /// Notes what became of such a change, for the script to be told when the run goes on. THREAT[APR-02]: of two who say so at
    /// once, one is told that the other was first.
    pub fn resolve(self, call: u32, resolution: &Resolution, by: &str) -> Result<(), PastRunError> {
        let run = self.row.run;
        if !self.is_interrupted() {
            return Err(PastRunError::Status {
                run,
                status: self.row.status.clone(),
            });
        }
        let called = self.past.calls.get(&call);
        let Some(called) = called.filter(|called| called.may_be_made()) else {
            return Err(PastRunError::Known { run, call });
        };
        let reply = match resolution {
            Resolution::Made(result) => Reply::Ok(result.clone()),
            Resolution::NotMade => not_made(&called.service, &called.method),
        };
        let reply = to_raw_value(&reply).map_err(|_| PastRunError::Text(run))?;
        let entry = Entry::Resolved {
            call,
            reply: Held::Here(&reply),
            by: by.into(),
        };
        // It is nobody's afterwards, as it was before; but whoever looked at it when it was somebody else's is too late.
        let owner = Id::new().map_err(RunError::Random)?;
        let change = TableChange::Resumed { owner };
        pass(Failpoint::Resolving);
        match self.append(&entry, change, RUNNING)? {
            Appended::Yes => {
                pass(Failpoint::Resolved);
                Ok(())
            }
            Appended::TooLate => Err(PastRunError::Taken(run)),
        }
    }

    /// Makes it again, without a service, and compares what comes of it.
    pub async fn replay(self, sandbox: &Sandbox, replay: Replay) -> Result<Replayed, PastRunError> {
        self.can_be_again()?;
        let mut script = self.script()?;
        let ended = self.past.ended.clone();
        // Another script is to show where it goes another way, and a part of a run has no ending.
        let is_same = replay.script.is_none() && replay.until.is_none();
        let outside = ended
            .clone()
            .filter(|ended| is_same && !is_the_scripts(ended));
        if let Some(source) = replay.script {
            script.source = source;
        }
        script.sink = replay.sink;
        script.cancel = replay.cancel;
        let workspace = script.workspace.clone();
        let context = Context::alone(self.replay_limits(outside.as_ref()));
        let (journal, status) = (self.journal.clone(), self.row.status.clone());
        let again = RunAgain {
            past: self.past,
            journal: self.journal,
            goes_on: false,
            until: replay.until,
            outside,
        };
        let run_as = RunAs {
            again: Some(again),
            ..RunAs::default()
        };
        let outcome = sandbox.run_as(script, &context, run_as).await?;
        let mut differences = Vec::new();
        let was = ended.as_ref().map(|ended| ended.status.as_str());
        let is_as_it_was = was == Some(outcome.status.as_str());
        match (&ended, outcome.status) {
            (_, Status::Diverged) if !is_as_it_was => differences.push(ReplayDifference::Call(
                outcome.reason.clone().unwrap_or_default(),
            )),
            // It was to end here, or somebody ended it.
            (_, Status::Cancelled) if !is_as_it_was || replay.until.is_some() => {}
            (Some(ended), _) => compare(
                ended,
                &outcome,
                workspace.as_deref(),
                &journal,
                &mut differences,
            )?,
            (None, now) => differences.push(ReplayDifference::Status {
                was: status,
                now: now.as_str().to_owned(),
            }),
        }
        Ok(Replayed {
            outcome,
            differences,
        })
    }

    /// Goes on with it, for a caller of its context: everything that it did is made again from the journal, and then it goes on.
    pub async fn resume(
        mut self,
        sandbox: &Sandbox,
        context: &Context,
        sink: Option<Arc<dyn Sink>>,
        cancel: Option<Cancel>,
    ) -> Result<Outcome, PastRunError> {
        let mut script = self.take(Self::can_go_on)?;
        script.sink = sink;
        script.cancel = cancel;
        let changes = match self.past.begun.of {
            Some(Purpose::Carry(plan)) => {
                let plan = Self::read(&self.journal, &plan.to_string())?;
                let agreed = self.past.begun.agreed.as_ref();
                plan.carried(&agreed.map(Answerer::from).unwrap_or_default())?
            }
            Some(Purpose::Call | Purpose::Undo(_)) => {
                let run = self.row.run;
                let resumed = direct::resume(self, context).await;
                return resumed.map_err(|error| unknown(run, error));
            }
            Some(Purpose::Plan) => Changes::Planned,
            None => Changes::Sent,
        };
        let run = self.row.run;
        let resumed = self.go_on(sandbox, context, script, changes).await;
        resumed.map_err(|error| unknown(run, error.into()))
    }

    /// Makes it again, now that it is this process's, and goes on where its past ends.
    async fn go_on(
        self,
        sandbox: &Sandbox,
        context: &Context,
        script: Script,
        changes: Changes,
    ) -> Result<Outcome, RunError> {
        // What it had of its limits by then is what it has now, or less where the context has less today.
        let context = context.clone().tightened(self.limits());
        let again = RunAgain {
            past: self.past,
            journal: self.journal,
            goes_on: true,
            until: None,
            outside: None,
        };
        let run_as = RunAs {
            again: Some(again),
            changes,
            ..RunAs::default()
        };
        sandbox.run_as(script, &context, run_as).await
    }

    /// How many scripts a session has run, where it is one that can be gone on with.
    pub fn can_be_restored(&self) -> Result<u64, PastRunError> {
        let (run, scripts) = (self.row.run, &self.past.scripts);
        let why = match self.past.begun.once.as_deref() {
            Some(SESSION) if scripts.were_interrupted => {
                Some("one of its scripts was interrupted, at a moment that is on no tape")
            }
            Some(SESSION) if !scripts.is_between => Some("its last script did not come to its end"),
            Some(SESSION) => None,
            Some(why) => Some(why),
            None => Some("it is no session"),
        };
        self.is_repeatable(why)?;
        if self.row.status == RUNNING {
            return Err(PastRunError::Taken(run));
        }
        self.is_all_known()?;
        Ok(scripts.all.len() as u64)
    }

    /// Goes on with a session, for a caller of its context: the scripts that it ran are made again from the journal, and more come
    /// from where these do.
    pub(crate) async fn restore(
        mut self,
        sandbox: &Sandbox,
        context: &Context,
        given: Script,
    ) -> Result<Outcome, PastRunError> {
        let script = self.take(|past| past.can_be_restored().map(drop))?;
        let script = Script {
            session: given.session,
            sink: given.sink,
            cancel: given.cancel,
            ..script
        };
        Ok(self.go_on(sandbox, context, script, Changes::Sent).await?)
    }

    /// Takes the run for this process, if it `can` be gone on with, and makes its script. Between reading it and taking it somebody may
    /// have answered another of its questions, or gone on with it and parked it again: THREAT[APR-02], what was sent since then would
    /// be sent a second time.
    fn take(
        &mut self,
        can: impl Fn(&Self) -> Result<(), PastRunError>,
    ) -> Result<Script, PastRunError> {
        for _ in 0..MOST_TRIES {
            can(self)?;
            let script = self.script()?;
            if self.claim()? {
                return Ok(script);
            }
            let run = self.row.run;
            *self = Self::read(&self.journal, &run.to_string())?;
            if self.row.status == RUNNING {
                return Err(PastRunError::Taken(run));
            }
        }
        Err(PastRunError::Taken(self.row.run))
    }

    /// Now, as the journal has it.
    fn now(&self) -> u64 {
        self.journal.now().unwrap_or_else(|_| now_ms())
    }

    /// Whether it waits, and nothing that it did is unknown.
    fn can_go_on(&self) -> Result<(), PastRunError> {
        self.can_be_again()?;
        let run = self.row.run;
        if ![AWAITING, INTERRUPTED].contains(&self.row.status.as_str()) {
            return Err(PastRunError::Status {
                run,
                status: self.row.status.clone(),
            });
        }
        self.is_all_known()
    }

    /// Whether it is known of each change that was about to be sent whether it was made.
    fn is_all_known(&self) -> Result<(), PastRunError> {
        let run = self.row.run;
        match self.past.unknown(self.now()).next() {
            Some((call, called)) => Err(PastRunError::Unknown {
                run,
                call,
                method: format!("{}.{}", called.service, called.method),
            }),
            None => Ok(()),
        }
    }

    /// Takes the run for this process, as it was read. THREAT[APR-02]: of two that try, one does.
    fn claim(&self) -> Result<bool, PastRunError> {
        let change = TableChange::Resumed {
            owner: self.journal.owner(),
        };
        let status = match self.row.status.as_str() {
            INTERRUPTED => RUNNING,
            status => status,
        };
        pass(Failpoint::Claiming);
        let appended = self.append(&Entry::Resumed, change, status)?;
        if appended == Appended::Yes {
            pass(Failpoint::Claimed);
        }
        Ok(appended == Appended::Yes)
    }

    /// Adds a line, if nobody has gone on with the run since it was read.
    fn append(
        &self,
        entry: &Entry<'_>,
        change: TableChange,
        status: &str,
    ) -> Result<Appended, LedgerError> {
        let run = self.row.run;
        let line = Line::of(run, now_ms(), entry, Some(change));
        let condition = Condition::Run {
            run,
            status: status.to_owned(),
            owner: self.row.owner,
            last: self.past.last,
        };
        self.journal.append_if(line, &entry.texts(), &condition)
    }

    fn can_be_again(&self) -> Result<(), PastRunError> {
        self.is_repeatable(self.past.begun.once.as_deref())
    }

    /// Whether nothing stands against making it again: neither this, nor that it was made with another interpreter.
    fn is_repeatable(&self, why_not: Option<&str>) -> Result<(), PastRunError> {
        let run = self.row.run;
        if let Some(why) = why_not {
            let why = why.to_owned();
            return Err(PastRunError::Once { run, why });
        }
        if self.past.begun.image != interpreter() {
            return Err(PastRunError::Interpreter { run });
        }
        Ok(())
    }

    fn limits(&self) -> Limits {
        self.past.begun.limits.again()
    }

    /// What a replay may consume: it may be on a slower machine. One of a run that was ended from outside has nothing more to show
    /// once it has computed for so much longer.
    fn replay_limits(&self, outside: Option<&PastEnd>) -> Limits {
        const SLOWER: u32 = 4;
        let limits = self.limits();
        let cpu = outside.map(|ended| {
            let used = Duration::from_micros(ended.spent.cpu_us);
            used.saturating_mul(SLOWER)
                .saturating_add(Duration::from_secs(1))
        });
        Limits {
            wall: limits.wall.saturating_mul(SLOWER),
            cpu: cpu.unwrap_or_else(|| limits.cpu.saturating_mul(SLOWER)),
            ..limits
        }
    }

    fn script(&self) -> Result<Script, PastRunError> {
        let begun = &self.past.begun;
        let files = begun.files.iter().map(|(path, digest, modified)| {
            Ok(GivenFile {
                path: path.to_string(),
                bytes: self.journal.text(*digest)?,
                modified: *modified,
            })
        });
        let files = files.collect::<Result<Vec<_>, LedgerError>>()?;
        let workspace = if files.is_empty() {
            None
        } else {
            let workspace = Workspace::memory_again(&files, begun.started_ms);
            Some(Arc::new(
                workspace.map_err(|_| PastRunError::Text(self.row.run))?,
            ))
        };
        Ok(Script {
            source: self.source()?,
            name: Some(begun.name.to_string()),
            arguments: begun.arguments.iter().map(ToString::to_string).collect(),
            environment: (begun.environment.iter())
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            zone: begun.zone.as_ref().map(|zone| TimeZone::kept(zone)),
            stdin: match begun.stdin {
                Some(digest) => self.journal.text(digest)?,
                None => Vec::new(),
            },
            workspace,
            ..Script::default()
        })
    }

    fn text(&self, digest: Digest) -> Result<String, PastRunError> {
        String::from_utf8(self.journal.text(digest)?).map_err(|_| PastRunError::Text(self.row.run))
    }
}

/// Of a change that is not sent again somebody has to say what became of it.
fn unknown(run: Id, error: PastRunError) -> PastRunError {
    match error {
        PastRunError::Run(RunError::Unknown { call, method }) => {
            PastRunError::Unknown { run, call, method }
        }
        error => error,
    }
}

/// Whether the script came to its end by itself.
fn is_the_scripts(ended: &PastEnd) -> bool {
    Status::named(&ended.status).is_some_and(Status::is_the_scripts)
}

fn compare(
    was: &PastEnd,
    now: &Outcome,
    workspace: Option<&Workspace>,
    journal: &Journal,
    differences: &mut Vec<ReplayDifference>,
) -> Result<(), LedgerError> {
    if was.status != now.status.as_str() {
        differences.push(ReplayDifference::Status {
            was: was.status.clone(),
            now: now.status.as_str().to_owned(),
        });
    }
    for (stream, digest, text) in [
        ("standard output", was.stdout, &now.stdout.text),
        ("standard error", was.stderr, &now.stderr.text),
    ] {
        if Digest::of(text.as_bytes()) != digest {
            let before = journal.text(digest)?;
            let both = before.iter().zip(text.as_bytes());
            let at = both.take_while(|(was, now)| was == now).count();
            differences.push(ReplayDifference::Output { stream, at });
        }
    }
    let json = |bytes: Option<Vec<u8>>| bytes.map(|bytes| Digest::of(&bytes));
    let value = now.value.as_ref();
    if json(value.and_then(|value| serde_json::to_vec(value).ok())) != was.value {
        differences.push(ReplayDifference::Result("value"));
    }
    let exception = now.exception.as_ref();
    if json(exception.and_then(|one| serde_json::to_vec(one).ok())) != was.exception {
        differences.push(ReplayDifference::Result("exception"));
    }
    // Files stand on no tape: what a run that was ended from outside had written after the last thing on it, nobody knows.
    if !is_the_scripts(was) {
        return Ok(());
    }
    let left = workspace
        .or(now.scratch.as_deref())
        .map(digests)
        .unwrap_or_default();
    let (was, now): (BTreeMap<_, _>, BTreeMap<_, _>) = (
        was.files.iter().cloned().collect(),
        left.into_iter().collect(),
    );
    let paths: BTreeSet<&String> = was.keys().chain(now.keys()).collect();
    let different = paths
        .into_iter()
        .filter(|path| was.get(*path) != now.get(*path));
    differences.extend(different.map(|path| ReplayDifference::File(path.clone())));
    Ok(())
}
