//! What the process exits with. Scripts, shells and agents branch on it, so the numbers never change their meaning.

use crate::{Outcome, Status};
use std::process::ExitCode;

/// Shown by `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0        the script ran to its end
  1        the script raised an exception; or policies have problems, or cases failed
  N        the script called sys.exit(N)
  64       the command line or a file named on it is not usable
  70       sandgate itself failed
  120      the script hit a limit: time, memory, stack, output or size of source
  130      the run was cancelled";

/// See [`HELP`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Ok,
    /// A policy or one of its cases is not as it should be.
    Found,
    Script(u8),
    Usage,
    Failure,
    Limit,
    Cancelled,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Found => 1,
            Exit::Script(code) => code,
            Exit::Usage => 64,
            Exit::Failure => 70,
            Exit::Limit => 120,
            Exit::Cancelled => 130,
        })
    }
}

impl From<&Outcome> for Exit {
    fn from(outcome: &Outcome) -> Self {
        match outcome.status {
            Status::Ok => Self::Ok,
            Status::Raised => Self::Script(1),
            // As an operating system does with it.
            Status::Exited => Self::Script(outcome.exit_code.to_le_bytes()[0]),
            Status::Timeout | Status::Memory | Status::Stack | Status::Output | Status::Source => {
                Self::Limit
            }
            Status::Cancelled => Self::Cancelled,
            Status::Diverged | Status::Crashed => Self::Failure,
        }
    }
}
