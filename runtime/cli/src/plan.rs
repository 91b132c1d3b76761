//! `sandgate plan`: what a script would change, before it does. Its reads are made; nothing that changes anything is sent, whatever
//! the script does.

use super::{
    escape,
    exit::Exit,
    failure::Failure,
    journal::{failed, past, readable},
    print,
    reach::ReachArguments,
    run,
    shared::SharedArguments,
    stage::{StageSet, said},
    values,
    wall::Inherited,
};
use clap::Args;
use sandgate::{
    Limits, Outcome, Plan, PlannedCall, Script, Stream,
    policy::{Effect, Verdict},
};
use serde_json::json;
use std::{path::PathBuf, time::Duration};

const EXAMPLES: &str = "\
Examples:
  sandgate plan --context assistant follow_up.py
  sandgate plan --context assistant --json follow_up.py --month 3
  sandgate approve PLAN

Results of planned calls are placeholders of the right shape. What is planned with one is filled in when the plan is carried out; a script that looks at one, and does something else because of it, is stopped then before anything is sent that is not in the plan.";

/// Show what a script would change, without changing it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PlanArguments {
    /// The script, or `-` for standard input, and then the script's own arguments
    #[arg(
        required = true,
        value_names = ["FILE", "ARGS"],
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    script: Vec<String>,
    /// End the run after this wall time, such as 30, 500ms or 5m
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    timeout: Option<Duration>,
    /// Print the plan and the outcome as JSON, and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: ReachArguments,
}

pub(super) fn execute(
    arguments: &PlanArguments,
    shared: &SharedArguments,
    inherited: Inherited,
) -> Result<Exit, Failure> {
    let (file, own) = match arguments.script.split_first() {
        Some((file, own)) => (PathBuf::from(file), own.to_vec()),
        None => (PathBuf::new(), Vec::new()),
    };
    let source = run::script(&file)?;
    let journal = readable(shared)?;
    let opened = arguments
        .reach
        .open(shared, None, Some(journal.clone()))?
        .ok_or_else(|| {
            Failure::usage(
                "a script that may call nothing changes nothing",
                "name a context with --context",
            )
        })?;
    let mut stage = StageSet::set(shared, inherited, Some(opened), &journal)?;
    let limits: Limits = arguments.reach.asked_for(arguments.timeout, None, None);
    let context = stage.context.clone().tightened(limits);
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let script = Script {
        name,
        arguments: own,
        sink: stage.sink(arguments.json),
        cancel: Some(stage.cancel.clone()),
        ..Script::new(source)
    };
    let sandbox = stage.sandbox.clone();
    let outcome = stage.act(sandbox.plan(script, &context));
    let (stage, outcome) = stage.done(outcome)?;
    stage.end((!arguments.json).then(|| (Stream::Err, said(&outcome, true))))?;
    drop(context);
    let run = outcome.run.map(|run| run.to_string()).unwrap_or_default();
    let plan = past(&journal, &run)?.plan().map_err(failed)?;
    if arguments.json {
        let text = json!({"plan": plan, "outcome": outcome}).to_string();
        print::json(&format!("{text}\n"))?;
    } else {
        print::out(&shown(&plan, &outcome))?;
    }
    Ok(Exit::from(&outcome))
}

/// What it would change, and what it did not read for that.
pub(super) fn steps(plan: &Plan) -> String {
    if plan.calls.is_empty() {
        return "It changes nothing.\n".to_owned();
    }
    let mut text: String = changes(plan).map(line).collect();
    let reads: Vec<String> = plan
        .calls
        .iter()
        .filter(|call| call.effect == Some(Effect::Read))
        .map(|call| format!("{}.{}", call.service, call.method))
        .collect();
    if !reads.is_empty() {
        text.push_str(&format!(
            "Not read, since they depend on what is only planned: {}.\n",
            reads.join(", ")
        ));
    }
    text
}

fn changes(plan: &Plan) -> impl Iterator<Item = &PlannedCall> {
    let calls = plan.calls.iter();
    calls.filter(|call| call.effect != Some(Effect::Read))
}

fn shown(plan: &Plan, outcome: &Outcome) -> String {
    let mut text = steps(plan);
    if plan.calls.is_empty() {
        return text;
    }
    let asked = changes(plan).filter(|call| call.verdict == Some(Verdict::Gate));
    let (changes, asked) = (changes(plan).count(), asked.count());
    let many = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        number => format!("{number} {word}s"),
    };
    text.push_str(&format!(
        "{}, {} to be approved. `sandgate approve {}` carries it out.\n",
        many(changes, "change"),
        asked,
        plan.plan
    ));
    if outcome.status != sandgate::Status::Ok {
        text.push_str("The script did not come to its end; the plan goes as far as it came.\n");
    }
    text
}

fn line(call: &PlannedCall) -> String {
    let what = match call.effect {
        Some(Effect::Destroy) => "removes",
        _ => "changes",
    };
    let who = match call.verdict {
        Some(Verdict::Gate) => "a person must approve",
        _ => "allowed",
    };
    let mut text = format!(
        "{:>3}  {}.{}({})\n     {what}; {who}",
        call.call,
        call.service,
        call.method,
        escape::escaped(&call.params)
    );
    for because in &call.because {
        text.push_str(&format!(": {because}"));
    }
    match &call.undo {
        Some(undo) => text.push_str(&format!("\n     undone by {undo}")),
        None => text.push_str("\n     nothing says how it is undone"),
    }
    if !call.in_texts.is_empty() {
        text.push_str(&format!(
            "\n     a placeholder is part of a text in {}; it is filled in where it stands for a text or a whole number",
            call.in_texts.join(", ")
        ));
    }
    text.push('\n');
    text
}
