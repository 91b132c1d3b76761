//! What a model reads of a run, and of services. Some clients show their model one text and nothing else, so that text has
//! all of it; what programs read is beside it, as `sandgate run --json` has it.

use crate::{
    agent::{CommandAnswer, CommandError, FileAnswer},
    sessions::SessionOutcome,
};
use sandgate::service::MethodFound;
use sandgate::{
    CallResult, Exception, Id, Outcome, PastResult, Plan, Status, Value as ScriptValue,
    check::CheckReport,
    policy::{Effect, Verdict},
};
use serde_json::Value;
use std::{fmt::Write, sync::Arc};

/// Characters of one answer. A model reads all of it, and has more to read.
const LONGEST: usize = 30_000;
/// Of a text that is longer, so many of its beginning are shown, and half as many of its end.
const HEAD: usize = 20_000;
/// Characters of one piece of such a text.
const PIECE: usize = 30_000;

/// Files that are named; the outcome has all.
const MOST_FILES: usize = 20;

/// What a model reads of what it asked for.
pub(crate) fn of(answer: &Result<CommandAnswer, CommandError>) -> String {
    match answer {
        Ok(CommandAnswer::Outcome(outcome)) => cut(&outcome_text(outcome), outcome.run),
        Ok(CommandAnswer::Session(outcome)) => cut(&session(outcome), None),
        Ok(CommandAnswer::Plan(plan)) => cut(&planned(&plan.0, &plan.1), plan.1.run),
        Ok(CommandAnswer::Check(report)) => checked(report),
        Ok(CommandAnswer::Past(result, part)) => piece(&past(result), *part),
        Ok(CommandAnswer::File(file)) => file_text(file),
        Ok(CommandAnswer::Services(services)) => services_text(services),
        Ok(CommandAnswer::Found(found)) => found_text(found),
        Ok(CommandAnswer::Interfaces(interfaces)) => interfaces_text(interfaces),
        Err(error) => error.said(),
    }
}

/// Whether a model has to do something about it.
pub(crate) fn is_error(answer: &Result<CommandAnswer, CommandError>) -> bool {
    let well = |status: Status, exit_code: i32| match status {
        Status::Ok | Status::AwaitingApproval => true,
        Status::Exited => exit_code == 0,
        _ => false,
    };
    match answer {
        Ok(CommandAnswer::Outcome(outcome)) => !well(outcome.status, outcome.exit_code),
        Ok(CommandAnswer::Session(outcome)) => !well(outcome.status, outcome.exit_code),
        Ok(CommandAnswer::Plan(plan)) => !well(plan.1.status, plan.1.exit_code),
        Ok(CommandAnswer::Check(report)) => !report.mistakes.is_empty(),
        Ok(
            CommandAnswer::Past(..)
            | CommandAnswer::File(_)
            | CommandAnswer::Services(_)
            | CommandAnswer::Found(_)
            | CommandAnswer::Interfaces(_),
        ) => false,
        Err(_) => true,
    }
}

/// A text that a model can read in one go. Of a longer one the beginning and the end are shown, and how to read the rest.
pub(crate) fn cut(text: &str, run: Option<Id>) -> String {
    let length = text.chars().count();
    if length <= LONGEST {
        return text.to_owned();
    }
    let tail = HEAD / 2;
    let head: String = text.chars().take(HEAD).collect();
    let end: String = text.chars().skip(length.saturating_sub(tail)).collect();
    let left_out = length.saturating_sub(HEAD).saturating_sub(tail);
    let how = match run {
        Some(run) => format!(
            "get_run with run {run} and part 1 to {} shows all",
            pieces(length)
        ),
        None => "print less, or write it to a file".to_owned(),
    };
    format!("{head}\n[{left_out} characters are left out here; {how}]\n{end}")
}

/// How many pieces a text has.
fn pieces(length: usize) -> usize {
    length.div_ceil(PIECE).max(1)
}

/// One piece of a text, and whether there are others.
fn piece(text: &str, part: usize) -> String {
    let all = pieces(text.chars().count());
    if part > all {
        return format!("There are {all} parts of it.\n");
    }
    let before = part.saturating_sub(1).saturating_mul(PIECE);
    let mut shown: String = text.chars().skip(before).take(PIECE).collect();
    if all > 1 {
        self::part(&mut shown, &format!("[part {part} of {all}]"));
    }
    shown
}

