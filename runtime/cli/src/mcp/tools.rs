//! The four tools, as a client lists them. Descriptions are read by models with every conversation, so they are short;
//! what they say of services is one line of the service's own document, and never more.

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use sandgate::Files;
use serde_json::{Value, json};
use std::sync::Arc;

/// In the order in which they are listed.
pub(super) const NAMES: [&str; 4] = ["execute_code", "list_services", "get_interface", "get_run"];
/// What tracebacks call a script.
pub(super) const SCRIPT: &str = "script.py";
/// What a client tells its model of the server.
pub(super) const INSTRUCTIONS: &str = "Do several steps in one script of execute_code rather than in several calls. Read get_interface before a script calls a service. A call that raises PermissionError was refused: say so, and do not work around it. A run that is awaiting_approval goes on once a person has approved; get_run says what came of it.";
/// Services that a description names; list_services names all.
const MOST_NAMED: usize = 20;
/// Characters of what a description says of one service.
const LONGEST_LINE: usize = 100;

/// All of them, for a caller that may use these services and has such files.
pub(super) fn all(services: &[(String, String)], files: Files) -> Vec<Tool> {
    let [execute_code, list_services, get_interface, get_run] = NAMES;
    vec![
        tool(
            execute_code,
            "Run Python",
            format!("{} {}", python(files), named(services)),
            json!({
                "type": "object",
                "properties": {
                    "code": {"type": "string", "description": "The script. Its output and the value of its last expression come back."},
                    "timeout_seconds": {"type": "number", "exclusiveMinimum": 0, "description": "End it earlier than the context would."},
                    "stdin": {"type": "string", "description": "What input() and sys.stdin read."}
                },
                "required": ["code"],
                "additionalProperties": false
            }),
        )
        .with_raw_output_schema(object(outcome()))
        // What a script calls may do anything that the policies allow, outside of this process too.
        .annotate(hints(false).destructive(true).idempotent(false).open_world(!services.is_empty())),
        tool(
            list_services,
            "List services",
            "Lists the services that scripts of execute_code may call, one a line.",
            json!({"type": "object", "properties": {}, "additionalProperties": false}),
        )
        .annotate(hints(true).open_world(false)),
        tool(
            get_interface,
            "Read a service's interface",
            "Shows what a service offers: one line of Python for each method. Read it before a script calls the service.",
            json!({
                "type": "object",
                "properties": {"service": {"type": "string", "description": "Its name, as list_services has it."}},
                "required": ["service"],
                "additionalProperties": false
            }),
        )
        .annotate(hints(true).open_world(false)),
        tool(
            get_run,
            "Read a run",
            "Says what has come of a run that waited for a person's approval: what it printed, its value, what it has changed.",
            json!({
                "type": "object",
                "properties": {
                    "run": {"type": "string", "description": "Its id, as execute_code gave it."},
                    "wait_seconds": {"type": "number", "minimum": 0, "maximum": 30, "description": "Wait this long for it to end."}
                },
                "required": ["run"],
                "additionalProperties": false
            }),
        )
        .annotate(hints(true).open_world(false)),
    ]
}

fn python(files: Files) -> &'static str {
    match files {
        Files::Scratch => {
            "Runs Python 3 in a sandbox: the standard library and a directory that is removed afterwards; no network, no processes, no packages, nothing of an earlier call."
        }
        Files::None => {
            "Runs Python 3 in a sandbox: the standard library; no files, no network, no processes, no packages, nothing of an earlier call."
        }
    }
}

/// Which services a script may import, as a model would write it.
fn named(services: &[(String, String)]) -> String {
    let Some((first, _)) = services.first() else {
        return "No services can be called.".to_owned();
    };
    let mut text = format!("A script may call services, as in `from services import {first}`:");
    for (at, (name, line)) in services.iter().take(MOST_NAMED).enumerate() {
        text.push_str(if at == 0 { " " } else { "; " });
        text.push_str(name);
        // A line ends with a full stop, and here it does not end.
        let line: String = line
            .trim_end_matches('.')
            .chars()
            .take(LONGEST_LINE)
            .collect();
        if !line.is_empty() {
            text.push_str(" (");
            text.push_str(&line);
            text.push(')');
        }
    }
    let more = services.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        text.push_str(&format!("; and {more} more, which list_services has"));
    }
    text.push('.');
    text
}

/// What `structuredContent` of `execute_code` is: the outcome that `sandgate run --json` prints.
fn outcome() -> Value {
    let text_or_nothing = json!({"type": ["string", "null"]});
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "properties": {
            "status": {"enum": [
                "ok", "exited", "raised", "timeout", "memory", "stack", "output", "source", "cancelled", "awaiting_approval", "crashed", "failed"
            ]},
            "exit_code": {"type": "integer"},
            "reason": text_or_nothing,
            "stdout": text,
            "stderr": text,
            "stdout_dropped": {"type": "integer"},
            "stderr_dropped": {"type": "integer"},
            "value": {"type": ["object", "null"]},
            "exception": {"type": ["object", "null"]},
            "files": {"type": "array", "items": {"type": "object"}},
            "run": {"type": "string"},
            "calls": {"type": "array", "items": {"type": "object"}},
            "approvals": {"type": "array", "items": {"type": "string"}},
            "usage": {"type": "object"}
        },
        "required": ["status", "exit_code", "stdout", "stderr", "value", "exception", "files", "usage"]
    })
}

fn tool(
    name: &'static str,
    title: &str,
    description: impl Into<std::borrow::Cow<'static, str>>,
    input: Value,
) -> Tool {
    Tool::new(name, description, object(input)).with_title(title)
}

fn hints(read_only: bool) -> ToolAnnotations {
    ToolAnnotations::new().read_only(read_only)
}

fn object(value: Value) -> Arc<JsonObject> {
    match value {
        Value::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_names_twenty_services_and_how_many_more_there_are() {
        let services = |many: usize| -> Vec<_> {
            (0..many)
                .map(|at| (format!("s{at}"), "x".repeat(200)))
                .collect()
        };
        assert_eq!(named(&[]), "No services can be called.");
        let line = "x".repeat(100);
        assert_eq!(
            named(&services(2)),
            format!(
                "A script may call services, as in `from services import s0`: s0 ({line}); s1 ({line})."
            )
        );
        let many = named(&services(23));
        assert_eq!(many.matches(&line).count(), 20);
        let end = format!("s19 ({line}); and 3 more, which list_services has.");
        assert_eq!(many.get(many.len() - end.len()..), Some(end.as_str()));
    }
}
