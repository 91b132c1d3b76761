//! What came of a run, in the one form that every front end prints, and its JSON.

use crate::{
    journal::{AWAITING, id::Id},
    made::CallMade,
    recorder::Tape,
    workspace::{FileEntry, Workspace},
};
use sandgate_wire::{Exception, Value};
use serde::{Serialize, Serializer};
use std::{sync::Arc, time::Duration};

/// How a run ended. Closed: a front end handles each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The script ran to its end.
    Ok,
    /// The script called `sys.exit`; see [`Outcome::exit_code`].
    Exited,
    /// An exception was not caught.
    Raised,
    /// The wall or processor time was used up.
    Timeout,
    /// The memory was used up and the script could not go on.
    Memory,
    /// The stack was used up where Python could not raise `RecursionError`.
    Stack,
    /// The script flooded its output.
    Output,
    /// The source was refused before it ran.
    Source,
    /// The caller ended the run.
    Cancelled,
    /// The script can do nothing but wait for people, who are asked later; nothing of the run is left but its journal.
    AwaitingApproval,
    /// A run that was made again asked for something else than the first time.
    Diverged,
    /// The script broke its interpreter. Only this run is affected.
    Crashed,
    /// sandgate itself failed. Only this run is affected.
    Failed,
}

impl Status {
    /// What a process exits with whose script ended so. The numbers never change their meaning.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            // What the script asked for counts, where it asked for something.
            Self::Raised | Self::Exited => 1,
            Self::Failed => 70,
            Self::AwaitingApproval => 75,
            Self::Timeout | Self::Memory | Self::Stack | Self::Output | Self::Source => 120,
            Self::Crashed => 121,
            Self::Diverged => 122,
            Self::Cancelled => 130,
        }
    }
}

impl Status {
    /// What an ending that has a reason is called, for people and models.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Timeout => "out of time",
            Self::Memory => "out of memory",
            Self::Stack => "out of stack",
            Self::Output => "too much output",
            Self::Source => "source refused",
            Self::Cancelled => "cancelled",
            Self::Diverged => "diverged",
            Self::Crashed => "crashed",
            Self::AwaitingApproval => "waiting for approval",
            Self::Ok | Self::Exited | Self::Raised | Self::Failed => "failed",
        }
    }

    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Ok,
        Self::Exited,
        Self::Raised,
        Self::Timeout,
        Self::Memory,
        Self::Stack,
        Self::Output,
        Self::Source,
        Self::Cancelled,
        Self::AwaitingApproval,
        Self::Diverged,
        Self::Crashed,
        Self::Failed,
    ];

    /// The one that is written so.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether the script came to its end by itself; how far any other came stands on its tape alone.
    pub(crate) fn is_the_scripts(self) -> bool {
        matches!(self, Self::Ok | Self::Raised | Self::Exited)
    }

    /// In one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Exited => "exited",
            Self::Raised => "raised",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Output => "output",
            Self::Source => "source",
            Self::Cancelled => "cancelled",
            Self::AwaitingApproval => AWAITING,
            Self::Diverged => "diverged",
            Self::Crashed => "crashed",
            Self::Failed => "failed",
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What the journal calls it, where it is in one.
    pub run: Option<Id>,
    /// How it ended.
    pub status: Status,
    /// What a process would have exited with: what was given to `sys.exit`, or else what the status says.
    pub exit_code: i32,
    /// One sentence about an ending that is neither the script's success nor its exception.
    pub reason: Option<String>,
    /// What it wrote to standard output.
    pub stdout: StreamText,
    /// What it wrote to standard error. An uncaught exception is not in it.
    pub stderr: StreamText,
    /// The value of the last expression.
    pub value: Option<Value>,
    /// The exception that was not caught.
    pub exception: Option<Exception>,
    /// What is in the workspace now, by path.
    pub files: Vec<FileEntry>,
    /// Why that is not all of it, where it is not.
    pub unlisted: Option<String>,
    /// The files themselves, where the script was given no workspace and used a path all the same. They are in memory for
    /// as long as this is kept: copied out, read, given to another script, or gone.
    pub scratch: Option<Arc<Workspace>>,
    /// The calls that it made, the first thousand of them.
    pub calls: Vec<CallMade>,
    /// The questions that it waits for the answers of.
    pub approvals: Vec<Id>,
    /// What it consumed.
    pub usage: Usage,
    /// Everything nondeterministic that the run was given, for a replay.
    pub tape: Tape,
}

/// One captured stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamText {
    /// What was kept, with invalid UTF-8 replaced, and a marker at the end where something was dropped.
    pub text: String,
    /// How many bytes were dropped.
    pub dropped: u64,
}

impl Serialize for Outcome {
    /// All but the files' contents and the tape.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct OutcomeForm<'o> {
            #[serde(skip_serializing_if = "Option::is_none")]
            run: Option<Id>,
            status: Status,
            exit_code: i32,
            reason: &'o Option<String>,
            stdout: &'o str,
            stderr: &'o str,
            stdout_dropped: u64,
            stderr_dropped: u64,
            value: &'o Option<Value>,
            exception: &'o Option<Exception>,
            files: &'o [FileEntry],
            #[serde(skip_serializing_if = "Option::is_none")]
            unlisted: &'o Option<String>,
            #[serde(skip_serializing_if = "<[CallMade]>::is_empty")]
            calls: &'o [CallMade],
            #[serde(skip_serializing_if = "<[Id]>::is_empty")]
            approvals: &'o [Id],
            usage: &'o Usage,
        }
        let form = OutcomeForm {
            run: self.run,
            status: self.status,
            exit_code: self.exit_code,
            reason: &self.reason,
            stdout: &self.stdout.text,
            stderr: &self.stderr.text,
            stdout_dropped: self.stdout.dropped,
            stderr_dropped: self.stderr.dropped,
            value: &self.value,
            exception: &self.exception,
            files: &self.files,
            unlisted: &self.unlisted,
            calls: &self.calls,
            approvals: &self.approvals,
            usage: &self.usage,
        };
        form.serialize(serializer)
    }
}

/// What a run consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// From the moment an instance was free for it.
    #[serde(rename = "wall_us", serialize_with = "micros")]
    pub wall: Duration,
    /// On a processor.
    #[serde(rename = "cpu_us", serialize_with = "micros")]
    pub cpu: Duration,
    /// Linear memory at its largest, the interpreter's own included.
    pub peak_memory: u64,
    /// Bytes written to stdout and stderr, dropped ones included.
    pub output_bytes: u64,
    /// Calls through the one way out, refused ones included.
    pub calls: u64,
}

fn micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