/// What programs read. An answer is made of JSON and cannot fail to become some.
pub(crate) fn structured(answer: &Result<CommandAnswer, CommandError>) -> Option<Value> {
    let answer = answer.as_ref().ok()?;
    serde_json::to_value(answer).ok()
}

/// What programs read, with long texts cut as those for models: some clients give a model both.
pub(crate) fn bounded(answer: Value) -> Value {
    match answer {
        Value::String(text) if text.chars().count() > LONGEST => Value::String(cut(&text, None)),
        Value::Array(all) => all.into_iter().map(bounded).collect(),
        Value::Object(all) => {
            let all = all.into_iter().map(|(name, value)| (name, bounded(value)));
            Value::Object(all.collect())
        }
        other => other,
    }
}

fn file_text(file: &FileAnswer) -> String {
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => cut(text, None),
        Err(_) => format!(
            "{} is no text, and has {} bytes.\n",
            file.path,
            file.bytes.len()
        ),
    }
}

/// What has come of a run.
fn past(result: &PastResult) -> String {
    let mut text = format!("status: {}\n", result.status);
    part(&mut text, &result.stdout);
    if !result.stderr.is_empty() {
        part(&mut text, "stderr:\n");
        part(&mut text, &result.stderr);
    }
    if let Some(value) = &result.value {
        part(&mut text, &format!("value: {}", shown(value)));
    }
    if let Some(exception) = &result.exception {
        part(&mut text, &exception.traceback);
    }
    for call in &result.calls {
        let line = format!("{}.{}: {}", call.service, call.method, call.result);
        part(&mut text, &line);
    }
    if !result.approvals.is_empty() {
        part(&mut text, WAITS);
    }
    text
}

/// What a model is told of a run that waits.
const WAITS: &str = "A person has to approve first. Tell the user; do not run the script again. get_run says what came of it.";

fn shown(value: &ScriptValue) -> &str {
    match value {
        ScriptValue::Json(json) => json.get(),
        ScriptValue::Repr(repr) => repr,
    }
}

/// What a run has done and what it waits for: a model must know that before it runs anything again.
fn calls(outcome: &Outcome) -> String {
    let mut text = String::new();
    let changes = outcome.calls.iter();
    for call in changes.filter(|call| call.effect != Some(Effect::Read)) {
        let what = match call.result {
            CallResult::Ok => "made",
            CallResult::Awaiting => "waits for approval",
            CallResult::Open => "may have been made",
            CallResult::Planned => "planned",
            CallResult::Failed | CallResult::Refused => continue,
        };
        let line = format!("{}.{}: {what}", call.service, call.method);
        part(&mut text, &line);
    }
    if let (Status::AwaitingApproval, Some(run)) = (outcome.status, outcome.run) {
        part(&mut text, &format!("run: {run}. {WAITS}"));
    }
    text
}

/// What a script came to, as far as it is the same for every way of running it.
fn came_to(
    (stdout, stderr): (&str, &str),
    value: Option<&ScriptValue>,
    exception: Option<&Exception>,
) -> String {
    let mut text = String::new();
    part(&mut text, stdout);
    if !stderr.is_empty() {
        part(&mut text, "stderr:\n");
        part(&mut text, stderr);
    }
    if let Some(value) = value {
        part(&mut text, &format!("value: {}", shown(value)));
    }
    if let Some(exception) = exception {
        part(&mut text, &exception.traceback);
    }
    text
}

fn outcome_text(outcome: &Outcome) -> String {
    let streams = (outcome.stdout.text.as_str(), outcome.stderr.text.as_str());
    let mut text = came_to(streams, outcome.value.as_ref(), outcome.exception.as_ref());
    if outcome.status == Status::Exited {
        part(&mut text, &format!("sys.exit: {}", outcome.exit_code));
    }
    if let Some(reason) = &outcome.reason {
        part(
            &mut text,
            &format!("{}: {reason}", outcome.status.in_words()),
        );
    }
    if !outcome.files.is_empty() {
        let mut line = "files left: ".to_owned();
        for (at, file) in outcome.files.iter().take(MOST_FILES).enumerate() {
            let between = if at == 0 { "" } else { ", " };
            // Writing to a text cannot fail.
            let _ = write!(line, "{between}{} ({} B)", file.path, file.size);
        }
        let more = outcome.files.len().saturating_sub(MOST_FILES);
        if more > 0 {
            let _ = write!(line, ", and {more} more");
        }
        if let Some(run) = outcome.run.filter(|_| outcome.scratch.is_some()) {
            let _ = write!(line, ". get_run with run {run} and part PATH reads one");
        }
        part(&mut text, &line);
    }
    let well = matches!(outcome.status, Status::Ok | Status::Exited);
    // Where a script came to its end a model knows what it did.
    if !well {
        part(&mut text, &calls(outcome));
    }
    if text.is_empty() {
        text.push_str(NOTHING);
    }
    text
}

