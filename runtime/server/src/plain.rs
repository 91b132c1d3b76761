//! Tools over plain HTTP, for callers that speak no protocol: what there is, and one of them by its name. Every tool is a command, as it
//! is on every other door.

use crate::{
    admission::Overload,
    agent::{Agent, CommandAnswer, CommandError},
    closing::Leaving,
    command::{AgentCommand, Arguments},
    text, tools,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is asked for. Such callers do not agree on what its parts are called.
#[derive(Debug, Deserialize)]
struct PlainRequest {
    #[serde(alias = "name", alias = "tool_name")]
    tool: String,
    #[serde(
        default,
        alias = "args",
        alias = "parameters",
        alias = "params",
        alias = "input"
    )]
    arguments: Option<Arguments>,
}

/// What there is.
pub(crate) fn list(agent: &Agent) -> Value {
    let all = tools::of(agent.caller());
    let all = all
        .into_iter()
        .map(|tool| json!({"name": tool.name, "description": tool.text, "parameters": tool.input}));
    json!({"tools": all.collect::<Vec<_>>()})
}

/// Does one of them. What came of it is an answer also where it did not go well.
pub(crate) async fn execute(
    agent: &Agent,
    body: &[u8],
    leaving: &Leaving,
) -> Result<(StatusCode, Value), Overload> {
    let refused = |status, message: String| Ok((status, json!({"error": {"message": message}})));
    let request = match serde_json::from_slice::<PlainRequest>(body) {
        Ok(request) => request,
        Err(error) => {
            let message = format!(
                "this is no request: {error}; write {{\"tool\": \"execute_code\", \"arguments\": {{\"code\": \"…\"}}}}"
            );
            return refused(StatusCode::BAD_REQUEST, message);
        }
    };
    let arguments = request.arguments.unwrap_or_default();
    let command = match AgentCommand::of(&request.tool, arguments) {
        Some(Ok(command)) => command,
        Some(Err(wrong)) => return refused(StatusCode::BAD_REQUEST, wrong.to_string()),
        None => {
            return refused(StatusCode::NOT_FOUND, AgentCommand::unknown(&request.tool));
        }
    };
    let answer = agent.perform(command, leaving.left()).await;
    if let Err(CommandError::Overload(overload)) = answer {
        return Err(overload);
    }
    let is_long = answer.as_ref().is_ok_and(CommandAnswer::is_long);
    let written = agent.apart(is_long, async move {
        let (success, text) = (!text::is_error(&answer), text::of(&answer));
        let result = text::structured(&answer);
        json!({"success": success, "text": text, "result": result})
    });
    Ok((StatusCode::OK, written.await))
}
