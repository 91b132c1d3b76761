//! What becomes of a run that has ended: what it left is delivered, what is to be said of it is said, and the process gets its
//! exit code. Reached by `sandgate run`, once. It must never run anything again, nor leave undelivered what can be delivered.

use super::RunArguments;
use crate::{
    calls,
    exit::Exit,
    failure::Failure,
    signals::Signals,
    stage::{json_line, said},
    terminal::Terminal,
};
use bytesize::ByteSize;
use sandgate::{Limits, Outcome, Stream, Workspace, WorkspaceError};
use std::{io, time::Duration};
use tokio::runtime::Runtime;

/// For how long a run that was ended waits for whoever reads its output.
const PATIENCE: Duration = Duration::from_millis(500);

/// A run that has ended, and what was asked of it.
pub(super) struct Conclusion<'a> {
    pub(super) terminal: &'a Terminal,
    pub(super) outcome: &'a Outcome,
    pub(super) arguments: &'a RunArguments,
    /// What the run was given in the end.
    pub(super) limits: &'a Limits,
    /// Whether a signal ended it.
    pub(super) by_signal: bool,
}

impl Conclusion<'_> {
    /// Delivers, speaks, waits until all is written, and says how the process ends.
    pub(super) fn reach(
        &self,
        workspace: Option<&Workspace>,
        executor: Runtime,
        signals: &mut Signals,
    ) -> Result<Exit, Failure> {
        // What a script left is delivered whatever became of the script.
        let delivered = self.deliver(workspace.or(self.outcome.scratch.as_deref()));
        self.speak()?;
        let written = write_all(executor, self.terminal, signals, self.by_signal);
        let Some(written) = written.filter(|written| !self.by_signal || written.is_ok()) else {
            return Ok(Exit::Cancelled);
        };
        delivered.map_err(|error| {
            Failure::undelivered(
                sandgate::chain(&error),
                "name a directory that is empty or does not exist yet",
            )
        })?;
        written.map_err(|error| {
            let message = format!("the output cannot be written: {error}");
            Failure::undelivered(
                message,
                "make room where it goes; the script itself has run",
            )
        })?;
        Ok(Exit::from(self.outcome))
    }

    fn deliver(&self, workspace: Option<&Workspace>) -> Result<(), WorkspaceError> {
        match (&self.arguments.out, workspace) {
            (Some(out), Some(workspace)) if self.arguments.force => {
                workspace.copy_out_replacing(out).map(drop)
            }
            (Some(out), Some(workspace)) => workspace.copy_out(out).map(drop),
            _ => Ok(()),
        }
    }

    /// What is said of the outcome. The streams have been printed already, unless all of it is JSON.
    fn speak(&self) -> Result<(), Failure> {
        if self.arguments.json {
            let (stream, text) = json_line(self.outcome)?;
            self.terminal.conclude(stream, text);
            return Ok(());
        }
        // Who sent a signal knows why it ended.
        let mut text = said(self.outcome, !self.by_signal);
        text.extend(calls::changes(self.outcome));
        text.extend(files_hint(self.outcome, self.arguments, self.limits));
        if self.arguments.usage {
            text.push_str(&usage(self.outcome));
        }
        if !text.is_empty() {
            self.terminal.conclude(Stream::Err, text);
        }
        Ok(())
    }
}

/// Waits for what is to be written, unless a signal says not to; after one that ended the run, only as long as a reader
/// takes that is there. Neither a question nor a file that a thread waits for keeps the process then.
pub(super) fn write_all(
    executor: Runtime,
    terminal: &Terminal,
    signals: &mut Signals,
    by_signal: bool,
) -> Option<io::Result<()>> {
    let written = executor.block_on(async {
        let patience = async {
            if by_signal {
                tokio::time::sleep(PATIENCE).await;
            } else {
                signals.any().await;
            }
        };
        tokio::select! {
            biased;
            written = terminal.finish() => Some(written),
            () = patience => None,
        }
    });
    executor.shutdown_background();
    written
}

/// What would have helped a script that did not find its file, or had no room for it. Exceptions are the script's own
/// words, so nothing but advice depends on them.
fn files_hint(outcome: &Outcome, arguments: &RunArguments, limits: &Limits) -> Option<String> {
    let exception = outcome.exception.as_ref()?;
    let message = exception.message.as_str();
    if exception.kind == "OSError" && message.contains("No space left on device") {
        let bytes = match arguments.files.directory() {
            Some(_) => limits.workspace_bytes,
            None => limits.workspace_bytes.min(Limits::WORKSPACE_MEMORY),
        };
        return Some(format!(
            "sandgate: a workspace holds {} and {} files; `workspace_bytes` and `workspace_files` in a context's limits.toml \
             say how much\n",
            ByteSize::b(bytes).display().iec(),
            limits.workspace_files
        ));
    }
    let (_, rest) = message.split_once("No such file or directory")?;
    let (_, path) = rest.split_once(": '")?;
    let is_outside = path.starts_with('/') && !path.starts_with(Workspace::PATH);
    let is_given = arguments.files.are_given();
    let why = match (exception.kind.as_str(), is_outside, is_given) {
        ("FileNotFoundError", true, _) => "a script sees nothing outside of its workspace, /work",
        ("FileNotFoundError", false, false) => {
            "nothing was put into the workspace, /work, which is all that a script sees"
        }
        _ => return None,
    };
    Some(format!(
        "sandgate: {why}: --in FILE copies a file into it, --workspace DIR makes it a directory of yours\n"
    ))
}

fn usage(outcome: &Outcome) -> String {
    let usage = &outcome.usage;
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    format!(
        "sandgate: took {:.1} ms, {:.1} ms of it on a processor, {} of memory, {} {}\n",
        millis(usage.wall),
        millis(usage.cpu),
        ByteSize::b(usage.peak_memory).display().iec(),
        usage.calls,
        if usage.calls == 1 { "call" } else { "calls" }
    )
}
