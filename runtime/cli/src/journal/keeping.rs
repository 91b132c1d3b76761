//! `sandgate journal verify` and `prune`: whether the journal is what was written, and how much of it is kept. Verifying must only
//! ever read; pruning leaves a chain that can still be verified.

use super::readable;
use crate::{exit::Exit, failure::Failure, print, shared::SharedArguments, values};
use bytesize::ByteSize;
use clap::Args;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct PruneArguments {
    /// Remove runs that ended longer ago than this, such as 90d
    #[arg(long, value_name = "AGE", value_parser = values::age)]
    older_than: Duration,
    /// Only where more than this is kept, such as 1GiB
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "0B")]
    above: ByteSize,
    /// Print what was removed as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn verify(
    arguments: &VerifyArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let verified = readable(shared)?.verify();
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
        text.push_str(&match verified.problems.len() {
            0 => format!("{looked} are as they were written\n"),
            1 => format!("{looked} were looked at: 1 problem\n"),
            number => format!("{looked} were looked at: {number} problems\n"),
        });
        print::out(&text)?;
    }
    Ok(if verified.is_whole() {
        Exit::Ok
    } else {
        Exit::Found
    })
}

pub(super) fn prune(arguments: &PruneArguments, shared: &SharedArguments) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let before = now.unwrap_or_default().saturating_sub(arguments.older_than);
    let before = u64::try_from(before.as_millis()).unwrap_or(u64::MAX);
    let removed = journal.prune(before, arguments.above.as_u64());
    let removed = removed.map_err(|error| Failure::ours(&error))?;
    if arguments.json {
        print::json(&format!("{}\n", json!({"removed": removed})))?;
    } else {
        print::out(&match removed {
            0 => "nothing is that old, or so little is kept that all of it stays\n".to_owned(),
            1 => "removed 1 line\n".to_owned(),
            lines => format!("removed {lines} lines\n"),
        })?;
    }
    Ok(Exit::Ok)
}
