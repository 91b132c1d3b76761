//! From the schemas of a document to schemas that hold no reference: only draft 07's keywords in their right shape, local
//! `$ref`s replaced by what they point at, everything else (remote references, cycles, patterns that a linear matcher
//! cannot do) replaced by "anything". Called when a document is read. It must never fetch, and never write more than a
//! few times what the document is. THREAT[SVC-04]
//!
//! Leaving a keyword out makes a schema accept more, and the service still checks for itself. Under `not` and `oneOf`
//! accepting more inside means accepting less outside, so those give way as well.

use crate::offer::{
    schema::{Measure, ParameterSchema, Shelf, compile},
    tree::Node,
    weight,
};
use serde_json::{Map, Value, json};
use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Schemas in one parameter or result; what is behind them is "anything". Ethereum's largest has about 400.
const MOST_IN_ONE: usize = 2_000;
/// References and nesting together; the validator recurses.
const DEEPEST: usize = 32;
/// Patterns cost a compilation each.
const MOST_PATTERNS: usize = 200;
const LONGEST_PATTERN: usize = 1_000;
/// What a pattern weighs at least, in parts: its states are worked out as it is used.
const PATTERN: usize = 32;
/// States of a pattern that weigh as much as one part.
const STATES: usize = 16;
/// What a part of a schema is in the text that is written, at least.
const PART: usize = 8;

/// Bytes that may be written for a document of so many, references followed: documents of Ethereum need about a third
/// of their size, since what two parameters share is written once.
pub(crate) fn most(size: usize) -> usize {
    size.saturating_mul(4).saturating_add(2 << 20)
}

/// More was written than a document of its size may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMuch;

/// Makes the schemas of one document.
#[derive(Debug)]
pub(crate) struct Expander<'d> {
    root: &'d Node<'d>,
    /// Bytes that may still be written or followed.
    left: Cell<usize>,
    /// How many states the automaton of each has, where it can be matched.
    patterns: HashMap<&'d str, Option<usize>>,
    /// By the part of the document that they came from.
    expanded: HashMap<*const Node<'d>, ParameterSchema>,
    anything: ParameterSchema,
    shelf: Arc<Shelf>,
}

impl<'d> Expander<'d> {
    pub(crate) fn new(root: &'d Node<'d>, size: usize) -> Self {
        let shelf = Arc::<Shelf>::default();
        let measure = Measure {
            parts: 1,
            value: weight::SCHEMA,
            text: 0,
        };
        Self {
            root,
            left: Cell::new(most(size)),
            patterns: HashMap::new(),
            expanded: HashMap::new(),
            anything: ParameterSchema::new("{}".into(), measure, shelf.clone()),
            shelf,
        }
    }

    /// How many bytes may still be written.
    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    /// Follows references of a whole object, such as a parameter's description. `None` where they lead nowhere.
    pub(crate) fn resolve(&self, mut value: &'d Node<'d>) -> Result<Option<&'d Node<'d>>, TooMuch> {
        for _ in 0..8 {
            let reference = match value.get("$ref") {
                None => return Ok(Some(value)),
                Some(reference) => reference,
            };
            let Some(reference) = reference.as_str() else {
                return Ok(None);
            };
            match self.target(reference)? {
                None => return Ok(None),
                Some(target) => value = target,
            }
        }
        Ok(None)
    }

    /// What a parameter without a schema takes is anything.
    pub(crate) fn schema(
        &mut self,
        schema: Option<&'d Node<'d>>,
    ) -> Result<ParameterSchema, TooMuch> {
        let Some(schema) = schema else {
            return Ok(self.anything.clone());
        };
        let target = match schema.get("$ref").and_then(Node::as_str) {
            None => None,
            Some(reference) => self.target(reference)?,
        };
        let from: *const Node<'d> = target.unwrap_or(schema);
        if let Some(expanded) = self.expanded.get(&from) {
            return Ok(expanded.clone());
        }
        let mut walk = Walk {
            expander: self,
            left: MOST_IN_ONE,
            measure: Measure::default(),
            patterns: HashSet::new(),
            path: Vec::new(),
            widened: false,
            full: false,
            again: 1,
        };
        let value = walk.schema(schema, 0);
        let (full, mut measure) = (walk.full, walk.measure);
        if full {
            return Err(TooMuch);
        }
        measure.parts = measure.parts.max(1);
        let schema = ParameterSchema::new(value.to_string().into(), measure, self.shelf.clone());
        self.expanded.insert(from, schema.clone());
        Ok(schema)
    }

