//! JSON Schemas of a document, made harmless and self-contained: only draft 07's keywords in their right shape, local
//! `$ref`s replaced by what they point at, everything else (remote references, cycles, what is too large, patterns that
//! a linear matcher cannot do) replaced by "anything". Called when a document is read. It must never fetch.
//!
//! Leaving a keyword out makes a schema accept more, and the service still checks for itself. Under `not` and `oneOf`
//! accepting more inside means accepting less outside, so those give way as well.

use super::json;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

/// Schemas in one parameter or result. Ethereum's largest has about 400.
const MOST_IN_ONE: usize = 2_000;
/// Schemas in one document, references expanded. THREAT[SVC-04]
const MOST_IN_ALL: usize = 200_000;
/// References and nesting together; the validator recurses.
const DEEPEST: usize = 32;
/// Patterns cost a compilation each.
const MOST_PATTERNS: usize = 200;
const LONGEST_PATTERN: usize = 1_000;
/// Enough for `[0-9a-f]{512}`, which Ethereum's documents have.
const LARGEST_PATTERN: usize = 256 << 10;
/// Schemas times values: one check is bounded whatever service and script agree on. THREAT[SVC-04]
const MOST_WORK: usize = 20_000_000;

/// A schema that holds no reference. Parameters that are described by the same part of a document share one.
#[derive(Debug, Clone)]
pub(crate) struct Schema(Arc<Made>);

#[derive(Debug)]
struct Made {
    value: Value,
    weight: usize,
    /// Made when a value is checked for the first time.
    compiled: OnceLock<Option<Validator>>,
}

/// Why a value is not what a schema says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Where in the value, as a JSON pointer; empty for all of it.
    pub(crate) at: String,
    /// What is there, shortened.
    pub(crate) given: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.value == other.0.value
    }
}

impl Schema {
    /// What this is, as JSON.
    pub(crate) fn value(&self) -> &Value {
        &self.0.value
    }

    /// The same for those that share one.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Whether the value fits. The first thing that does not is told.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Mismatch> {
        let whole = |reason: &str| Mismatch {
            at: String::new(),
            given: shown(value),
            reason: reason.to_owned(),
        };
        if self.0.weight.saturating_mul(json::count(value)) > MOST_WORK {
            return Err(whole("it is too large to be checked against its schema"));
        }
        let compiled = self.0.compiled.get_or_init(|| compile(&self.0.value));
        let Some(validator) = compiled else {
            return Err(whole("its schema cannot be checked"));
        };
        let Err(error) = validator.validate(value) else {
            return Ok(());
        };
        let given = shown(error.instance());
        Err(Mismatch {
            at: super::text::line(error.instance_path().as_str(), 60),
            reason: super::text::line(&error.masked_with(given.as_str()).to_string(), 200),
            given,
        })
    }

    /// Whether nothing at all may stand for the value.
    pub(crate) fn takes_null(&self) -> bool {
        self.check(&Value::Null).is_ok()
    }
}

/// JSON on one short line.
pub(crate) fn shown(value: &Value) -> String {
    super::text::line(&value.to_string(), 60)
}

fn compile(schema: &Value) -> Option<Validator> {
    jsonschema::options()
        .with_draft(Draft::Draft7)
        .should_validate_formats(false)
        // THREAT[SVC-04]: linear time, whatever the pattern; the other engine backtracks.
        .with_pattern_options(
            PatternOptions::regex()
                .size_limit(LARGEST_PATTERN)
                .dfa_size_limit(4 * LARGEST_PATTERN),
        )
        .build(schema)
        .ok()
}

/// Makes the schemas of one document.
#[derive(Debug)]
pub(super) struct Expander<'d> {
    root: &'d Value,
    left: usize,
    patterns: HashMap<&'d str, bool>,
    /// By the part of the document that they were made from.
    made: HashMap<*const Value, Schema>,
}

impl<'d> Expander<'d> {
    pub(super) fn new(root: &'d Value) -> Self {
        Self {
            root,
            left: MOST_IN_ALL,
            patterns: HashMap::new(),
            made: HashMap::new(),
        }
    }

