//! `sandgate journal list`: the runs that there are, one line each. It reads the table of runs, and the lines only where a filter
//! is about calls.

use super::readable;
use crate::{exit::Exit, failure::Failure, print, shared::SharedArguments, values};
use clap::Args;
use sandgate::{RunCounts, RunFilter, RunRow, service::line};
use std::time::{Duration, UNIX_EPOCH};

/// Which runs.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Of this context
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// That asked for a call of this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// That asked for a call of this method, such as crm.deal.add
    #[arg(long, value_name = "METHOD", conflicts_with = "service", value_parser = method)]
    method: Option<(String, String)>,
    /// In which the policies decided so about a call
    #[arg(long, value_name = "VERDICT", value_parser = ["allow", "gate", "refuse"])]
    verdict: Option<String>,
    /// That stand so, such as ok, raised, awaiting_approval or interrupted
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// That began at this time or later: 30d (so long ago), 2026-01-31 or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = values::point)]
    since: Option<u64>,
    /// That began before this time
    #[arg(long, value_name = "TIME", value_parser = values::point)]
    until: Option<u64>,
    /// No more than so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print them as JSON, one object a line
    #[arg(long)]
    json: bool,
}

impl ListArguments {
    /// Whether not all runs are asked for.
    fn is_about_some(&self) -> bool {
        let names = [&self.context, &self.service, &self.verdict, &self.status];
        let is_in_time = self.since.or(self.until).is_some();
        is_in_time || self.method.is_some() || names.into_iter().any(Option::is_some)
    }
}

/// A service and one of its methods.
fn method(text: &str) -> Result<(String, String), String> {
    match text.split_once('.') {
        Some((service, method)) if !service.is_empty() && !method.is_empty() => {
            Ok((service.to_owned(), method.to_owned()))
        }
        _ => Err("a method is written with its service, as in crm.deal.add".to_owned()),
    }
}

pub(super) fn list(arguments: &ListArguments, shared: &SharedArguments) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let called = match (&arguments.service, &arguments.method) {
        (_, Some((service, method))) => Some((service.clone(), Some(method.clone()))),
        (Some(service), None) => Some((service.clone(), None)),
        (None, None) => None,
    };
    let filter = RunFilter {
        context: arguments.context.clone(),
        status: arguments.status.clone(),
        since: arguments.since,
        until: arguments.until,
        called,
        verdict: arguments.verdict.clone(),
        most: Some(arguments.limit),
        ..RunFilter::default()
    };
    let runs = journal.runs(&filter);
    let runs = runs.map_err(|error| Failure::ours(&error))?;
    if arguments.json {
        let lines = runs.iter().map(serde_json::to_string);
        let lines = lines.collect::<Result<Vec<_>, _>>();
        let lines = lines.map_err(|error| Failure::ours(&error))?;
        print::json(
            &lines
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>(),
        )?;
    } else if runs.is_empty() {
        print::out(if arguments.is_about_some() {
            "the journal has no such run\n"
        } else {
            "the journal has no runs\n"
        })?;
    } else {
        print::out(&table(&runs))?;
    }
    Ok(Exit::Ok)
}

fn table(runs: &[RunRow]) -> String {
    let rows: Vec<[String; 6]> = runs.iter().map(row).collect();
    let mut widths = [0_usize; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    });
    lines.collect()
}

fn row(run: &RunRow) -> [String; 6] {
    let actor = run.actor.as_deref().unwrap_or_default();
    let who = match (&run.context, &run.user) {
        (None, _) => "no context".to_owned(),
        (Some(context), None) => format!("{context} {actor}"),
        (Some(context), Some(user)) => format!("{context} {actor}/{user}"),
    };
    [
        run.run.to_string(),
        when(run.began),
        line(&who, 60),
        line(&run.name, 40),
        run.status.clone(),
        counted(run.counts),
    ]
}

/// What a run did, in numbers.
pub(super) fn counted(counts: RunCounts) -> String {
    let many = |number: u64, one: &str, more: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {more}")),
    };
    let parts = [
        many(counts.calls, "call", "calls"),
        many(counts.changes, "change", "changes"),
        many(counts.refused, "refused", "refused"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A time in milliseconds since 1970, for people.
pub(crate) fn when(ms: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(ms));
    let text = at.map(|at| humantime::format_rfc3339_seconds(at).to_string());
    text.unwrap_or_default()
}