    /// THREAT[SVC-04]: only what the document itself holds. Following costs what the reference is long.
    fn target(&self, reference: &str) -> Result<Option<&'d Node<'d>>, TooMuch> {
        self.take(reference.len().saturating_add(PART))?;
        Ok(reference
            .strip_prefix('#')
            .and_then(|pointer| self.root.pointer(pointer)))
    }

    pub(crate) fn take(&self, bytes: usize) -> Result<(), TooMuch> {
        self.left
            .set(self.left.get().checked_sub(bytes).ok_or(TooMuch)?);
        Ok(())
    }

    fn states(&mut self, pattern: &'d str) -> Option<usize> {
        let room = self.patterns.len() < MOST_PATTERNS && pattern.len() <= LONGEST_PATTERN;
        *self.patterns.entry(pattern).or_insert_with(|| {
            if !room || compile(&json!({ "pattern": pattern })).is_none() {
                return None;
            }
            Some(weight::automaton(pattern)?.states().len())
        })
    }
}

/// The way through one schema.
struct Walk<'e, 'd> {
    expander: &'e mut Expander<'d>,
    left: usize,
    measure: Measure,
    /// Those that were met: each is expanded once.
    patterns: HashSet<&'d str>,
    /// What references that are being expanded lead to.
    path: Vec<*const Node<'d>>,
    /// Whether something was left out since this was last cleared.
    widened: bool,
    /// Whether the document's allowance ran out.
    full: bool,
    /// Alternatives are looked at once more for each of those that they stand in, to say what is wrong.
    again: u64,
}

