//! JSON-RPC 2.0: every command is a method of the same name, and what comes back is what programs read of it. A body of strangers is
//! bounded before it is read, and weighed before it is parsed: THREAT[DOS-08].

use crate::{
    admission::Overload,
    agent::{Agent, CommandError},
    closing::Leaving,
    command::{AgentCommand, Arguments},
    tools::{self, ToolDescription},
    weight,
};
use sandgate::PastRunError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use std::borrow::Cow;

/// Requests of one batch. They are answered one after the other.
const MOST_AT_ONCE: usize = 100;

/// What a request could not be answered for. The numbers below -32000 are JSON-RPC's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RpcCode {
    Parse,
    Request,
    Method,
    Params,
    /// What was asked for could not be done.
    Failed,
    /// There is no such service or run, or it is not this agent's.
    NotFound,
    /// There is no room for it now; `data.retry_after` says in how many seconds there may be.
    Overload,
}

impl RpcCode {
    fn number(self) -> i32 {
        match self {
            Self::Parse => -32700,
            Self::Request => -32600,
            Self::Method => -32601,
            Self::Params => -32602,
            Self::Failed => -32000,
            Self::NotFound => -32004,
            Self::Overload => -32005,
        }
    }
}

#[derive(Debug)]
pub(crate) struct RpcError {
    pub(crate) code: RpcCode,
    pub(crate) message: String,
    data: Option<Value>,
}

impl RpcError {
    pub(crate) fn new(code: RpcCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// There is no room.
    pub(crate) fn overload(overload: Overload) -> Self {
        Self {
            data: Some(json!({"retry_after": overload.retry_after})),
            ..Self::new(RpcCode::Overload, overload.to_string())
        }
    }

    /// As it is sent.
    pub(crate) fn shown(self) -> Value {
        let mut error = json!({"code": self.code.number(), "message": self.message});
        if let (Some(object), Some(data)) = (error.as_object_mut(), self.data) {
            object.insert("data".to_owned(), data);
        }
        error
    }
}

/// Whoever answers what is asked for by its method.
pub(crate) trait Methods: Sync {
    /// Does it.
    fn perform(
        &self,
        method: &str,
        params: Option<Value>,
    ) -> impl Future<Output = Result<Value, RpcError>> + Send;
}

/// The commands, for one agent. What runs is ended when nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct AgentMethods {
    pub(crate) agent: Agent,
    pub(crate) leaving: Leaving,
}

impl Methods for AgentMethods {
    async fn perform(&self, method: &str, params: Option<Value>) -> Result<Value, RpcError> {
        perform(&self.agent, method, params, &self.leaving).await
    }
}

/// A request as it comes. What it does not have is seen once it is known to whom that is to be said.
#[derive(Debug, Deserialize)]
struct AgentRequest<'r> {
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'r, str>>,
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    #[serde(borrow, default)]
    method: Option<Cow<'r, str>>,
    #[serde(default)]
    params: Option<Value>,
}

/// An `id` that is `null` is there.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

#[derive(Debug, Serialize)]
struct AgentReply {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    id: Value,
}

impl AgentReply {
    fn of(id: Value, done: Result<Value, RpcError>) -> Self {
        let (result, error) = match done {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error.shown())),
        };
        Self {
            jsonrpc: "2.0",
            result,
            error,
            id,
        }
    }
}

/// Answers what one body asks for; nothing where it asks for no answer.
pub(crate) async fn answer(methods: &impl Methods, body: &[u8]) -> Option<String> {
    let refused = |code, message: String| {
        shown(&AgentReply::of(
            Value::Null,
            Err(RpcError::new(code, message)),
        ))
    };
    if !weight::is_bearable(body) {
        let message = format!("the request has more than {} values", weight::MOST);
        return refused(RpcCode::Request, message);
    }
    let body = match serde_json::from_slice::<&RawValue>(body) {
        Ok(body) => body.get(),
        Err(error) => return refused(RpcCode::Parse, format!("the request is not JSON: {error}")),
    };
    if !body.starts_with('[') {
        return shown(&one(methods, body).await?);
    }
    let Ok(requests) = serde_json::from_str::<Vec<&RawValue>>(body) else {
        return refused(RpcCode::Request, "this is no list of requests".to_owned());
    };
    if requests.is_empty() || requests.len() > MOST_AT_ONCE {
        let message = format!("a batch has 1 to {MOST_AT_ONCE} requests");
        return refused(RpcCode::Request, message);
    }
    let mut replies = Vec::new();
    for request in requests {
        replies.extend(one(methods, request.get()).await);
    }
    if replies.is_empty() {
        return None;
    }
    shown(&replies)
}

