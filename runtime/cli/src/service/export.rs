//! `sandgate service export`: a registered service as a file beside policies, so that those who check them elsewhere, as a CI does,
//! see what a run sees of its methods. It must never say less, or more, of a method than the registration does.

use crate::failure::Failure;
use sandgate::service::{Registration, Service, Store};
use serde_json::{Map, Value};

/// What else a document may say of an effect; the most of it would count.
const OTHERS: [&str; 3] = ["x-hero-effect", "readOnlyHint", "destructiveHint"];

/// From one reference to the next; a document that was taken has no endless ones.
const MOST_REFERENCES: usize = 16;

/// The document of a service, with what counts of its methods.
pub(super) fn export(store: &Store, registration: &Registration) -> Result<String, Failure> {
    let internal = |error: serde_json::Error| Failure::internal(error.to_string(), None);
    let service = store.service(registration)?;
    let mut document: Value =
        serde_json::from_str(&store.document(registration)?).map_err(internal)?;
    // Each method says it for itself.
    if let Some(document) = document.as_object_mut() {
        document.remove("x-source");
    }
    let whole = document.clone();
    let methods = document.get_mut("methods").and_then(Value::as_array_mut);
    for method in methods.into_iter().flatten() {
        *method = described(method, &whole);
        if let Some(method) = method.as_object_mut() {
            say(method, &service, &whole);
        }
    }
    let text = serde_json::to_string_pretty(&document).map_err(internal)?;
    Ok(format!("{text}\n"))
}

/// What describes a method or a parameter, where it may stand elsewhere: there, others may be described by it too.
fn described(written: &Value, whole: &Value) -> Value {
    let mut found = written;
    for _ in 0..MOST_REFERENCES {
        let target = found.get("$ref").and_then(Value::as_str);
        match target.and_then(|target| whole.pointer(target.strip_prefix('#')?)) {
            Some(next) => found = next,
            None => break,
        }
    }
    found.clone()
}

fn say(method: &mut Map<String, Value>, service: &Service, whole: &Value) {
    let name = method.get("name").and_then(Value::as_str);
    let Some(offered) = name.and_then(|name| service.method(name)) else {
        return;
    };
    let effect = offered.effect.to_string();
    for other in OTHERS {
        method.remove(other);
    }
    if let Some(annotations) = method.get_mut("annotations").and_then(Value::as_object_mut) {
        for other in OTHERS {
            annotations.remove(other);
        }
    }
    method.insert("x-effect".to_owned(), effect.into());
    mark(method, "x-idempotent", offered.idempotent);
    mark(method, "x-source", offered.source);
    method.remove("x-undo");
    let undo = offered
        .undo
        .as_ref()
        .and_then(|undo| serde_json::to_value(undo).ok());
    method.extend(undo.map(|undo| ("x-undo".to_owned(), undo)));
    let parameters = method.get_mut("params").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        *parameter = described(parameter, whole);
        let name = parameter.get("name").and_then(Value::as_str);
        let sensitive = name.is_some_and(|name| offered.sensitive.contains(name));
        if let Some(parameter) = parameter.as_object_mut() {
            mark(parameter, "x-sensitive", sensitive);
        }
    }
}

/// Says it of a method or a parameter, or nothing.
fn mark(described: &mut Map<String, Value>, key: &str, said: bool) {
    described.remove(key);
    if said {
        described.insert(key.to_owned(), true.into());
    }
}