impl<'d> Walk<'_, 'd> {
    fn anything(&mut self) -> Value {
        self.widened = true;
        json!({})
    }

    /// Makes room for parts with so many bytes of text.
    fn take(&mut self, parts: usize, bytes: usize) -> bool {
        let all = parts.saturating_mul(PART).saturating_add(bytes);
        self.full |= self.expander.take(all).is_err();
        match self.left.checked_sub(parts) {
            Some(left) if !self.full => self.left = left,
            _ => return false,
        }
        self.measure.parts = self.measure.parts.saturating_add(parts);
        true
    }

    /// Notes what checking will cost: for each value, and for eight bytes of text.
    fn costs(&mut self, value: u64, text: u64) {
        let measure = &mut self.measure;
        measure.value = measure
            .value
            .saturating_add(value.saturating_mul(self.again));
        measure.text = measure.text.saturating_add(text.saturating_mul(self.again));
    }

    fn schema(&mut self, schema: &'d Node<'d>, depth: usize) -> Value {
        self.costs(weight::SCHEMA, 0);
        if depth > DEEPEST || !self.take(1, 0) {
            return self.anything();
        }
        let map = match schema {
            Node::Bool(value) => return Value::Bool(*value),
            Node::Object(map) => map,
            _ => return self.anything(),
        };
        if let Some(reference) = schema.get("$ref") {
            return self.reference(reference, depth);
        }
        let nullable = schema.get("nullable").and_then(Node::as_bool) == Some(true);
        let mut expanded = Map::new();
        for (keyword, value) in map {
            // Also of those that are left out: a reference leads here again.
            if !self.take(0, keyword.len().saturating_add(PART)) {
                return self.anything();
            }
            self.costs(weight::NAME, 0);
            let kept = match keyword.as_ref() {
                "title" => self.title(value),
                "type" => self.kind(value, nullable),
                "properties" => self.schemas(value, depth, |_, _| true),
                "patternProperties" => self.schemas(value, depth, Self::is_pattern),
                "allOf" => self.list(value, depth),
                "anyOf" => self.alternatives(value, depth),
                "oneOf" => {
                    let before = std::mem::take(&mut self.widened);
                    let list = self.alternatives(value, depth);
                    let widened = std::mem::replace(&mut self.widened, before);
                    self.widened |= widened;
                    if widened {
                        // One of them accepts more than it says, so that two may fit.
                        if let (Some(list), None) = (list, schema.get("anyOf")) {
                            expanded.insert("anyOf".to_owned(), list);
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
                "items" if value.as_array().is_some() => self.list(value, depth),
                "items"
                | "additionalItems"
                | "contains"
                | "additionalProperties"
                | "propertyNames" => Some(self.schema(value, depth.saturating_add(1))),
                "pattern" => value
                    .as_str()
                    .filter(|pattern| self.is_pattern(pattern))
                    .map(Value::from),
                // No condition on a value either, but policies and models read those that they know.
                "format" => match value.as_str().filter(|format| FORMATS.contains(format)) {
                    Some(format) => Some(Value::from(format)),
                    None => continue,
                },
                // Said of a value, and no condition on it.
                "description" | "default" | "examples" | "example" | "deprecated" | "nullable"
                | "readOnly" | "writeOnly" | "$comment" | "$schema" | "$id" | "id"
                | "definitions" | "$defs" => continue,
                _ if keyword.starts_with("x-") => continue,
                _ => self.plain(keyword, value),
            };
            match kept {
                Some(value) => {
                    expanded.insert(keyword.clone().into_owned(), value);
                }
                None => self.widened = true,
            }
        }
        settle(&mut expanded, schema);
        Value::Object(expanded)
    }

    fn reference(&mut self, reference: &'d Node<'d>, depth: usize) -> Value {
        let Some(reference) = reference.as_str() else {
            return self.anything();
        };
        let target = match self.expander.target(reference) {
            Err(TooMuch) => {
                self.full = true;
                None
            }
            Ok(target) => target,
        };
        let Some(target) = target else {
            return self.anything();
        };
        let mut expanded = if self.path.contains(&std::ptr::from_ref(target)) {
            self.anything()
        } else {
            self.path.push(target);
            let expanded = self.schema(target, depth.saturating_add(1));
            self.path.pop();
            expanded
        };
        // What it is called is worth more to a reader than what it is titled.
        let name = reference.rsplit('/').next().unwrap_or_default();
        if let Value::Object(map) = &mut expanded
            && self.take(0, name.len())
        {
            map.insert("title".to_owned(), name.into());
        }
        expanded
    }

    fn title(&mut self, title: &Node<'d>) -> Option<Value> {
        let title = title.as_str()?;
        self.take(0, title.len()).then(|| title.into())
    }

    /// Keywords without schemas inside.
    fn plain(&mut self, keyword: &str, value: &Node<'d>) -> Option<Value> {
        if !PLAIN.contains(&keyword) {
            return None;
        }
        let (parts, bytes) = value.size();
        match keyword {
            "minLength" | "maxLength" => self.costs(0, 1),
            "uniqueItems" => self.costs(weight::UNIQUE, 8),
            "required" => self.costs(weight::NAME.saturating_mul(weight::wide(parts)), 0),
            _ => self.costs(weight::compared(parts, bytes), 0),
        }
        (self.take(parts, bytes) && is_well_formed(keyword, value)).then(|| value.to_value())
    }

    /// `type`, with a null where the older `nullable` asks for one.
    fn kind(&mut self, value: &'d Node<'d>, nullable: bool) -> Option<Value> {
        let mut names: Vec<&str> = match value {
            Node::String(name) => vec![name],
            // There are seven.
            Node::Array(names) if names.len() <= 16 => {
                names.iter().map(Node::as_str).collect::<Option<_>>()?
            }
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

    fn alternatives(&mut self, value: &'d Node<'d>, depth: usize) -> Option<Value> {
        self.again = self.again.saturating_add(1);
        let list = self.list(value, depth);
        self.again = self.again.saturating_sub(1);
        list
    }

    fn list(&mut self, value: &'d Node<'d>, depth: usize) -> Option<Value> {
        let items = value.as_array().filter(|items| !items.is_empty())?;
        if items.len() > self.left {
            return None;
        }
        Some(
            items
                .iter()
                .map(|item| self.schema(item, depth.saturating_add(1)))
                .collect(),
        )
    }

    fn schemas(
        &mut self,
        value: &'d Node<'d>,
        depth: usize,
        keep: fn(&mut Self, &'d str) -> bool,
    ) -> Option<Value> {
        let members = value.as_object()?;
        if members.len() > self.left {
            return None;
        }
        let mut expanded = Map::new();
        for (name, schema) in members {
            self.costs(weight::NAME, 0);
            if keep(self, name) && self.take(0, name.len()) {
                let schema = self.schema(schema, depth.saturating_add(1));
                expanded.insert(name.clone().into_owned(), schema);
            } else {
                self.widened = true;
            }
        }
        Some(Value::Object(expanded))
    }

    fn is_pattern(&mut self, pattern: &'d str) -> bool {
        let Some(states) = self.expander.states(pattern) else {
            return false;
        };
        // Names are matched again to find those that no pattern matches.
        let text = weight::pattern(states).saturating_mul(2);
        self.costs(weight::MATCH.saturating_mul(2), text);
        if self.patterns.insert(pattern) {
            let parts = PATTERN.max(states / STATES);
            self.measure.parts = self.measure.parts.saturating_add(parts);
        }
        self.take(0, pattern.len())
    }
}

/// What a keyword says of others is only true while those are all there.
fn settle(expanded: &mut Map<String, Value>, written: &Node<'_>) {
    let whole = ["properties", "patternProperties"].iter().all(|key| {
        let kept = expanded.get(*key).and_then(Value::as_object).map(Map::len);
        kept == written.get(key).and_then(Node::as_object).map(<[_]>::len)
    });
    if !whole {
        expanded.remove("additionalProperties");
    }
    // Later drafts write tuples like this, and mean the rest of them by `items`.
    if written.get("prefixItems").is_some() {
        expanded.remove("items");
        expanded.remove("additionalItems");
    }
}

/// Formats of texts that policies compare or models know how to write. Others are the document's own words.
const FORMATS: [&str; 6] = ["date-time", "date", "time", "email", "uri", "uuid"];

/// Keywords without schemas inside.
const PLAIN: [&str; 15] = [
    "enum",
    "const",
    "maximum",
    "minimum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "multipleOf",
    "maxLength",
    "minLength",
    "maxItems",
    "minItems",
    "maxProperties",
    "minProperties",
    "uniqueItems",
    "required",
];

/// Those in the shape that draft 07 gives them. Older drafts, and mistakes, have others.
fn is_well_formed(keyword: &str, value: &Node<'_>) -> bool {
    let number = match value {
        Node::Number(number) => Some(number),
        _ => None,
    };
    match keyword {
        "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
        "const" => true,
        "maximum" | "minimum" | "exclusiveMaximum" | "exclusiveMinimum" => number.is_some(),
        "multipleOf" => number
            .and_then(serde_json::Number::as_f64)
            .is_some_and(|number| number > 0.0),
        "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties" | "minProperties" => {
            number.is_some_and(serde_json::Number::is_u64)
        }
        "uniqueItems" => value.as_bool().is_some(),
        "required" => value.as_array().is_some_and(|names| {
            let mut seen = HashSet::new();
            names
                .iter()
                .all(|name| name.as_str().is_some_and(|name| seen.insert(name)))
        }),
        _ => false,
    }
}
