//! This program again, as a process of its own: what connects for a run, what tells people of questions, what goes on with a run. It
//! must only be started where no script is near.

use super::shared::SharedArguments;
use std::{
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

/// Also when its file was replaced meanwhile.
const SELF: &str = "/proc/self/exe";

/// A subcommand of it, not started.
pub(super) fn command(subcommand: &str) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "this program itself, before the script is anywhere near, or where there is none"
    )]
    let mut command = Command::new(SELF);
    command.arg0("sandgate").arg(subcommand);
    command
}

/// One that serves another process of this program, is heard through its standard input and says nothing. What is typed at the terminal
/// ends the one that it serves, and that ends this.
pub(super) fn helper(subcommand: &str, input: impl Into<Stdio>) -> Command {
    let mut command = command(subcommand);
    command
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command
}

/// The same as [`command`] with what every command takes.
pub(super) fn command_with(subcommand: &str, shared: &SharedArguments) -> Command {
    let mut command = command(subcommand);
    for (option, path) in [
        ("--config", &shared.config),
        ("--state-dir", &shared.state),
        ("--cache-dir", &shared.cache),
    ] {
        if let Some(path) = path {
            command.arg(option).arg(path);
        }
    }
    if shared.quiet {
        command.arg("--quiet");
    }
    command
}
