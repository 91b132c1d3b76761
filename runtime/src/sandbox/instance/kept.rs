//! What the journal is told of a run at its beginning and at its end. Called by `instance`. It must never keep a run from being
//! told: what cannot be written down is said where it matters, when a change is to be sent.

use super::{RunEnding, RunError};
use crate::{
    approvals::Answerer,
    context::Context,
    failpoint::{Failpoint, pass},
    hostcall::{again::Again, changes::Changes},
    journal::{
        Journal,
        digest::Digest,
        entry::{Begun, EndedEntry, PlanApprover, Purpose, RunCaller, RunLimits, Spent},
        id::Id,
        ledger::Condition,
        past::{Past, PastEnd},
        record::Record,
    },
    limits::{Files, Limits},
    output::Output,
    recorder::Recorder,
    script::Script,
    workspace::Workspace,
};
use sandgate_policy::{Principal, digits};
use std::{borrow::Cow, time::Duration};

/// Why a session is not replayed. It can be gone on with.
pub(crate) const SESSION: &str = "it is a session, whose scripts come while it runs";

/// What a run is, where it is not a script's first.
#[derive(Debug, Default)]
pub(crate) struct RunAs {
    pub(crate) again: Option<RunAgain>,
    /// What it is for.
    pub(crate) of: Option<Purpose>,
    pub(crate) changes: Changes,
    /// Where its random bytes come from, where that is the same as another run's.
    pub(crate) seed: Option<[u8; 32]>,
    /// What has to hold when it begins.
    pub(crate) claim: Option<Condition>,
}

/// A run that is made again.
#[derive(Debug)]
pub(crate) struct RunAgain {
    pub(crate) past: Past,
    pub(crate) journal: Journal,
    /// Whether it goes on where its past ends; otherwise it ends there, and nothing is written down.
    pub(crate) goes_on: bool,
    /// The last call that is made again.
    pub(crate) until: Option<u32>,
    /// How a replay ends that has come as far as the run did, where that did not end by itself.
    pub(crate) outside: Option<PastEnd>,
}

/// What a run is for, where it is not a script's own, who agreed to the plan that it carries out, and what has to hold when it begins.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct RunFor<'a> {
    pub(crate) of: Option<Purpose>,
    pub(crate) agreed: Option<&'a Answerer>,
    pub(crate) claim: Option<&'a Condition>,
}

/// What a run writes to, and what it did before.
pub(crate) struct KeptRun {
    pub(crate) record: Record,
    pub(crate) again: Option<Again>,
    /// Whether it can be gone on with from the journal.
    pub(crate) may_park: bool,
}

impl KeptRun {
    pub(crate) fn begin(
        script: &Script,
        workspace: Option<&Workspace>,
        context: &Context,
        limits: &Limits,
        recorder: &Recorder,
        again: Option<RunAgain>,
        RunFor { of, agreed, claim }: RunFor<'_>,
    ) -> Result<Self, RunError> {
        if let Some(again) = again {
            let may_park = again.goes_on && context.may_park();
            let record = if again.goes_on {
                let (past, unused) = (&again.past, again.past.unused().collect());
                Record::of(&again.journal, past.run, past.counts, unused)
            } else {
                Record::default()
            };
            let again = Again::new(
                again.past,
                again.journal,
                again.goes_on,
                again.until,
                again.outside,
            );
            return Ok(Self {
                record,
                again: Some(again),
                may_park,
            });
        }
        let Some(journal) = context.journal() else {
            return Ok(Self {
                record: Record::default(),
                again: None,
                may_park: false,
            });
        };
        let run = Id::new().map_err(RunError::Random)?;
        let mut files = Vec::new();
        let mut once = None;
        match workspace.map(Workspace::given) {
            None => {}
            Some(Some(Ok(given))) => files.extend(given.into_iter().map(|file| {
                let digest = journal.keep(&file.bytes);
                (Cow::Owned(file.path), digest, file.modified)
            })),
            Some(Some(Err(_)) | None) => once = Some("its workspace is a directory of the host"),
        }
        if script.session.is_some() {
            once = once.or(Some(SESSION));
        }
        let caller = context
            .reach()
            .map(|reach| (reach.principal(), reach.policy()));
        let mut seed = [0; 64];
        let begun = Box::new(Begun {
            script: journal.keep(script.source.as_bytes()),
            name: script.name.as_ref().map_or(Script::UNNAMED.into(), own),
            arguments: script.arguments.iter().map(own).collect(),
            environment: (script.environment.iter())
                .map(|(name, value)| (own(name), own(value)))
                .collect(),
            zone: script.zone.as_ref().map(|zone| own(zone.as_str())),
            stdin: (!script.stdin.is_empty()).then(|| journal.keep(&script.stdin)),
            files,
            once: once.map(Cow::Borrowed),
            caller: caller.as_ref().map(|(principal, policy)| {
                let hash = policy
                    .as_ref()
                    .map(|policy| policy.policies.hash().to_string());
                run_caller(principal, hash.unwrap_or_default())
            }),
            image: crate::sandbox::interpreter().into(),
            limits: RunLimits::of(limits),
            seed: own(digits(&recorder.seed(), &mut seed)),
            started_ms: recorder.started_ms(),
            frozen: recorder.is_frozen(),
            session: script.session.is_some(),
            of,
            agreed: agreed.map(|agreed| PlanApprover {
                name: own(&agreed.name),
                claims: agreed.claims.iter().map(own).collect(),
            }),
            request: script.request,
        });
        let may_park = begun.once.is_none() && of != Some(Purpose::Plan) && context.may_park();
        let record = match claim {
            None => Record::begin(journal, run, begun),
            Some(claim) => claimed(journal, run, begun, claim)?,
        };
        Ok(Self {
            record,
            again: None,
            may_park,
        })
    }
}

