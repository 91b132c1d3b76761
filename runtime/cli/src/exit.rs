//! What the process exits with. Scripts, shells and agents branch on it, so the numbers never change their meaning.
//!
//! 64 and 70 are sandgate's: they say that the operator, or whoever looks after sandgate, has something to do. No script
//! can make the process exit with them, and what a script can cause has numbers of its own.

use sandgate::{Outcome, Status};
use std::process::ExitCode;

/// Shown by `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0        the script ran to its end
  1        the script raised an exception; or policies have problems, cases failed, the call that
           is explained is refused, calls would be decided otherwise, or the journal is not as it
           was written
  N        the script called sys.exit(N); 1 where N is one of the numbers below
  64       the command line or a file named on it is not usable
  69       a service is not there, or answered with an error
  70       sandgate itself failed
  73       the script has run, but what it printed or left cannot be written
  75       the run waits for approval; `sandgate approve` goes on with it
  120      the script hit a limit: time, memory, stack, output or size of source
  121      the script broke its interpreter
  122      a run that was made again went another way
  130      the run was cancelled";

/// See [`HELP`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Ok,
    /// A policy, one of its cases or the journal is not as it should be, or what was asked about is refused or would be decided
    /// otherwise.
    Found,
    Script(u8),
    Usage,
    /// A service that a command speaks to. What scripts call is answered to them.
    Service,
    Failure,
    Undelivered,
    Awaiting,
    Limit,
    Crashed,
    Diverged,
    Cancelled,
}

/// Those that a script cannot choose.
const OURS: [Exit; 9] = [
    Exit::Usage,
    Exit::Service,
    Exit::Failure,
    Exit::Undelivered,
    Exit::Awaiting,
    Exit::Limit,
    Exit::Crashed,
    Exit::Diverged,
    Exit::Cancelled,
];

impl Exit {
    /// What a script gave to `sys.exit`: the lowest byte, as an operating system takes it.
    pub(super) fn script(code: i32) -> Self {
        let [code, ..] = code.to_le_bytes();
        if OURS.iter().any(|ours| ours.number() == code) {
            return Self::Script(1);
        }
        Self::Script(code)
    }

    /// What a process of ours exited with that did the work.
    pub(super) fn of_child(code: i32) -> Self {
        let [code, ..] = code.to_le_bytes();
        OURS.into_iter()
            .find(|ours| ours.number() == code)
            .unwrap_or(Self::Script(code))
    }

    fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Found => 1,
            Self::Script(code) => code,
            Self::Usage => 64,
            Self::Service => 69,
            Self::Undelivered => 73,
            Self::Failure => Status::Failed.exit_code(),
            Self::Awaiting => Status::AwaitingApproval.exit_code(),
            Self::Limit => Status::Timeout.exit_code(),
            Self::Crashed => Status::Crashed.exit_code(),
            Self::Diverged => Status::Diverged.exit_code(),
            Self::Cancelled => Status::Cancelled.exit_code(),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

impl From<&Outcome> for Exit {
    fn from(outcome: &Outcome) -> Self {
        match outcome.status {
            Status::Ok => Self::Ok,
            Status::Raised => Self::Script(1),
            Status::Exited => Self::script(outcome.exit_code),
            Status::Timeout | Status::Memory | Status::Stack | Status::Output | Status::Source => {
                Self::Limit
            }
            Status::Crashed => Self::Crashed,
            Status::Diverged => Self::Diverged,
            Status::Cancelled => Self::Cancelled,
            Status::AwaitingApproval => Self::Awaiting,
            Status::Failed => Self::Failure,
        }
    }
}

/// What an ending that has a reason is called, for people and models.
pub(super) fn ending(status: Status) -> &'static str {
    match status {
        Status::Timeout => "out of time",
        Status::Memory => "out of memory",
        Status::Stack => "out of stack",
        Status::Output => "too much output",
        Status::Source => "source refused",
        Status::Cancelled => "cancelled",
        Status::Diverged => "diverged",
        Status::Crashed => "crashed",
        Status::AwaitingApproval => "waiting for approval",
        Status::Ok | Status::Exited | Status::Raised | Status::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_that_a_script_gives_is_one_of_ours() {
        for code in (0..=255).chain([-1, -70, 256, 256 + 64, 256 + 70, i32::MIN, i32::MAX]) {
            let [low, ..] = code.to_le_bytes();
            let expected = match low {
                64 | 69 | 70 | 73 | 75 | 120 | 121 | 122 | 130 => 1,
                other => other,
            };
            assert_eq!(Exit::script(code).number(), expected, "{code}");
        }
    }
}
