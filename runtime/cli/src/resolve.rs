//! `sandgate resolve`: what a person found out about a change that was about to be sent when its run was interrupted. It is noted, and
//! nothing is run: `sandgate resume` goes on. It must never speak to a service: whoever looked knows.

use super::{
    exit::Exit,
    failure::Failure,
    journal::{failed, past, readable},
    print,
    shared::SharedArguments,
};
use clap::Args;
use sandgate::Resolution;
use serde_json::value::RawValue;

const EXAMPLES: &str = "\
Examples:
  sandgate resolve last 3 --result '{\"id\": 8}'
  sandgate resolve 01kb3 3 --not-made

`sandgate journal show RUN` says which call it is. Look at the service first: with --result the script goes on as if the service \
had answered so; with --not-made it is told that the call was not sent, and may make it again.";

/// Say what became of a change that nobody knows about.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ResolveArguments {
    /// The run: the beginning of its name, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    /// The number of the call
    #[arg(value_name = "CALL")]
    call: u32,
    /// It was made, and the service would have answered so, as JSON
    #[arg(long, value_name = "JSON", value_parser = json, conflicts_with = "not_made")]
    result: Option<Box<RawValue>>,
    /// It was not made
    #[arg(long)]
    not_made: bool,
    /// Who says so [default: the name of whoever runs this]
    #[arg(long = "as", value_name = "NAME", env = "USER", hide_env_values = true)]
    name: Option<String>,
}

fn json(text: &str) -> Result<Box<RawValue>, String> {
    serde_json::from_str(text).map_err(|error| format!("the result is no JSON: {error}"))
}

pub(super) fn resolve(
    arguments: &ResolveArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let past = past(&journal, &arguments.run)?;
    let run = past.row().run;
    let left = past.unknown().len().saturating_sub(1);
    let resolution = match (&arguments.result, arguments.not_made) {
        (Some(result), _) => Resolution::Made(result.clone()),
        (None, true) => Resolution::NotMade,
        (None, false) => {
            return Err(Failure::usage(
                "it is not said what became of the call",
                "pass --result with what the service would have answered, or --not-made",
            ));
        }
    };
    let by = arguments.name.as_deref().unwrap_or("terminal");
    past.resolve(arguments.call, &resolution, by)
        .map_err(failed)?;
    print::err(&match left {
        0 => format!("sandgate: noted; `sandgate resume {run}` goes on\n"),
        1 => "sandgate: noted; nobody knows about 1 call more\n".to_owned(),
        left => format!("sandgate: noted; nobody knows about {left} calls more\n"),
    });
    Ok(Exit::Ok)
}
