//! `sandgate call` and `sandgate undo`: calls that no script makes, down the same road. What is undone is shown before it is.

use super::{
    again::TodayArguments,
    calls::ShownCalls,
    exit::Exit,
    failure::Failure,
    journal::{past, readable},
    print,
    question::Seat,
    reach::ReachArguments,
    shared::SharedArguments,
    stage::{StageSet, json_line, last, said},
    wall::Inherited,
};
use clap::Args;
use sandgate::{Outcome, Stream, Undoing, Value};
use serde_json::{json, value::RawValue};

const CALL_EXAMPLES: &str = "\
Examples:
  sandgate call --context assistant crm contact.list '{\"limit\": 5}'
  sandgate call --context assistant crm deal.add '[\"Licence\", 900]' --json";

const UNDO_EXAMPLES: &str = "\
Examples:
  sandgate undo last --dry-run
  sandgate undo 01kb3
  sandgate undo 01kb3 --call 4

The calls that undo the changes go the way of every call: the policies decide, people are asked, the journal has them.";

/// Make one call, as a script would.
#[derive(Debug, Args)]
#[command(after_help = CALL_EXAMPLES)]
pub(super) struct CallArguments {
    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,
    /// The method, as the service's document spells it
    #[arg(value_name = "METHOD")]
    method: String,
    /// The parameters, as a JSON object or list
    #[arg(value_name = "JSON", default_value = "{}")]
    params: String,
    /// Print the whole outcome as one JSON object, and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: ReachArguments,
}

/// Undo what a run has changed.
#[derive(Debug, Args)]
#[command(after_help = UNDO_EXAMPLES)]
pub(super) struct UndoArguments {
    /// The run: the beginning of its name, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    /// Only this call of it
    #[arg(long, value_name = "CALL")]
    call: Option<u32>,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    today: TodayArguments,
    /// Print what is done, and what came of it, as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn call(
    arguments: &CallArguments,
    shared: &SharedArguments,
    inherited: Inherited,
) -> Result<Exit, Failure> {
    let params = RawValue::from_string(arguments.params.clone()).map_err(|error| {
        Failure::usage(
            format!("the parameters are not JSON: {error}"),
            "pass an object such as '{\"limit\": 5}', or a list",
        )
    })?;
    let journal = readable(shared)?;
    let opened = arguments
        .reach
        .open(shared, Seat::find(), Some(journal.clone()))?
        .ok_or_else(|| {
            Failure::usage(
                "a call is made in a context, whose policies decide it",
                "name one with --context",
            )
        })?;
    let opened = opened.watched(ShownCalls::asked());
    let mut stage = StageSet::set(shared, inherited, Some(opened), &journal)?;
    let Some(caller) = stage.caller.clone() else {
        return Err(Failure::internal("there is no caller", None));
    };
    let outcome = stage.act(caller.call(&arguments.service, &arguments.method, params));
    let (stage, outcome) = stage.done(outcome)?;
    if !arguments.json {
        match &outcome.value {
            Some(Value::Json(result)) => print::json(&format!("{}\n", result.get()))?,
            Some(Value::Repr(text)) => print::out(&format!("{text}\n"))?,
            None => {}
        }
    }
    let last = last(&outcome, arguments.json)?;
    stage.conclude(&outcome, last)
}

pub(super) fn undo(
    arguments: &UndoArguments,
    shared: &SharedArguments,
    inherited: Inherited,
) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let run = past(&journal, &arguments.run)?;
    let stage = arguments.today.stage(shared, inherited, &run, &journal)?;
    let undoing = run.undoing(&stage.context, arguments.call);
    let (mut stage, undoing) = stage.done(undoing)?;
    if !arguments.json {
        print::out(&shown(&undoing))?;
    }
    let can_be = undoing.steps.iter().any(|step| step.method.is_some());
    if arguments.dry_run || !can_be {
        stage.end(None)?;
        if arguments.json {
            print::json(&format!("{}\n", json!({ "undo": undoing })))?;
        }
        return Ok(if can_be { Exit::Ok } else { Exit::Found });
    }
    let context = stage.context.clone();
    let outcome = stage.act(run.undo(&context, &undoing));
    let (stage, outcome) = stage.done(outcome)?;
    let last = if arguments.json {
        json_line(&json!({"undo": undoing, "outcome": outcome}))?
    } else {
        let text = format!("{}{}", done(&outcome), said(&outcome, true));
        (Stream::Err, text)
    };
    stage.conclude(&outcome, last)
}

/// What will be undone, one line a change.
pub(super) fn shown(undoing: &Undoing) -> String {
    let steps = undoing.steps.iter();
    let lines = steps.map(|step| match (&step.method, &step.params, &step.because) {
        (Some(method), Some(params), _) => format!(
            "{:>3}  {}: {}.{method}({params})\n",
            step.call, step.made, step.service
        ),
        (_, _, because) => format!(
            "{:>3}  {}: cannot be undone: {}\n",
            step.call,
            step.made,
            because.as_deref().unwrap_or("nothing says how")
        ),
    });
    lines.collect()
}

/// What was undone.
pub(super) fn done(outcome: &Outcome) -> String {
    let made = outcome.calls.iter();
    let made = made.filter(|call| call.result == sandgate::CallResult::Ok);
    match made.count() {
        0 => String::new(),
        1 => "sandgate: 1 change is undone\n".to_owned(),
        number => format!("sandgate: {number} changes are undone\n"),
    }
}
