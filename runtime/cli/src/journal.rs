//! The journal of the user's state directory: opened here for commands that write to it and for those that read it, and `sandgate
//! journal`, which shows, checks and prunes it. THREAT[JRN-04]: one that cannot be opened keeps nothing that changes nothing from
//! being done; what changes something is refused then, call by call. What is shown is redacted unless the operator says otherwise.

mod entries;
mod keeping;
mod key;
mod list;
mod redaction;
mod show;
mod story;

pub(super) use list::when;
pub(super) use redaction::Redaction;
pub(super) use show::told;
pub(super) use story::{arguments, ruled, short};

use super::{exit::Exit, failure::Failure, print, shared::SharedArguments};
use clap::{Args, Subcommand};
use sandgate::{
    Journal, JournalKey, JournalOptions, LedgerError, Outcome, PastRun, PastRunError, Status,
};
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  sandgate journal list --context assistant --since 7d
  sandgate journal list --method crm.deal.add --verdict refuse --json
  sandgate journal show last
  sandgate journal follow
  sandgate journal export --since 2026-01-01 > journal.jsonl
  sandgate journal verify
  sandgate journal prune --older-than 90d --above 1GiB --dry-run
  sandgate journal key new ~/.config/sandgate/journal.key

`keep` and `most` under [journal] of sandgate.toml have whatever writes the journal prune it as well.
What is marked as sensitive, and what looks like a credential, is shown as [redacted].";

/// See, check and prune what every run was given, asked for and did.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct JournalArguments {
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Show the runs, newest first
    List(list::ListArguments),
    /// Tell what a run did: what it asked for, what was decided and by which policies, and what came of it
    Show(show::ShowArguments),
    /// Tell the same of every run from now on, as it happens
    Follow(show::FollowArguments),
    /// Say whether everything is as it was written; the exit code is 1 where it is not
    Verify(keeping::VerifyArguments),
    /// Print every entry as JSON, one a line, with the texts that it speaks of
    Export(show::ExportArguments),
    /// Remove the oldest runs
    Prune(keeping::PruneArguments),
    /// Make what the journal is sealed with
    Key(key::KeyArguments),
}

pub(super) fn execute(
    arguments: &JournalArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    match &arguments.command {
        JournalCommand::List(arguments) => list::list(arguments, shared),
        JournalCommand::Show(arguments) => show::show(arguments, shared),
        JournalCommand::Follow(arguments) => show::follow(arguments, shared),
        JournalCommand::Verify(arguments) => keeping::verify(arguments, shared),
        JournalCommand::Export(arguments) => show::export(arguments, shared),
        JournalCommand::Prune(arguments) => keeping::prune(arguments, shared),
        JournalCommand::Key(arguments) => key::execute(arguments),
    }
}

/// Opens it, or says why not, and what that means for a script that may make `calls` or not. `None` where there is no place for one, or
/// nothing that would have to be in it.
pub(super) fn open(shared: &SharedArguments, calls: bool) -> Option<Journal> {
    let state = shared.state_dir()?;
    match opened(&state, shared) {
        Ok(journal) => Some(journal),
        Err(error) => {
            let what = if calls {
                "what would change something is refused"
            } else {
                "nothing of what runs is written down"
            };
            if !shared.quiet {
                print::err(&format!("sandgate: {error}; {what}\n"));
            }
            let required = shared.settings.journal.required.unwrap_or_default();
            calls.then(|| Journal::unwritable(&error, required))
        }
    }
}

/// What is said of a run that waits for people.
pub(super) fn waiting(outcome: &Outcome) -> Option<String> {
    let run = outcome
        .run
        .filter(|_| outcome.status == Status::AwaitingApproval)?;
    let number = outcome.approvals.len();
    let (waits, them) = match number {
        1 => ("call waits", "it"),
        _ => ("calls wait", "them"),
    };
    Some(format!(
        "sandgate: {number} {waits} for approval: `sandgate approvals --run {run}` shows {them}, `sandgate approve --all --run {run}` \
         goes on\n"
    ))
}

/// The journal, where it can be read.
pub(super) fn readable(shared: &SharedArguments) -> Result<Journal, Failure> {
    let state = shared.state_dir().ok_or_else(|| {
        Failure::usage("there is no state directory", "name one with --state-dir")
    })?;
    opened(&state, shared).map_err(|error| {
        let help = match &error {
            LedgerError::Sealed { .. } => {
                "name its file as `key_file`, under [journal] of sandgate.toml; `sandgate config path` says where that is"
            }
            LedgerError::OtherKey { .. } | LedgerError::Key(_) => {
                "put back the file that the journal was sealed with: without it nobody can read what is sealed; `sandgate journal \
                 verify` can still say whether it is whole"
            }
            _ => "name the directory in which the run was made, with --state-dir",
        };
        Failure::usage(sandgate::chain(&error), help)
    })
}

/// As the settings say.
pub(super) fn opened(state: &Path, shared: &SharedArguments) -> Result<Journal, LedgerError> {
    let settings = &shared.settings.journal;
    let key = settings.key_file.as_deref().map(JournalKey::read);
    let options = JournalOptions {
        key: key.transpose()?,
        keep: settings.keep,
        most: settings.most,
        required: settings.required.unwrap_or_default(),
    };
    Journal::open_with(state, options)
}

/// The run that is meant.
pub(super) fn past(journal: &Journal, meant: &str) -> Result<PastRun, Failure> {
    PastRun::read(journal, meant).map_err(failed)
}

/// What keeps a run from being made again, for people.
pub(super) fn failed(error: PastRunError) -> Failure {
    let help = match &error {
        PastRunError::NoRun(_) => "`sandgate journal list` shows the runs that there are",
        PastRunError::Unknown { .. } => {
            "look at the service, and say what came of it with `sandgate resolve`"
        }
        PastRunError::Known { .. } => "`sandgate journal show` says which calls those are",
        PastRunError::Status { .. } => "`sandgate journal show` says what came of it",
        PastRunError::Carried { .. } | PastRunError::Undone { .. } => {
            "`sandgate journal show` says what came of that run; `sandgate resume` goes on with one that was interrupted"
        }
        PastRunError::Taken(_) => "look again with `sandgate journal show`",
        PastRunError::Once { .. } => "run its script again",
        PastRunError::Run(_) => return Failure::ours(&error),
        _ => "`sandgate journal verify` says whether the journal is whole",
    };
    Failure::usage(sandgate::chain(&error), help)
}
