//! The commands as agents find them: MCP lists them as tools, and JSON-RPC as methods. Descriptions are read by models with every
//! conversation, so they are short; what they say of services is one line of the service's own document, and never more.

use crate::command::AgentCommand;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use sandgate::{Caller, Files};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a client tells its model of the server.
pub(crate) const INSTRUCTIONS: &str = "Do several steps in one script of execute_code rather than in several calls. Read get_interface before a script calls a service. A call that raises PermissionError was refused: say so, and do not work around it. A run that is awaiting_approval goes on once a person has approved; get_run says what came of it.";
/// Services that a description names; list_services names all.
const MOST_NAMED: usize = 20;
/// Characters of what a description says of one service.
const LONGEST_LINE: usize = 100;

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct ToolDescription {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) text: String,
    /// What it takes, as a JSON schema.
    pub(crate) input: Value,
    /// What programs are answered, as a JSON schema, where it is one thing.
    pub(crate) output: Option<Value>,
    effect: ToolEffect,
}

/// What calling it may do, as clients tell their users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ToolEffect {
    /// It only looks.
    Reads,
    /// Anything that the policies allow.
    Acts {
        /// Outside of this process too.
        outside: bool,
    },
}

impl ToolDescription {
    /// As MCP has it.
    pub(crate) fn into_mcp(self) -> Tool {
        let hints = match self.effect {
            ToolEffect::Reads => ToolAnnotations::new().read_only(true).open_world(false),
            ToolEffect::Acts { outside } => ToolAnnotations::new()
                .read_only(false)
                .destructive(true)
                .idempotent(false)
                .open_world(outside),
        };
        let tool = Tool::new(self.name, self.text, object(self.input)).with_title(self.title);
        match self.output {
            Some(output) => tool.with_raw_output_schema(object(output)),
            None => tool,
        }
        .annotate(hints)
    }
}

/// All of them, for a caller.
pub(crate) fn of(caller: &Caller) -> Vec<ToolDescription> {
    all(&caller.services(), caller.limits().workspace)
}

/// The same for one that may use these services and has such files.
fn all(services: &[(String, String)], files: Files) -> Vec<ToolDescription> {
    let [
        execute_code,
        list_services,
        search,
        get_interface,
        call,
        get_run,
        resume,
    ] = AgentCommand::NAMES;
    let acts = ToolEffect::Acts {
        outside: !services.is_empty(),
    };
    vec![
        ToolDescription {
            name: execute_code,
            title: "Run Python",
            text: format!("{} {}", python(files), named(services)),
            input: json!({
                "type": "object",
                "properties": {
                    "code": {"type": "string", "description": "The script. Its output and the value of its last expression come back."},
                    "session": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": "Run it in the interpreter that earlier scripts of this session left: variables, functions, imports."},
                    "restore": {"type": "boolean", "description": "Where the session is gone, run its earlier scripts again first; no service is called."},
                    "plan": {"type": "boolean", "description": "Make its reads, and say what it would change."},
                    "check": {"type": "boolean", "description": "Only read it: mistakes, and the calls that it would make."},
                    "timeout_seconds": {"type": "number", "exclusiveMinimum": 0, "description": "End it earlier than the context would."},
                    "stdin": {"type": "string", "description": "What input() and sys.stdin read."},
                    "key": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": "A name of yours for this request: sent again with it, it is answered with the same run."},
                    "again": {"type": "boolean", "description": "Run it anew, although the same is known."}
                },
                "required": ["code"],
                "additionalProperties": false
            }),
            // What a script calls may do anything that the policies allow.
            output: Some(ran()),
            effect: acts,
        },
        ToolDescription {
            name: list_services,
            title: "List services",
            text: "Lists the services that scripts of execute_code may call, one a line.".to_owned(),
            input: json!({"type": "object", "properties": {}, "additionalProperties": false}),
            output: None,
            effect: ToolEffect::Reads,
        },
        ToolDescription {
            name: search,
            title: "Find methods",
            text: "Finds methods of services by what they are for: how each is called, and whether it is allowed.".to_owned(),
            input: json!({
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": "What is to be done, in words."},
                    "most": {"type": "integer", "minimum": 1, "maximum": 50, "default": 5}
                },
                "required": ["query"],
                "additionalProperties": false
            }),
            output: None,
            effect: ToolEffect::Reads,
        },
        ToolDescription {
            name: get_interface,
            title: "Read the interface of services",
            text: "Shows what services offer: one line of Python for each method. Read it before a script calls them.".to_owned(),
            input: json!({
                "type": "object",
                "properties": {
                    "services": {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "Their names, as list_services has them."},
                    "methods": {"type": "array", "items": {"type": "string"}, "description": "Only these."},
                    "format": {"enum": ["text", "pyi"], "default": "text", "description": "pyi: a stub file, for type checkers."}
                },
                "required": ["services"],
                "additionalProperties": false
            }),
            output: None,
            effect: ToolEffect::Reads,
        },
        ToolDescription {
            name: call,
            title: "Call one method",
            text: "Calls one method of a service, as a script would. For several, write a script.".to_owned(),
            input: json!({
                "type": "object",
                "properties": {
                    "service": {"type": "string"},
                    "method": {"type": "string", "description": "As get_interface has it."},
                    "arguments": {"type": "object", "description": "Its parameters, by name."}
                },
                "required": ["service", "method"],
                "additionalProperties": false
            }),
            output: None,
            effect: acts,
        },
        ToolDescription {
            name: get_run,
            title: "Read a run",
            text: "Says what has come of a run that waited for a person's approval: what it printed, its value, what it has changed.".to_owned(),
            input: json!({
                "type": "object",
                "properties": {
                    "run": {"type": "string", "description": "Its id, as execute_code gave it."},
                    "wait_seconds": {"type": "number", "minimum": 0, "maximum": 30, "description": "Wait this long for it to end; do not ask oftener."},
                    "part": {"anyOf": [{"type": "integer"}, {"type": "string"}], "description": "A part of a long text, from 1; or the path of a file that it left."}
                },
                "required": ["run"],
                "additionalProperties": false
            }),
            output: None,
            effect: ToolEffect::Reads,
        },
        ToolDescription {
            name: resume,
            title: "Go on with a run",
            text: "Goes on with a run that was interrupted, or whose calls a person has approved since. What it did is not done again.".to_owned(),
            input: json!({
                "type": "object",
                "properties": {"run": {"type": "string", "description": "Its id, as execute_code gave it."}},
                "required": ["run"],
                "additionalProperties": false
            }),
            output: None,
            effect: acts,
        },
    ]
}

