//! What a client wants of a tool: its arguments, checked. They come from a model; what is wrong with them is said so that
//! a model can mend it.

use rmcp::model::JsonObject;
use sandgate::policy::nearest;
use serde_json::Value;
use std::time::Duration;

/// A call of a tool.
#[derive(Debug, PartialEq)]
pub(super) enum ToolCall {
    ExecuteCode(Execute),
    ListServices,
    GetInterface(String),
    GetRun(GetRun),
}

/// What `get_run` is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GetRun {
    pub(super) run: String,
    pub(super) wait: Duration,
}

/// Nobody waits longer, and asks again instead.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What `execute_code` is asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Execute {
    pub(super) code: String,
    pub(super) timeout: Option<Duration>,
    pub(super) stdin: String,
}

/// What is wrong with the arguments.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ToolArgumentError {
    #[error("`{tool}` takes no argument `{argument}`; {takes}{}", meant.as_ref().map_or_else(String::new, |meant| format!("; did you mean `{meant}`?")))]
    Unknown {
        tool: &'static str,
        argument: String,
        takes: String,
        meant: Option<&'static str>,
    },
    #[error("`{tool}` needs the argument `{argument}`, a text")]
    Missing {
        tool: &'static str,
        argument: &'static str,
    },
    #[error("the argument `{argument}` of `{tool}` is to be {kind}")]
    Kind {
        tool: &'static str,
        argument: &'static str,
        kind: &'static str,
    },
}

impl ToolCall {
    /// What a tool is asked for; nothing where there is no such tool.
    pub(super) fn of(tool: &str, arguments: JsonObject) -> Option<Result<Self, ToolArgumentError>> {
        Some(match tool {
            "execute_code" => execute_code(arguments),
            "list_services" => {
                ToolArguments::new("list_services", &[], arguments).map(|_| Self::ListServices)
            }
            "get_interface" => get_interface(arguments),
            "get_run" => get_run(arguments),
            _ => return None,
        })
    }
}

fn execute_code(arguments: JsonObject) -> Result<ToolCall, ToolArgumentError> {
    const TAKES: &[&str] = &["code", "timeout_seconds", "stdin"];
    let mut given = ToolArguments::new("execute_code", TAKES, arguments)?;
    Ok(ToolCall::ExecuteCode(Execute {
        code: given.required("code")?,
        timeout: given.seconds("timeout_seconds")?,
        stdin: given.text("stdin")?.unwrap_or_default(),
    }))
}

fn get_interface(arguments: JsonObject) -> Result<ToolCall, ToolArgumentError> {
    let mut given = ToolArguments::new("get_interface", &["service"], arguments)?;
    given.required("service").map(ToolCall::GetInterface)
}

fn get_run(arguments: JsonObject) -> Result<ToolCall, ToolArgumentError> {
    let mut given = ToolArguments::new("get_run", &["run", "wait_seconds"], arguments)?;
    let wait = given.seconds("wait_seconds")?.unwrap_or_default();
    Ok(ToolCall::GetRun(GetRun {
        run: given.required("run")?,
        wait: wait.min(LONGEST_WAIT),
    }))
}

/// Arguments of which none is unknown.
struct ToolArguments {
    tool: &'static str,
    arguments: JsonObject,
}

impl ToolArguments {
    fn new(
        tool: &'static str,
        takes: &'static [&'static str],
        arguments: JsonObject,
    ) -> Result<Self, ToolArgumentError> {
        let unknown = arguments
            .keys()
            .find(|name| !takes.contains(&name.as_str()));
        match unknown {
            Some(argument) => Err(ToolArgumentError::Unknown {
                tool,
                argument: argument.clone(),
                takes: if takes.is_empty() {
                    "it takes none".to_owned()
                } else {
                    format!("it takes {}", takes.join(", "))
                },
                meant: nearest(argument, takes.iter().copied())
                    .and_then(|meant| takes.iter().find(|known| **known == meant).copied()),
            }),
            None => Ok(Self { tool, arguments }),
        }
    }

    /// A text that may be left out. Models also write `null` for what they leave out.
    fn text(&mut self, argument: &'static str) -> Result<Option<String>, ToolArgumentError> {
        match self.arguments.remove(argument) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.kind(argument, "a text")),
        }
    }

    fn required(&mut self, argument: &'static str) -> Result<String, ToolArgumentError> {
        let tool = self.tool;
        self.text(argument)?
            .ok_or(ToolArgumentError::Missing { tool, argument })
    }

    fn seconds(&mut self, argument: &'static str) -> Result<Option<Duration>, ToolArgumentError> {
        let wrong = self.kind(argument, "a number of seconds above 0");
        match self.arguments.remove(argument) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(seconds)) => {
                let seconds = seconds.as_f64().filter(|seconds| *seconds > 0.0);
                let seconds = seconds.ok_or(wrong)?;
                // What is more than a duration holds is more than any context grants.
                Ok(Some(
                    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
                ))
            }
            Some(_) => Err(wrong),
        }
    }

    fn kind(&self, argument: &'static str, kind: &'static str) -> ToolArgumentError {
        ToolArgumentError::Kind {
            tool: self.tool,
            argument,
            kind,
        }
    }
}

#[cfg(test)]
mod tests;
