//! `sandgate service export`: a registered service as a file beside policies, so that those who check them elsewhere, as a CI does,
//! see what a run sees of its methods. It must never say less, or more, of a method than the registration does.

use crate::failure::Failure;
use sandgate::service::{Registration, Service, Store};
use serde_json::{Map, Value};

/// What else a document may say of an effect; the most of it would count.
const OTHERS: [&str; 3] = ["x-hero-effect", "readOnlyHint", "destructiveHint"];

/// The document of a service, with what counts of its methods.
pub(super) fn export(store: &Store, registration: &Registration) -> Result<String, Failure> {
    let internal = |error: serde_json::Error| Failure::internal(error.to_string(), None);
    let service = store.service(registration)?;
    let mut document: Value =
        serde_json::from_str(&store.document(registration)?).map_err(internal)?;
    let methods = document.get_mut("methods").and_then(Value::as_array_mut);
    for method in methods
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        say(method, &service);
    }
    let text = serde_json::to_string_pretty(&document).map_err(internal)?;
    Ok(format!("{text}\n"))
}

fn say(method: &mut Map<String, Value>, service: &Service) {
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
    method.remove("x-undo");
    if let Some(undo) = offered
        .undo
        .as_ref()
        .and_then(|undo| serde_json::to_value(undo).ok())
    {
        method.insert("x-undo".to_owned(), undo);
    }
}