fn python(files: Files) -> &'static str {
    match files {
        Files::Scratch => {
            "Runs Python 3 in a sandbox: the standard library and a directory, whose files come back; no network, no processes, no packages, nothing of an earlier call."
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

/// What programs read of what ran. One schema holds for every way of running it: of a plan there are `plan` and `outcome`, of a check
/// `mistakes` and `calls`, and of all else what `sandgate run --json` prints.
fn ran() -> Value {
    let text_or_nothing = json!({"type": ["string", "null"]});
    let text = json!({"type": "string"});
    let objects = json!({"type": "array", "items": {"type": "object"}});
    json!({
        "type": "object",
        "properties": {
            "status": {"enum": [
                "ok", "exited", "raised", "timeout", "memory", "stack", "output", "source", "cancelled", "awaiting_approval", "diverged", "crashed", "failed", "running", "interrupted"
            ]},
            "exit_code": {"type": ["integer", "null"]},
            "reason": text_or_nothing,
            "stdout": text,
            "stderr": text,
            "stdout_dropped": {"type": "integer"},
            "stderr_dropped": {"type": "integer"},
            "value": {"type": ["object", "null"]},
            "exception": {"type": ["object", "null"]},
            "files": objects,
            "run": text,
            "calls": objects,
            "approvals": {"type": "array", "items": {"type": "string"}},
            "usage": {"type": "object"},
            "session": {"type": "object"},
            "plan": {"type": "object"},
            "outcome": {"type": "object"},
            "mistakes": objects
        }
    })
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

    /// A token is about four bytes of JSON.
    #[test]
    fn what_a_model_reads_with_every_conversation_is_short() {
        let services = [("crm".to_owned(), "x".repeat(LONGEST_LINE))];
        let read = all(&services, Files::Scratch);
        let read = read
            .iter()
            .map(|tool| tool.text.len() + tool.input.to_string().len());
        let tokens = (INSTRUCTIONS.len() + read.sum::<usize>()) / 4;
        assert!(tokens < 1_200, "{tokens}");
    }

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