/// What is said of a script that said nothing.
const NOTHING: &str = "The script ended and printed nothing.\n";

fn session(outcome: &SessionOutcome) -> String {
    let streams = (outcome.stdout.as_str(), outcome.stderr.as_str());
    let mut text = came_to(streams, outcome.value.as_ref(), outcome.exception.as_ref());
    if outcome.status == Status::Exited {
        part(&mut text, &format!("sys.exit: {}", outcome.exit_code));
    }
    if let Some(reason) = &outcome.reason {
        part(
            &mut text,
            &format!("{}: {reason}", outcome.status.in_words()),
        );
    }
    if text.is_empty() {
        text.push_str(NOTHING);
    }
    let (state, name) = (&outcome.session, &outcome.session.name);
    if state.is_new {
        let rebuilt = if state.was_before {
            ". An earlier one is in the journal: with `restore` it is made again, and takes the place of this one"
        } else {
            ""
        };
        let line = format!(
            "session {name}: it began with this script; nothing of an earlier one is in it{rebuilt}"
        );
        part(&mut text, &line);
    }
    if state.is_restored {
        part(
            &mut text,
            &format!("session {name}: it was restored from the journal"),
        );
    }
    if state.is_over {
        let line = format!(
            "session {name}: it is over, and what it held is gone; the next script begins a new one"
        );
        part(&mut text, &line);
    }
    text
}

fn planned(plan: &Plan, outcome: &Outcome) -> String {
    let mut text = outcome_text(outcome);
    let changes: Vec<String> = plan
        .calls
        .iter()
        .filter(|call| call.effect != Some(Effect::Read))
        .map(|call| {
            let who = who(call.verdict.unwrap_or(Verdict::Refuse));
            format!("{}.{}({}): {who}", call.service, call.method, call.params)
        })
        .collect();
    if changes.is_empty() {
        part(&mut text, "Nothing would be changed.");
    } else {
        part(&mut text, "Nothing was changed. It would change:");
        for change in &changes {
            part(&mut text, change);
        }
        let line = format!(
            "plan: {}. A person can approve all of it at once.",
            plan.plan
        );
        part(&mut text, &line);
    }
    text
}

fn who(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allowed",
        Verdict::Gate => "a person must approve",
        Verdict::Refuse => "refused",
    }
}

fn checked(report: &CheckReport) -> String {
    let mut text = String::new();
    for mistake in &report.mistakes {
        let mut line = format!("line {}: {}", mistake.line, mistake.message);
        if let Some(help) = &mistake.help {
            let _ = write!(line, "; {help}");
        }
        part(&mut text, &line);
    }
    for call in &report.calls {
        let outlook = &call.outlook;
        let verdicts: Vec<&str> = outlook
            .verdicts
            .iter()
            .map(|verdict| who(*verdict))
            .collect();
        let line = format!(
            "line {}: {}.{}: {}",
            call.line,
            outlook.service,
            outlook.method,
            verdicts.join(", or ")
        );
        part(&mut text, &line);
    }
    if text.is_empty() {
        text.push_str("Nothing is wrong with it, and it calls no service.\n");
    }
    text
}

/// Each part begins and ends a line.
fn part(text: &mut String, part: &str) {
    text.push_str(part);
    if !part.is_empty() && !part.ends_with('\n') {
        text.push('\n');
    }
}

/// The services, one a line.
fn services_text(services: &[(String, String)]) -> String {
    if services.is_empty() {
        return "There are no services that scripts may call.".to_owned();
    }
    let lines = services
        .iter()
        .map(|(name, line)| format!("{name}: {line}\n"));
    lines.collect()
}

/// Methods that were searched for, one a line, by what a script imports.
fn found_text(found: &[MethodFound]) -> String {
    if found.is_empty() {
        return "No method that you may call is about that. Ask in other words.".to_owned();
    }
    let lines = found
        .iter()
        .map(|method| format!("from services import {}: {}\n", method.service, method.line));
    lines.collect()
}

/// What services offer, one after the other.
fn interfaces_text(interfaces: &[(String, Arc<str>)]) -> String {
    let texts: Vec<&str> = interfaces.iter().map(|(_, text)| text.as_ref()).collect();
    texts.join("\n")
}