    /// Follows references of a whole object, such as a parameter's description. `None` where they lead nowhere.
    pub(super) fn resolve(&self, mut value: &'d Value) -> Option<&'d Value> {
        for _ in 0..8 {
            match value.get("$ref") {
                None => return Some(value),
                Some(reference) => value = self.target(reference.as_str()?)?,
            }
        }
        None
    }

    pub(super) fn schema(&mut self, schema: &'d Value) -> Schema {
        let reference = schema.get("$ref").and_then(Value::as_str);
        let from: *const Value = reference
            .and_then(|reference| self.target(reference))
            .unwrap_or(schema);
        if let Some(made) = self.made.get(&from) {
            return made.clone();
        }
        let most = MOST_IN_ONE.min(self.left);
        let mut walk = Walk {
            expander: self,
            left: most,
            path: Vec::new(),
            widened: false,
        };
        let value = walk.schema(schema, 0);
        let weight = most.saturating_sub(walk.left).max(1);
        self.left = self.left.saturating_sub(weight);
        let schema = Schema(Arc::new(Made {
            value,
            weight,
            compiled: OnceLock::new(),
        }));
        self.made.insert(from, schema.clone());
        schema
    }

    /// THREAT[SVC-04]: only what the document itself holds.
    fn target(&self, reference: &str) -> Option<&'d Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }

    fn is_pattern(&mut self, pattern: &'d str) -> bool {
        let room = self.patterns.len() < MOST_PATTERNS && pattern.len() <= LONGEST_PATTERN;
        *self
            .patterns
            .entry(pattern)
            .or_insert_with(|| room && compile(&json!({ "pattern": pattern })).is_some())
    }
}

/// The way through one schema.
struct Walk<'e, 'd> {
    expander: &'e mut Expander<'d>,
    left: usize,
    /// The references that are being expanded.
    path: Vec<&'d str>,
    /// Whether something was left out since this was last cleared.
    widened: bool,
}

impl<'d> Walk<'_, 'd> {
    fn anything(&mut self) -> Value {
        self.widened = true;
        json!({})
    }

    fn take(&mut self, parts: usize) -> bool {
        match self.left.checked_sub(parts) {
            Some(left) => self.left = left,
            None => return false,
        }
        true
    }

    fn schema(&mut self, schema: &'d Value, depth: usize) -> Value {
        if depth > DEEPEST || !self.take(1) {
            return self.anything();
        }
        let map = match schema {
            Value::Bool(_) => return schema.clone(),
            Value::Object(map) => map,
            _ => return self.anything(),
        };
        if let Some(reference) = map.get("$ref") {
            return self.reference(reference, depth);
        }
        let mut made = Map::new();
        for (keyword, value) in map {
            let kept = match keyword.as_str() {
                "title" => value.is_string().then(|| value.clone()),
                "type" => self.kind(value, map.get("nullable") == Some(&Value::Bool(true))),
                "properties" => self.schemas(value, depth, |_, _| true),
                "patternProperties" => self.schemas(value, depth, Self::is_pattern),
                "allOf" | "anyOf" => self.list(value, depth),
                "oneOf" => {
                    let before = std::mem::take(&mut self.widened);
                    let list = self.list(value, depth);
                    let widened = std::mem::replace(&mut self.widened, before);
                    self.widened |= widened;
                    if widened {
                        // One of them accepts more than it says, so that two may fit.
                        if let (Some(list), false) = (list, map.contains_key("anyOf")) {
                            made.insert("anyOf".to_owned(), list);
                        }
                        continue;
                    }
                    list
                }
                "not" => {
                    let before = std::mem::take(&mut self.widened);
                    let inner = self.schema(value, depth.saturating_add(1));
                    let widened = std::mem::replace(&mut self.widened, before);
                    (!widened).then_some(inner)
                }
                "items" if value.is_array() => self.list(value, depth),
                "items"
                | "additionalItems"
                | "contains"
                | "additionalProperties"
                | "propertyNames" => Some(self.schema(value, depth.saturating_add(1))),
                "pattern" => value
                    .as_str()
                    .is_some_and(|pattern| self.is_pattern(pattern))
                    .then(|| value.clone()),
                // Said of a value, and no condition on it.
                "description" | "default" | "examples" | "example" | "deprecated" | "format"
                | "nullable" | "readOnly" | "writeOnly" | "$comment" | "$schema" | "$id" | "id"
                | "definitions" | "$defs" => continue,
                _ if keyword.starts_with("x-") => continue,
                _ => (is_well_formed(keyword, value) && self.take(json::count(value)))
                    .then(|| value.clone()),
            };
            match kept {
                Some(value) => {
                    made.insert(keyword.clone(), value);
                }
                None => self.widened = true,
            }
        }
        settle(&mut made, map);
        Value::Object(made)
    }