/// A run that begins if no other is for the same, and has its first line on the disk by then. THREAT[APR-02]
fn claimed(
    journal: &Journal,
    run: Id,
    begun: Box<Begun<'_>>,
    claim: &Condition,
) -> Result<Record, RunError> {
    let (before, after) = match begun.of {
        Some(Purpose::Undo(_)) => (Failpoint::Undoing, Failpoint::Undone),
        _ => (Failpoint::Carrying, Failpoint::Carried),
    };
    pass(before);
    let record = Record::begin_if(journal, run, begun, claim)?.ok_or(RunError::Taken)?;
    pass(after);
    Ok(record)
}

fn run_caller(principal: &Principal, policies: String) -> RunCaller<'static> {
    RunCaller {
        context: own(principal.context().as_str()),
        actor: own(principal.actor()),
        user: principal.user().map(own),
        claims: principal.claims().iter().map(own).collect(),
        policies: policies.into(),
    }
}

/// For whoever writes it down later.
fn own(text: impl Into<String>) -> Cow<'static, str> {
    Cow::Owned(text.into())
}

impl RunLimits {
    fn of(limits: &Limits) -> Self {
        Self {
            wall_ms: millis(limits.wall),
            cpu_ms: millis(limits.cpu),
            memory: limits.memory as u64,
            output: limits.output as u64,
            workspace_bytes: limits.workspace_bytes,
            workspace_files: limits.workspace_files,
            workspace: limits.workspace != Files::None,
            calls: limits.calls,
        }
    }

    /// What a run that is made again may consume.
    pub(crate) fn again(&self) -> Limits {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Limits {
            wall: Duration::from_millis(self.wall_ms),
            cpu: Duration::from_millis(self.cpu_ms),
            memory: size(self.memory),
            output: size(self.output),
            workspace: if self.workspace {
                Files::Scratch
            } else {
                Files::None
            },
            workspace_bytes: self.workspace_bytes,
            workspace_files: self.workspace_files,
            calls: self.calls,
            ..Limits::MOST
        }
    }
}

/// What a run has used, and what somebody has seen of it.
pub(super) fn spent(wall: Duration, cpu: Duration, output: &Output) -> Spent {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let (stdout, stderr) = output.totals();
    Spent {
        wall_us: micros(wall),
        cpu_us: micros(cpu),
        stdout,
        stderr,
    }
}

/// The same of calls that no script made.
pub(crate) fn spent_of(wall: Duration, cpu: Duration) -> Spent {
    spent(wall, cpu, &Output::new(0, None))
}

/// And their last line.
pub(crate) fn end_of(record: &Record, ending: &RunEnding, spent: Spent) {
    end(record, ending, spent, [b"", b""], None);
}

/// The files that a run left in memory, by path. Those of a directory of the host are the host's.
pub(crate) fn digests(workspace: &Workspace) -> Vec<(String, Digest)> {
    if workspace.path().is_some() {
        return Vec::new();
    }
    let files = workspace.files().unwrap_or_default().into_iter();
    files
        .filter_map(|file| {
            let bytes = workspace.read(&file.path).ok()?;
            Some((file.path, Digest::of(&bytes)))
        })
        .collect()
}

/// The last line of a run.
pub(super) fn end(
    record: &Record,
    ending: &RunEnding,
    spent: Spent,
    streams: [&[u8]; 2],
    workspace: Option<&Workspace>,
) {
    if record.run().is_none() {
        return;
    }
    let json = |value: Option<Vec<u8>>| value.map(|bytes| record.text(&bytes));
    let value = ending.value.as_ref();
    let exception = ending.exception.as_ref();
    let [stdout, stderr] = streams;
    record.end(Box::new(EndedEntry {
        status: ending.status.as_str().into(),
        exit_code: ending.exit_code,
        reason: ending.reason.as_deref().map(own),
        stdout: record.text(stdout),
        stderr: record.text(stderr),
        value: json(value.and_then(|value| serde_json::to_vec(value).ok())),
        exception: json(exception.and_then(|exception| serde_json::to_vec(exception).ok())),
        files: (workspace.map(digests).unwrap_or_default().into_iter())
            .map(|(path, digest)| (path.into(), digest))
            .collect(),
        spent,
    }));
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
