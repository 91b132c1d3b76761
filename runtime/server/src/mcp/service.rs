//! One service's own methods as tools of MCP, at a path of its own: for models that are to call it and write no code. What a context may
//! never call is not there, and every call takes the same road as a script's.

use crate::{
    agent::{Agent, CommandAnswer, CommandError},
    command::{AgentCommand, Arguments, MethodCall},
    text,
};
use http::request::Parts;
use rmcp::{
    RoleServer,
    model::{CallToolResult, ContentBlock, JsonObject, ListToolsResult, Tool, ToolAnnotations},
    service::RequestContext,
};
use sandgate::{
    Status, Value as ScriptValue,
    policy::{Effect, Outlook, Verdict},
    service::Method,
};
use serde_json::Value;
use std::sync::Arc;

/// What the path of such a server begins with.
pub(crate) const BEGINNING: &str = "/mcp/";

/// Which service a request is about, where it came by such a path.
pub(super) fn named(context: &RequestContext<RoleServer>) -> Option<String> {
    let parts = context.extensions.get::<Parts>()?;
    let service = parts.uri.path().strip_prefix(BEGINNING)?;
    Some(service.to_owned())
}

/// Its methods.
pub(super) fn list(agent: &Agent, service: &str) -> ListToolsResult {
    let methods = agent.caller().methods(service).unwrap_or_default();
    let tools = methods
        .iter()
        .map(|(method, outlook)| tool(method, outlook));
    ListToolsResult::with_all_items(tools.collect())
}

/// What a call of one of its tools asks for, where there is such a tool.
pub(super) fn command(
    agent: &Agent,
    service: &str,
    tool: &str,
    arguments: Arguments,
) -> Option<AgentCommand> {
    let methods = agent.caller().methods(service)?;
    let (method, _) = methods.iter().find(|(method, _)| name(method) == tool)?;
    Some(AgentCommand::Call(MethodCall {
        service: service.to_owned(),
        method: method.method.clone(),
        arguments,
    }))
}

/// What such a call is answered with: what the service returned, and nothing of how.
pub(super) fn result_of(answer: &Result<CommandAnswer, CommandError>) -> Option<CallToolResult> {
    let Ok(CommandAnswer::Outcome(outcome)) = answer else {
        return None;
    };
    if outcome.status != Status::Ok {
        return None;
    }
    let Some(ScriptValue::Json(value)) = &outcome.value else {
        return None;
    };
    let content = text::cut(value.get(), outcome.run);
    let mut result = CallToolResult::success(vec![ContentBlock::text(content)]);
    let structured = serde_json::from_str::<Value>(value.get()).ok();
    result.structured_content = structured.filter(Value::is_object).map(text::bounded);
    Some(result)
}

fn tool(method: &Arc<Method>, outlook: &Outlook) -> Tool {
    let mut said = method.summary().to_owned();
    if outlook.verdicts == [Verdict::Gate] {
        if !said.is_empty() && !said.ends_with('.') {
            said.push('.');
        }
        said.push_str(" A person is asked before it is done.");
    }
    let hints = match method.effect {
        Effect::Read => ToolAnnotations::new().read_only(true),
        Effect::Write => ToolAnnotations::new().read_only(false).destructive(false),
        Effect::Destroy => ToolAnnotations::new().read_only(false).destructive(true),
    };
    let schema = match method.parameters_schema() {
        Value::Object(schema) => Arc::new(schema),
        _ => Arc::<JsonObject>::default(),
    };
    Tool::new(name(method), said.trim_start().to_owned(), schema)
        .annotate(hints.idempotent(method.idempotent).open_world(true))
}

/// What a tool is called. MCP has fewer characters for names than services have.
fn name(method: &Method) -> String {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if method.method.bytes().all(fine) && method.method.len() <= 128 {
        method.method.clone()
    } else {
        method.python.clone()
    }
}