/// A reply is made of JSON and cannot fail to become some.
fn shown(reply: &impl Serialize) -> Option<String> {
    serde_json::to_string(reply).ok()
}

async fn one(methods: &impl Methods, request: &str) -> Option<AgentReply> {
    let Ok(request) = serde_json::from_str::<AgentRequest<'_>>(request) else {
        let message = "this is no request of JSON-RPC 2.0";
        return Some(AgentReply::of(
            Value::Null,
            Err(RpcError::new(RpcCode::Request, message)),
        ));
    };
    let AgentRequest {
        jsonrpc,
        id,
        method,
        params,
    } = request;
    let is_id = |id: &Value| matches!(id, Value::Null | Value::String(_) | Value::Number(_));
    let is_named = jsonrpc.as_deref() == Some("2.0") && id.as_ref().is_none_or(is_id);
    let Some(method) = method.filter(|_| is_named) else {
        let id = id.filter(is_id).unwrap_or_default();
        let message = "a request has `jsonrpc`, which is \"2.0\", a `method`, and an `id` that is a text or a number";
        return Some(AgentReply::of(
            id,
            Err(RpcError::new(RpcCode::Request, message)),
        ));
    };
    // A notification is done, and nobody hears of it.
    let done = methods.perform(&method, params).await;
    Some(AgentReply::of(id?, done))
}

async fn perform(
    agent: &Agent,
    method: &str,
    params: Option<Value>,
    leaving: &Leaving,
) -> Result<Value, RpcError> {
    if method == "rpc.discover" {
        return Ok(document(agent));
    }
    let arguments = match params {
        None | Some(Value::Null) => Arguments::new(),
        Some(Value::Object(arguments)) => arguments,
        Some(Value::Array(values)) if values.is_empty() => Arguments::new(),
        Some(_) => {
            let message = format!("`{method}` takes its parameters by name");
            return Err(RpcError::new(RpcCode::Params, message));
        }
    };
    let command = AgentCommand::of(method, arguments)
        .ok_or_else(|| RpcError::new(RpcCode::Method, AgentCommand::unknown(method)))?
        .map_err(|wrong| RpcError::new(RpcCode::Params, wrong.to_string()))?;
    match agent.perform(command, leaving.left()).await {
        Ok(answer) => {
            let written = agent.apart(answer.is_long(), async { serde_json::to_value(answer) });
            let failed =
                |error: serde_json::Error| RpcError::new(RpcCode::Failed, error.to_string());
            written.await.map_err(failed)
        }
        Err(CommandError::Overload(overload)) => Err(RpcError::overload(overload)),
        Err(error) => {
            let code = match &error {
                CommandError::NoService { .. } | CommandError::Past(PastRunError::NoRun(_)) => {
                    RpcCode::NotFound
                }
                _ => RpcCode::Failed,
            };
            Err(RpcError::new(code, error.said()))
        }
    }
}

/// What this server offers an agent, as an OpenRPC document.
pub(crate) fn document(agent: &Agent) -> Value {
    let methods = tools::of(agent.caller());
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "sandgate",
            "description": "Runs Python that a language model wrote, with one way out, and that way guarded.",
            "version": env!("CARGO_PKG_VERSION")
        },
        "methods": methods.into_iter().map(method).collect::<Vec<_>>()
    })
}

fn method(tool: ToolDescription) -> Value {
    let required = tool.input.get("required").cloned().unwrap_or_default();
    let is_required = |name: &String| {
        let required = required.as_array();
        required.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)))
    };
    let properties = tool.input.get("properties").and_then(Value::as_object);
    let params: Vec<Value> = properties
        .into_iter()
        .flatten()
        .map(
            |(name, schema)| json!({"name": name, "required": is_required(name), "schema": schema}),
        )
        .collect();
    json!({
        "name": tool.name,
        "summary": tool.title,
        "description": tool.text,
        "paramStructure": "by-name",
        "params": params,
        "result": {"name": "answer", "schema": tool.output.unwrap_or_else(|| json!({"type": "object"}))}
    })
}
