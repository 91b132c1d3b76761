//! The journal of the user's state directory, for commands that write to it. One that cannot be opened keeps nothing that
//! changes nothing from being done: THREAT[JRN-04], what changes something is refused then, call by call.

use super::{print, shared::SharedArguments};
use sandgate::{Journal, Outcome, Status};

/// Opens it, or says why not where the script may make `calls`. `None` where there is no place for one.
pub(super) fn open(shared: &SharedArguments, calls: bool) -> Option<Journal> {
    let state = shared.state_dir()?;
    match Journal::open(&state) {
        Ok(journal) => Some(journal),
        Err(error) => {
            if calls && !shared.quiet {
                print::err(&format!(
                    "sandgate: {error}; what would change something is refused\n"
                ));
            }
            Some(Journal::unwritable(&error))
        }
    }
}

/// What is said of a run that waits for people.
pub(super) fn waiting(outcome: &Outcome) -> Option<String> {
    let run = outcome
        .run
        .filter(|_| outcome.status == Status::AwaitingApproval)?;
    let number = outcome.approvals.len();
    let what = if number == 1 { "call" } else { "calls" };
    Some(format!(
        "sandgate: {number} {what} to be approved: `sandgate approvals --run {run}` shows what, `sandgate approve --all --run {run}` \
         goes on\n"
    ))
}
