//! What of a document is hardly what its author meant: read by the operator when a service is registered. Nothing depends on
//! it: the reader takes what it can read, and leaves out or takes for `Any` what it cannot.

use crate::{offer::undo::Undo, text};
use sandgate_policy::nearest;
use serde_json::{Map, Value};

/// What a method may say of its effect.
const EFFECT_KEYS: [&str; 2] = ["x-effect", "x-hero-effect"];
/// What else it may say.
const MARK_KEYS: [&str; 3] = ["x-undo", "x-idempotent", "x-source"];
/// What a parameter may say.
const PARAMETER_KEYS: [&str; 1] = ["x-sensitive"];
/// What the whole document may say.
const DOCUMENT_KEYS: [&str; 1] = ["x-source"];
const EFFECTS: [&str; 3] = ["read", "write", "destroy"];
const TYPES: [&str; 7] = [
    "null", "boolean", "integer", "number", "string", "array", "object",
];
/// Keys of a schema below which there is a schema, or a list of them.
const SCHEMAS: [&str; 7] = [
    "items",
    "additionalProperties",
    "not",
    "contains",
    "anyOf",
    "oneOf",
    "allOf",
];
/// Keys below which schemas have names.
const NAMED: [&str; 4] = ["properties", "patternProperties", "definitions", "$defs"];
/// More of them are not read.
const MOST: usize = 20;
/// Schemas nest no deeper than documents do that are read.
const DEEPEST: usize = 64;

/// Sentences about a document, at most twenty.
#[must_use]
pub fn doubts(document: &str) -> Vec<String> {
    let Ok(whole) = serde_json::from_str::<Value>(document) else {
        return Vec::new();
    };
    let mut doubts = Doubts {
        whole: &whole,
        found: Vec::new(),
    };
    let methods = whole.get("methods").and_then(Value::as_array);
    if methods.is_none_or(Vec::is_empty) {
        doubts.say("it has no methods".to_owned());
    }
    for (key, value) in whole.as_object().into_iter().flatten() {
        doubts.key("the document", key, value, &DOCUMENT_KEYS);
    }
    for method in methods.into_iter().flatten().filter_map(Value::as_object) {
        doubts.method(method);
    }
    let schemas = whole.pointer("/components/schemas");
    for (name, schema) in schemas.and_then(Value::as_object).into_iter().flatten() {
        doubts.schema(&format!("the schema `{}`", shown(name)), schema, 0);
    }
    doubts.found
}

struct Doubts<'d> {
    whole: &'d Value,
    found: Vec<String>,
}

impl Doubts<'_> {
    fn say(&mut self, doubt: String) {
        if self.found.len() < MOST && !self.found.contains(&doubt) {
            self.found.push(doubt);
        }
    }

    fn method(&mut self, method: &Map<String, Value>) {
        let name = shown(
            method
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        );
        for (key, value) in method {
            let key = key.as_str();
            if EFFECT_KEYS.contains(&key) {
                if !value.as_str().is_some_and(|word| EFFECTS.contains(&word)) {
                    self.say(format!(
                        "`{key}` of `{name}` is {}, and not \"read\", \"write\" or \"destroy\"",
                        shown(&value.to_string())
                    ));
                }
            } else if key == "x-undo" {
                if let Err(error) = Undo::try_from(value.clone()) {
                    self.say(format!("`{key}` of `{name}` says nothing: {error}"));
                }
            } else {
                let place = format!("`{name}`");
                self.key(&place, key, value, &[&EFFECT_KEYS[..], &MARK_KEYS].concat());
            }
        }
        let params = method.get("params").and_then(Value::as_array);
        for parameter in params.into_iter().flatten() {
            let called = parameter.get("name").and_then(Value::as_str);
            let place = format!("`{}` of `{name}`", shown(called.unwrap_or_default()));
            for (key, value) in parameter.as_object().into_iter().flatten() {
                self.key(&place, key, value, &PARAMETER_KEYS);
            }
            self.described(&place, parameter);
        }
        if let Some(result) = method.get("result") {
            self.described(&format!("the result of `{name}`"), result);
        }
    }

    /// A key that nobody reads and that is like one that is read, or one that is no truth value and should be.
    fn key(&mut self, place: &str, key: &str, value: &Value, known: &[&str]) {
        let shown_key = shown(key);
        if known.contains(&key) {
            if !value.is_boolean() {
                let value = shown(&value.to_string());
                self.say(format!(
                    "`{shown_key}` of {place} is {value}, and not true or false"
                ));
            }
        } else if key.starts_with("x-")
            && let Some(near) = nearest(key, known.iter().copied())
        {
            self.say(format!(
                "`{shown_key}` of {place} says nothing; did you mean `{near}`?"
            ));
        }
    }

    /// A parameter or a result: a reference, or something with a schema.
    fn described(&mut self, place: &str, described: &Value) {
        self.reference(place, described);
        if let Some(schema) = described.get("schema") {
            self.schema(place, schema, 0);
        }
    }

    fn reference(&mut self, place: &str, holder: &Value) {
        let Some(target) = holder.get("$ref").and_then(Value::as_str) else {
            return;
        };
        let found = match target.strip_prefix('#') {
            Some(pointer) => self.whole.pointer(pointer).is_some(),
            None => false,
        };
        if !found {
            self.say(format!(
                "{place} refers to `{}`, which is not in the document",
                shown(target)
            ));
        }
    }

    fn schema(&mut self, place: &str, schema: &Value, depth: usize) {
        let Some(keys) = schema.as_object().filter(|_| depth < DEEPEST) else {
            return;
        };
        self.reference(place, schema);
        let types = match keys.get("type") {
            Some(Value::Array(types)) => types.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        };
        for wrong in types {
            let word = wrong.as_str().unwrap_or_default();
            if !TYPES.contains(&word) {
                let meant = match nearest(word, TYPES.into_iter()) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => String::new(),
                };
                self.say(format!(
                    "{place} has the type {}, which JSON Schema does not know{meant}",
                    shown(&wrong.to_string())
                ));
            }
        }
        let below = depth.saturating_add(1);
        for schemas in SCHEMAS.into_iter().filter_map(|key| keys.get(key)) {
            match schemas {
                Value::Array(all) => all.iter().for_each(|one| self.schema(place, one, below)),
                one => self.schema(place, one, below),
            }
        }
        for named in NAMED.into_iter().filter_map(|key| keys.get(key)) {
            let all = named.as_object().into_iter().flat_map(Map::values);
            all.for_each(|one| self.schema(place, one, below));
        }
    }
}

fn shown(words: &str) -> String {
    text::line(words, 80)
}