    fn reference(&mut self, reference: &'d Value, depth: usize) -> Value {
        let Some((reference, target)) = reference
            .as_str()
            .and_then(|reference| Some((reference, self.expander.target(reference)?)))
        else {
            return self.anything();
        };
        let mut made = if self.path.contains(&reference) {
            self.anything()
        } else {
            self.path.push(reference);
            let made = self.schema(target, depth.saturating_add(1));
            self.path.pop();
            made
        };
        // What it is called is worth more to a reader than what it is titled.
        let name = reference.rsplit('/').next().unwrap_or_default();
        if let Value::Object(map) = &mut made {
            map.insert("title".to_owned(), name.into());
        }
        made
    }

    /// `type`, with a null where the older `nullable` asks for one.
    fn kind(&mut self, value: &Value, nullable: bool) -> Option<Value> {
        let mut names: Vec<&str> = match value {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().map(Value::as_str).collect::<Option<_>>()?,
            _ => return None,
        };
        if nullable {
            names.push("null");
        }
        names.sort_unstable();
        names.dedup();
        let known = |name: &&str| {
            matches!(
                *name,
                "array" | "boolean" | "integer" | "null" | "number" | "object" | "string"
            )
        };
        match names.as_slice() {
            names if !names.iter().all(known) => None,
            [] => None,
            [name] => Some((*name).into()),
            names => Some(names.into()),
        }
    }

    fn list(&mut self, value: &'d Value, depth: usize) -> Option<Value> {
        let items = value.as_array().filter(|items| !items.is_empty())?;
        Some(
            items
                .iter()
                .map(|item| self.schema(item, depth.saturating_add(1)))
                .collect(),
        )
    }

    fn schemas(
        &mut self,
        value: &'d Value,
        depth: usize,
        keep: fn(&mut Self, &'d str) -> bool,
    ) -> Option<Value> {
        let mut made = Map::new();
        for (name, schema) in value.as_object()? {
            if keep(self, name) {
                let schema = self.schema(schema, depth.saturating_add(1));
                made.insert(name.clone(), schema);
            } else {
                self.widened = true;
            }
        }
        Some(Value::Object(made))
    }

    fn is_pattern(&mut self, pattern: &'d str) -> bool {
        self.expander.is_pattern(pattern)
    }
}

/// What a keyword says of others is only true while those are all there.
fn settle(made: &mut Map<String, Value>, written: &Map<String, Value>) {
    let patterns = |map: &Map<String, Value>| {
        map.get("patternProperties")
            .and_then(Value::as_object)
            .map(Map::len)
    };
    if patterns(made) != patterns(written) {
        made.remove("additionalProperties");
    }
    // Later drafts write tuples like this, and mean the rest of them by `items`.
    if written.contains_key("prefixItems") {
        made.remove("items");
        made.remove("additionalItems");
    }
}

/// Keywords without schemas inside, in the shape that draft 07 gives them. Older drafts, and mistakes, have others.
fn is_well_formed(keyword: &str, value: &Value) -> bool {
    match keyword {
        "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
        "const" => true,
        "maximum" | "minimum" | "exclusiveMaximum" | "exclusiveMinimum" => value.is_number(),
        "multipleOf" => value.as_f64().is_some_and(|number| number > 0.0),
        "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties" | "minProperties" => {
            value.is_u64()
        }
        "uniqueItems" => value.is_boolean(),
        "required" => value.as_array().is_some_and(|names| {
            let mut seen = std::collections::HashSet::new();
            names
                .iter()
                .all(|name| name.as_str().is_some_and(|name| seen.insert(name)))
        }),
        _ => false,
    }
}
