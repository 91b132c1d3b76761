//! JSON-RPC 2.0 as the CRM speaks it: single messages, batches, notifications. Called with the body of a request.

use super::store::Fault;
use serde::Deserialize;
use serde_json::{Value, json};

/// A call or a notification.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    jsonrpc: Version,
    method: String,
    #[serde(default)]
    params: Value,
    /// Absent in a notification.
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
}

#[derive(Deserialize)]
enum Version {
    #[serde(rename = "2.0")]
    Two,
}

/// `null` is an id too, if a strange one.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

/// The reply to a body; none if it holds notifications only.
pub(super) fn answer(
    body: &[u8],
    mut call: impl FnMut(&str, Value) -> Result<Value, Fault>,
) -> Option<String> {
    let reply = match serde_json::from_slice(body) {
        Err(_) => Some(failed(Value::Null, &Fault::new(-32700, "parse error"))),
        Ok(Value::Array(batch)) if batch.is_empty() => {
            Some(failed(Value::Null, &Fault::new(-32600, "an empty batch")))
        }
        Ok(Value::Array(batch)) => {
            let replies: Vec<Value> = batch
                .into_iter()
                .filter_map(|message| one(message, &mut call))
                .collect();
            (!replies.is_empty()).then_some(Value::Array(replies))
        }
        Ok(message) => one(message, &mut call),
    };
    reply.map(|reply| reply.to_string())
}

fn one(
    message: Value,
    call: &mut impl FnMut(&str, Value) -> Result<Value, Fault>,
) -> Option<Value> {
    let valid_id = |id: &Value| matches!(id, Value::String(_) | Value::Number(_) | Value::Null);
    let given = message.is_object().then(|| Message::deserialize(message));
    let Some(Ok(Message {
        jsonrpc: Version::Two,
        method,
        params: params @ (Value::Null | Value::Array(_) | Value::Object(_)),
        id,
    })) = given
    else {
        return Some(failed(Value::Null, &Fault::new(-32600, "not a request")));
    };
    if id.as_ref().is_some_and(|id| !valid_id(id)) {
        return Some(failed(Value::Null, &Fault::new(-32600, "not an id")));
    }
    let result = call(&method, params);
    let id = id?;
    Some(match result {
        Ok(result) => json!({"jsonrpc": "2.0", "result": result, "id": id}),
        Err(fault) => failed(id, &fault),
    })
}

fn failed(id: Value, fault: &Fault) -> Value {
    json!({"jsonrpc": "2.0", "error": fault, "id": id})
}
