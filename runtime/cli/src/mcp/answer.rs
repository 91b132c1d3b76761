//! What a model reads of a run, and of services. Some clients show their model one text and nothing else, so that text has
//! all of it; what programs read is beside it, as `sandgate run --json` has it.

use crate::exit::ending;
use rmcp::model::{CallToolResult, ContentBlock};
use sandgate::{
    CallResult, Outcome, PastResult, Status, Value,
    policy::{Effect, nearest},
};
use std::fmt::Write;

/// Files that are named; the outcome has all.
const MOST_FILES: usize = 20;

/// An outcome as the result of a tool.
pub(super) fn outcome(outcome: &Outcome) -> CallToolResult {
    let content = vec![ContentBlock::text(text(outcome))];
    let well = match outcome.status {
        Status::Ok => true,
        Status::Exited => outcome.exit_code == 0,
        Status::AwaitingApproval => true,
        _ => false,
    };
    let mut result = if well {
        CallToolResult::success(content)
    } else {
        CallToolResult::error(content)
    };
    // An outcome is made of JSON and cannot fail to become some.
    result.structured_content = serde_json::to_value(outcome).ok();
    result
}

/// What has come of a run, as the result of a tool.
pub(super) fn past(result: &PastResult) -> CallToolResult {
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
    let mut answer = CallToolResult::success(vec![ContentBlock::text(text)]);
    answer.structured_content = serde_json::to_value(result).ok();
    answer
}

/// What a model is told of a run that waits.
const WAITS: &str = "A person has to approve first. Tell the user; do not run the script again. get_run says what came of it.";

fn shown(value: &Value) -> &str {
    match value {
        Value::Json(json) => json.get(),
        Value::Repr(repr) => repr,
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

fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    part(&mut text, &outcome.stdout.text);
    if !outcome.stderr.text.is_empty() {
        part(&mut text, "stderr:\n");
        part(&mut text, &outcome.stderr.text);
    }
    if let Some(value) = &outcome.value {
        part(&mut text, &format!("value: {}", shown(value)));
    }
    if let Some(exception) = &outcome.exception {
        part(&mut text, &exception.traceback);
    }
    if outcome.status == Status::Exited {
        part(&mut text, &format!("sys.exit: {}", outcome.exit_code));
    }
    if let Some(reason) = &outcome.reason {
        part(&mut text, &format!("{}: {reason}", ending(outcome.status)));
    }
    if !outcome.files.is_empty() {
        let mut line = "files left, and removed now: ".to_owned();
        for (at, file) in outcome.files.iter().take(MOST_FILES).enumerate() {
            let between = if at == 0 { "" } else { ", " };
            // Writing to a text cannot fail.
            let _ = write!(line, "{between}{} ({} B)", file.path, file.size);
        }
        let more = outcome.files.len().saturating_sub(MOST_FILES);
        if more > 0 {
            let _ = write!(line, ", and {more} more");
        }
        part(&mut text, &line);
    }
    let well = matches!(outcome.status, Status::Ok | Status::Exited);
    // Where a script came to its end a model knows what it did.
    if !well {
        part(&mut text, &calls(outcome));
    }
    if text.is_empty() {
        text.push_str("The script ended and printed nothing.\n");
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
pub(super) fn services(services: &[(String, String)]) -> String {
    if services.is_empty() {
        return "There are no services that scripts may call.".to_owned();
    }
    let lines = services
        .iter()
        .map(|(name, line)| format!("{name}: {line}\n"));
    lines.collect()
}

/// What is said of a service that does not exist, or is not for this caller: nothing tells these apart.
pub(super) fn no_service(name: &str, services: &[(String, String)]) -> String {
    let names = || services.iter().map(|(name, _)| name.as_str());
    if services.is_empty() {
        return format!("there is no service `{name}`; there are none that scripts may call");
    }
    let meant = nearest(name, names())
        .map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
    let all = names().collect::<Vec<_>>().join(", ");
    format!("there is no service `{name}`; there are: {all}{meant}")
}
