//! `sandgate journal verify` and `prune`: whether the journal is what was written, and how much of it is kept. Verifying must only
//! ever read; pruning leaves a chain that can still be verified.

use super::readable;
use crate::{exit::Exit, failure::Failure, print, shared::SharedArguments, values};
use bytesize::ByteSize;
use clap::Args;
use sandgate::{Journal, Pruned};
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Without --older-than, what sandgate.toml says is done at once: `keep` and `most` under [journal], which whatever
writes the journal keeps to as well, piece by piece.

Runs are removed from the oldest on, each in whole, up to the first that is not over. A line of the journal says what
was removed, so it can still be verified.

Examples:
  sandgate journal prune --older-than 90d --dry-run
  sandgate journal prune --older-than 90d --above 1GiB")]
pub(super) struct PruneArguments {
    /// Remove runs that ended longer ago than this, such as 90d [default: as sandgate.toml says]
    #[arg(long, value_name = "AGE", value_parser = values::age)]
    older_than: Option<Duration>,
    /// Only while more than this is kept, such as 1GiB
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "0B", requires = "older_than")]
    above: ByteSize,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Print what was removed as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn verify(
    arguments: &VerifyArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let verified = match readable(shared) {
        Ok(journal) => journal.verify(),
        // Whether it is whole can be said without the key.
        Err(failure) => match shared
            .state_dir()
            .map(|state| Journal::verify_sealed(&state))
        {
            Some(Ok(verified)) if verified.sealed > 0 => Ok(verified),
            _ => return Err(failure),
        },
    };
    let verified = verified.map_err(|error| Failure::ours(&error))?;
    if arguments.json {
        let text = serde_json::to_string(&verified).map_err(|error| Failure::ours(&error))?;
        print::json(&format!("{text}\n"))?;
    } else {
        let problems = verified.problems.iter();
        let mut text: String = problems.map(|problem| format!("{problem}\n")).collect();
        let looked = format!(
            "{} lines of {} runs and {} texts",
            verified.lines, verified.runs, verified.texts
        );
        let looked = match verified.sealed {
            0 => looked,
            _ => format!(
                "{} lines, of which {} are sealed,",
                verified.lines, verified.sealed
            ),
        };
        text.push_str(&match verified.problems.len() {
            0 => format!("{looked} are as they were written\n"),
            1 => format!("{looked} were looked at: 1 problem\n"),
            number => format!("{looked} were looked at: {number} problems\n"),
        });
        if verified.sealed > 0 {
            text.push_str("there is no key: neither texts nor tables were looked at\n");
        }
        print::out(&text)?;
    }
    Ok(if verified.is_whole() {
        Exit::Ok
    } else {
        Exit::Found
    })
}

pub(super) fn prune(arguments: &PruneArguments, shared: &SharedArguments) -> Result<Exit, Failure> {
    let wishes = wishes(arguments, shared)?;
    let journal = readable(shared)?;
    let mut all = Pruned::default();
    for (before, above) in wishes {
        let pruned = if arguments.dry_run {
            journal.would_prune(before, above)
        } else {
            journal.prune(before, above)
        };
        let pruned = pruned.map_err(|error| Failure::ours(&error))?;
        // What would be removed for one reason may be what would be for the other.
        all = match arguments.dry_run {
            true if all.lines > pruned.lines => all,
            true => pruned,
            false => all.followed_by(&pruned),
        };
    }
    if arguments.json {
        let Pruned {
            lines,
            runs,
            texts,
            held_by,
            ..
        } = all;
        let removed = json!({"removed": lines, "runs": runs, "texts": texts, "held_by": held_by, "dry_run": arguments.dry_run});
        print::json(&format!("{removed}\n"))?;
        return Ok(Exit::Ok);
    }
    let number = |many: u64, what: &str| match many {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    };
    let mut text = match (all.lines, arguments.dry_run) {
        (0, _) => "nothing is that old, or so little is kept that all of it stays\n".to_owned(),
        (lines, dry) => format!(
            "{} {} of {}\n",
            if dry { "would remove" } else { "removed" },
            number(lines, "line"),
            number(all.runs, "run")
        ),
    };
    if let Some(run) = all.held_by {
        text.push_str(&format!(
            "run {run} is not over, and what came after it began stays with it\n"
        ));
    }
    print::out(&text)?;
    Ok(Exit::Ok)
}

/// What is to be removed: what ended before then, while more than so much is kept.
fn wishes(
    arguments: &PruneArguments,
    shared: &SharedArguments,
) -> Result<Vec<(u64, u64)>, Failure> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let ago =
        |age: Duration| u64::try_from(now.saturating_sub(age).as_millis()).unwrap_or(u64::MAX);
    if let Some(age) = arguments.older_than {
        return Ok(vec![(ago(age), arguments.above.as_u64())]);
    }
    let settings = &shared.settings.journal;
    let old = settings.keep.map(|keep| (ago(keep), 0));
    let much = settings.most.map(|most| (u64::MAX, most));
    let wishes: Vec<_> = old.into_iter().chain(much).collect();
    if wishes.is_empty() {
        return Err(Failure::usage(
            "nothing says what is to be removed",
            "pass --older-than 90d, for example, or put `keep` or `most` under [journal] into sandgate.toml",
        ));
    }
    Ok(wishes)
}
