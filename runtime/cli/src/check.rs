//! `sandgate check`: what can be said of a script before it runs. It starts no interpreter, connects to nothing and decides
//! nothing.

use super::{
    exit::Exit, failure::Failure, policy::OpenedContext, print, reach::PoliciesArgument, run,
    shared::SharedArguments,
};
use clap::Args;
use sandgate::{
    check::{CheckReport, CheckedCall, Mistake, Offered, check},
    policy::Verdict,
    service::Registry,
};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  sandgate check report.py
  sandgate check --context assistant --policies policies follow_up.py
  sandgate check --context assistant --json - < script.py

A mistake is a line `FILE:LINE:COLUMN: what is wrong`, and below it what to do: syntax errors, packages that cannot be here, services and methods that do not exist, missing and unknown parameters, values that a parameter does not take, an `await` too few or too many. Each call of a service is listed with its effect and with what the policies say of the method: allowed, asks a person, refused, or more than one of them, where it depends on the call.

Only what is certain is a mistake: names that a script binds more than once, and values that it works out, are left alone. Nothing is decided here: a run decides each call when it is made.

The services are those of `sandgate policy check`: the documents in `services`, beside the contexts, or else what is registered.

The exit code is 0 where nothing is wrong, and 1 where something is.";

/// Say what is wrong with a script, and what it would call, without running it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArguments {
    /// The script, or `-` for standard input
    #[arg(value_name = "FILE")]
    script: PathBuf,
    /// Which context the script is of; without one there are no services
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    #[command(flatten)]
    policies: PoliciesArgument,
    /// Print the mistakes and the calls as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(
    arguments: &CheckArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let source = run::script(&arguments.script)?;
    let report = match &arguments.context {
        None => check(&source, &Offered::nothing()),
        Some(name) => {
            let opened = OpenedContext::open(&arguments.policies, name, shared)?;
            let OpenedContext { services, context } = opened.ok_or_else(|| {
                Failure::usage(
                    format!("nothing was checked: the context `{name}` cannot be used"),
                    "`sandgate policy check` says it again once you have changed something",
                )
            })?;
            let registry = Registry::of(services);
            check(&source, &Offered::new(&registry, &context.policies))
        }
    };
    if arguments.json {
        let json = serde_json::to_string(&report).map_err(|error| Failure::ours(&error))?;
        print::json(&format!("{json}\n"))?;
    } else {
        print::out(&text(&arguments.script.display().to_string(), &report))?;
    }
    Ok(if report.mistakes.is_empty() {
        Exit::Ok
    } else {
        Exit::Found
    })
}

fn text(file: &str, report: &CheckReport) -> String {
    let mut text = String::new();
    for Mistake {
        line,
        column,
        message,
        help,
        ..
    } in &report.mistakes
    {
        text.push_str(&format!("{file}:{line}:{column}: {message}\n"));
        if let Some(help) = help {
            text.push_str(&format!("  help: {help}\n"));
        }
    }
    let rows: Vec<[String; 4]> = report.calls.iter().map(row).collect();
    let mut widths = [0_usize; 4];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        let cells = row.iter().zip(widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    if text.is_empty() {
        text.push_str("nothing is wrong, and it calls nothing\n");
    }
    text
}

fn row(call: &CheckedCall) -> [String; 4] {
    let CheckedCall { line, outlook, .. } = call;
    let words = outlook.verdicts.iter().map(|verdict| match verdict {
        Verdict::Allow => "allowed",
        Verdict::Gate => "asks a person",
        Verdict::Refuse => "refused",
    });
    let words = words.collect::<Vec<_>>().join(" or ");
    [
        format!("line {line}"),
        format!("{}.{}", outlook.service, outlook.method),
        outlook.effect.to_string(),
        if outlook.verdicts.len() > 1 {
            format!("depends on the call: {words}")
        } else {
            words
        },
    ]
}
