//! What of the journal is shown to nobody: parameters that the document of a service or the operator marks as sensitive, and what
//! looks like a credential. Asked by everything that shows calls. It must never let a text through that it could not read.

use crate::{failure::Failure, shared::SharedArguments};
use sandgate::service::{Method, REDACTED, Registry, Store, redacted, redacted_json};
use serde_json::{Value, value::RawValue};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// By the services that are registered. Of one that is not, nobody knows which parameters were sensitive.
#[derive(Debug)]
pub(crate) struct Redaction {
    registry: Registry,
    is_off: bool,
}

impl Redaction {
    /// By what is registered; off where the operator wants to see everything.
    pub(crate) fn open(shared: &SharedArguments, unredacted: bool) -> Result<Self, Failure> {
        let mut registry = Registry::default();
        if let Some(state) = shared.state_dir().filter(|_| !unredacted) {
            let store = Store::open(&state)?;
            let registrations = store.list()?;
            // One whose new document waits is as it was.
            let waiting = registrations.iter().filter(|one| !one.is_offered());
            let waiting = waiting.map(|registration| store.service(registration));
            let waiting = waiting.collect::<Result<Vec<_>, _>>()?;
            registry = store
                .registry(&registrations)?
                .with(waiting)
                .map_err(|name| Failure::internal(format!("`{name}` is registered twice"), None))?;
        }
        Ok(Self {
            registry,
            is_off: unredacted,
        })
    }

    /// Whether everything is shown.
    pub(crate) fn is_off(&self) -> bool {
        self.is_off
    }

    fn method(&self, service: &str, method: &str) -> Option<Arc<Method>> {
        self.registry.method(service, method)
    }

    /// The parameters of a call.
    pub(crate) fn params(&self, service: &str, method: &str, params: &str) -> String {
        if self.is_off {
            return params.to_owned();
        }
        match self.method(service, method) {
            Some(method) => method.redacted_params(params),
            None => redacted_json(params, &BTreeSet::new()),
        }
    }

    /// What a script was answered. A result may repeat what was given.
    pub(crate) fn reply(&self, service: &str, method: &str, reply: &str) -> String {
        if self.is_off {
            return reply.to_owned();
        }
        let Ok(parts) = serde_json::from_str::<BTreeMap<String, &RawValue>>(reply) else {
            return Value::from(REDACTED).to_string();
        };
        let method = self.method(service, method);
        let none = BTreeSet::new();
        let sensitive = method.as_ref().map_or(&none, |method| &method.sensitive);
        let parts = parts.iter().map(|(kind, part)| {
            let part = redacted_json(part.get(), sensitive);
            format!("{}:{part}", Value::from(kind.as_str()))
        });
        format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
    }

    /// Any other JSON.
    pub(crate) fn json(&self, json: &str) -> String {
        if self.is_off {
            return json.to_owned();
        }
        redacted_json(json, &BTreeSet::new())
    }

    /// Any other text.
    pub(crate) fn text(&self, text: String) -> String {
        if self.is_off {
            return text;
        }
        match redacted(&Value::String(text), &BTreeSet::new()) {
            Value::String(text) => text,
            _ => REDACTED.to_owned(),
        }
    }
}
