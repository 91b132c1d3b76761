//! What it costs to check values against schemas, found out before it is spent. Called by [`ParameterSchema::check`] for each
//! parameter of a call, with one allowance for all of them. It must never let a service and a script agree on a value and
//! a schema that keep a thread for longer than a run's clock can miss. THREAT[SVC-04] THREAT[DOS-11]
//!
//! Most checks are so small that the product of all parts of the schema and all parts of the value is still little. For
//! the others schema and value are walked together as the validator will, and every pattern is matched as the validator's
//! engine will match it, with what that costs counted at every step. The walk ends where the allowance does.

use crate::offer::schema::{LARGEST_PATTERN, MOST_STATES, ParameterSchema};
use regex_automata::{
    Anchored,
    hybrid::{
        LazyStateID,
        dfa::{Cache, DFA},
    },
    nfa::thompson::NFA,
    util::start,
};
use serde_json::{Map, Value};
use std::{cell::Cell, collections::HashMap, fmt};

/// About a nanosecond each on a slow machine. The walk costs as much as the check, so a call takes twice this: 20 ms.
pub(crate) const MOST: u64 = 10_000_000;
/// A check that cannot cost more than this share of what is left is not looked into.
const SMALL: u64 = 16;
/// One schema looked at for one value.
pub(crate) const SCHEMA: u64 = 25;
/// One keyword, or one name that it holds.
pub(crate) const NAME: u64 = 5;
/// One of the values that another is compared with; eight bytes of their texts are another unit.
const COMPARED: u64 = 2;
/// One value among those that must differ, and a byte of it.
pub(crate) const UNIQUE: u64 = 100;
/// One text against one pattern, however short.
pub(crate) const MATCH: u64 = 100;
/// A byte through an automaton whose states are all there.
const BYTE: u64 = 4;
/// A state that has to be worked out, and each byte of what is kept of it.
const NEW: u64 = 200;
const NEW_BYTE: u64 = 10;
/// A state of a pattern's automaton, for each byte of a text, where every byte leads to all of them.
const STATE: u64 = 15;
/// The same, when the automaton is made.
const MAKE: u64 = 50;

/// What a pattern costs at most for eight bytes of a text.
pub(crate) fn pattern(states: usize) -> u64 {
    8 * (BYTE + NEW + NEW_BYTE * 16) + wide(states).saturating_mul(8 * STATE)
}

/// What the checks of one call may still cost, and whether anybody still waits for them.
pub struct Weight<'r> {
    left: Cell<u64>,
    wanted: &'r dyn Fn() -> bool,
}

impl Default for Weight<'_> {
    fn default() -> Self {
        Self::while_wanted(&|| true)
    }
}

impl fmt::Debug for Weight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Weight").field(&self.left).finish()
    }
}

/// Why a value is not checked. The text ends a sentence that begins with the parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heavy {
    /// One text against one pattern.
    Pattern { bytes: usize, pattern: String },
    /// All of it against all of the schema.
    Whole,
    /// The run is over, and nobody will read this.
    Unwanted,
}

impl fmt::Display for Heavy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern { bytes, pattern } => write!(
                f,
                "a text of {bytes} bytes is too long to be checked against the pattern `{}`",
                crate::text::line(pattern, 60)
            ),
            Self::Whole => f.write_str("it is too large to be checked against its schema"),
            Self::Unwanted => f.write_str("the run is over"),
        }
    }
}

impl<'r> Weight<'r> {
    /// For a call whose run may end meanwhile. THREAT[DOS-01]: it is asked between any two steps, each of which takes
    /// 20 ms at most, and what nobody waits for ends there.
    #[must_use]
    pub fn while_wanted(wanted: &'r dyn Fn() -> bool) -> Self {
        Self {
            left: Cell::new(MOST),
            wanted,
        }
    }

    /// Ends a step.
    pub(crate) fn look(&self) -> Result<(), Heavy> {
        if (self.wanted)() {
            Ok(())
        } else {
            Err(Heavy::Unwanted)
        }
    }

    /// Takes what checking this value against this schema will cost, or says what is too much.
    pub(crate) fn take(&self, schema: &ParameterSchema, value: &Value) -> Result<(), Heavy> {
        let most = most(schema, value);
        if most <= self.left.get() / SMALL {
            return self.spend(most).ok_or(Heavy::Whole);
        }
        self.look()?;
        self.walk(schema, value)?;
        self.look()
    }

    fn walk(&self, schema: &ParameterSchema, value: &Value) -> Result<(), Heavy> {
        let mut walk = Weighing {
            weight: self,
            automata: HashMap::new(),
            again: 1,
        };
        walk.schema(&schema.value(), value)
    }

    #[cfg(test)]
    pub(crate) fn of(left: u64) -> Self {
        Self {
            left: Cell::new(left),
            ..Self::default()
        }
    }

    #[cfg(test)]
    pub(crate) fn left(&self) -> u64 {
        self.left.get()
    }

    fn spend(&self, cost: u64) -> Option<()> {
        self.left.set(self.left.get().checked_sub(cost)?);
        Some(())
    }
}

/// What it costs to compare a value with so many, which hold so many bytes of text.
pub(crate) fn compared(parts: usize, bytes: usize) -> u64 {
    wide(parts)
        .saturating_mul(COMPARED)
        .saturating_add(wide(bytes) / 8)
}

/// What a check costs at most, as if all of the schema were about each part of the value.
fn most(schema: &ParameterSchema, value: &Value) -> u64 {
    let measure = schema.measure();
    let (parts, bytes) = size(value);
    let text = wide(bytes / 8 + parts).saturating_mul(measure.text);
    wide(parts)
        .saturating_mul(measure.value)
        .saturating_add(text)
}

pub(crate) fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// How many values a value holds, itself included, and how many bytes of text.
pub(crate) fn size(value: &Value) -> (usize, usize) {
    let join = |(parts, bytes): (usize, usize), key: &str, value: &Value| {
        let (more, text) = size(value);
        (
            parts.saturating_add(more),
            bytes.saturating_add(text).saturating_add(key.len()),
        )
    };
    match value {
        Value::String(text) => (1, text.len()),
        Value::Array(items) => items.iter().fold((1, 0), |sum, item| join(sum, "", item)),
        Value::Object(map) => map
            .iter()
            .fold((1, 0), |sum, (key, item)| join(sum, key, item)),
        _ => (1, 0),
    }
}

/// The way through a schema and a value.
struct Weighing<'w> {
    weight: &'w Weight<'w>,
    automata: HashMap<String, Option<Automaton>>,
    /// Alternatives are looked at once more for each of those that they stand in, to say what is wrong.
    again: u64,
}

impl Weighing<'_> {
    fn spend(&self, cost: u64) -> Result<(), Heavy> {
        self.weight
            .spend(cost.saturating_mul(self.again))
            .ok_or(Heavy::Whole)
    }

    fn schema(&mut self, schema: &Value, value: &Value) -> Result<(), Heavy> {
        self.spend(SCHEMA)?;
        let Some(map) = schema.as_object() else {
            return Ok(());
        };
        for (keyword, inner) in map {
            self.spend(NAME)?;
            match (keyword.as_str(), inner, value) {
                ("pattern", Value::String(pattern), Value::String(text)) => {
                    self.matches(pattern, text)?;
                }
                // Characters are counted, eight bytes at a time.
                ("minLength" | "maxLength", _, Value::String(text)) => {
                    self.spend(wide(text.len()) / 8)?;
                }
                ("enum" | "const", ..) => {
                    let (parts, bytes) = size(inner);
                    self.spend(
                        wide(parts)
                            .saturating_mul(2)
                            .saturating_add(wide(bytes) / 8),
                    )?;
                }
                ("uniqueItems", Value::Bool(true), Value::Array(_)) => {
                    let (parts, bytes) = size(value);
                    self.spend(
                        wide(parts)
                            .saturating_mul(4 * SCHEMA)
                            .saturating_add(wide(bytes)),
                    )?;
                }
                ("required", Value::Array(names), Value::Object(_)) => {
                    self.spend(wide(names.len()).saturating_mul(NAME))?;
                }
                ("properties", Value::Object(schemas), Value::Object(members)) => {
                    for (name, schema) in schemas {
                        self.spend(NAME)?;
                        if let Some(value) = members.get(name) {
                            self.schema(schema, value)?;
                        }
                    }
                }
                ("patternProperties", Value::Object(schemas), Value::Object(members)) => {
                    self.by_pattern(schemas, members)?;
                }
                ("additionalProperties", _, Value::Object(members)) => {
                    self.additional(map, inner, members)?;
                }
                ("propertyNames", _, Value::Object(members)) => {
                    for name in members.keys() {
                        self.schema(inner, &Value::from(name.as_str()))?;
                    }
                }
                ("items", Value::Array(schemas), Value::Array(items)) => {
                    for (schema, item) in schemas.iter().zip(items) {
                        self.schema(schema, item)?;
                    }
                }
                ("items" | "contains" | "additionalItems", _, Value::Array(items)) => {
                    for item in items {
                        self.schema(inner, item)?;
                    }
                }
                ("allOf", Value::Array(schemas), _) => {
                    for schema in schemas {
                        self.schema(schema, value)?;
                    }
                }
                ("anyOf" | "oneOf", Value::Array(schemas), _) => {
                    self.again = self.again.saturating_add(1);
                    for schema in schemas {
                        self.schema(schema, value)?;
                    }
                    self.again = self.again.saturating_sub(1);
                }
                ("not", ..) => self.schema(inner, value)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn by_pattern(
        &mut self,
        schemas: &Map<String, Value>,
        members: &Map<String, Value>,
    ) -> Result<(), Heavy> {
        for (pattern, schema) in schemas {
            for (name, value) in members {
                if self.matches(pattern, name)? {
                    self.schema(schema, value)?;
                }
            }
        }
        Ok(())
    }

    /// Members that nothing else of the schema describes.
    fn additional(
        &mut self,
        map: &Map<String, Value>,
        schema: &Value,
        members: &Map<String, Value>,
    ) -> Result<(), Heavy> {
        let described = map.get("properties").and_then(Value::as_object);
        let patterns = map.get("patternProperties").and_then(Value::as_object);
        for (name, value) in members {
            self.spend(NAME)?;
            if described.is_some_and(|described| described.contains_key(name)) {
                continue;
            }
            let mut matched = false;
            for pattern in patterns.into_iter().flat_map(Map::keys) {
                matched |= self.matches(pattern, name)?;
            }
            if !matched {
                self.schema(schema, value)?;
            }
        }
        Ok(())
    }

    fn matches(&mut self, pattern: &str, text: &str) -> Result<bool, Heavy> {
        let heavy = || Heavy::Pattern {
            bytes: text.len(),
            pattern: pattern.to_owned(),
        };
        let weight = self.weight;
        let again = self.again;
        let spend = |cost: u64| weight.spend(cost.saturating_mul(again)).ok_or_else(heavy);
        spend(MATCH)?;
        if !self.automata.contains_key(pattern) {
            let made = Automaton::new(pattern);
            let size = made.as_ref().map_or(0, |made| made.size);
            spend(size.saturating_mul(MAKE))?;
            self.automata.insert(pattern.to_owned(), made);
        }
        match self.automata.get_mut(pattern) {
            Some(Some(automaton)) => automaton.matches(text, spend),
            // It is matched in another way, which costs no more than this.
            _ => {
                let states = automaton(pattern).map_or(LARGEST_PATTERN, |nfa| nfa.states().len());
                spend(wide(text.len()).saturating_mul(wide(states).saturating_mul(STATE)))?;
                Ok(true)
            }
        }
    }
}

/// The automaton of a pattern, as the validator makes it; none where it makes none.
pub(crate) fn automaton(pattern: &str) -> Option<NFA> {
    let pattern = jsonschema_regex::to_rust_regex(pattern).ok()?;
    NFA::compiler()
        .configure(NFA::config().nfa_size_limit(Some(LARGEST_PATTERN)))
        .build(&pattern)
        .ok()
}

/// A pattern whose states are worked out as texts lead to them.
struct Automaton {
    states: DFA,
    cache: Cache,
    /// Of the automaton that the states are sets of.
    size: u64,
    /// Bytes of where a state leads to, which are filled at little cost.
    row: usize,
}

impl Automaton {
    fn new(pattern: &str) -> Option<Self> {
        let nfa = automaton(pattern)?;
        let size = wide(nfa.states().len());
        let states = DFA::builder()
            .configure(
                DFA::config()
                    .cache_capacity(MOST_STATES)
                    .unicode_word_boundary(true),
            )
            .build_from_nfa(nfa)
            .ok()?;
        let cache = states.create_cache();
        let row = size_of::<LazyStateID>() << states.byte_classes().stride2();
        Some(Self {
            states,
            cache,
            size,
            row,
        })
    }

    /// Whether the pattern matches somewhere in a text. Every byte costs, and every byte of memory that a new state takes:
    /// the more of the pattern is alive in it, the longer it is.
    fn matches<E>(&mut self, text: &str, spend: impl Fn(u64) -> Result<(), E>) -> Result<bool, E> {
        let config = start::Config::new().anchored(Anchored::No);
        let Ok(mut state) = self.states.start_state(&mut self.cache, &config) else {
            return Ok(true);
        };
        for bytes in text.as_bytes().chunks(64) {
            spend(wide(bytes.len()).saturating_mul(BYTE))?;
            let mut known = self.known();
            for byte in bytes {
                match self.states.next_state(&mut self.cache, state, *byte) {
                    Ok(next) if next.is_match() => return Ok(true),
                    Ok(next) if next.is_dead() => return Ok(false),
                    Ok(next) if !next.is_quit() => state = next,
                    // Another engine takes over, such as for a word's end in another script. What it finds is not
                    // known here, so that whatever depends on a match is weighed too.
                    _ => {
                        let states = self.size.saturating_mul(STATE);
                        let bytes = wide(text.len());
                        spend(bytes.saturating_mul(states))?;
                        return Ok(true);
                    }
                }
                let now = self.known();
                if now != known {
                    // Where all were forgotten, one state was kept.
                    let new = now.saturating_sub(known).saturating_sub(self.row);
                    spend(NEW.saturating_add(wide(new).saturating_mul(NEW_BYTE)))?;
                    known = now;
                }
            }
        }
        let end = self.states.next_eoi_state(&mut self.cache, state);
        Ok(end.is_ok_and(|state| state.is_match()))
    }

    fn known(&self) -> usize {
        self.cache.memory_usage()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weight<'_> {
        /// What a walk costs, where it comes to its end, and what it cannot cost more than.
        pub(crate) fn walked(schema: &ParameterSchema, value: &Value) -> Option<(u64, u64)> {
            let weight = Self::of(u64::MAX);
            weight.walk(schema, value).ok()?;
            Some((u64::MAX - weight.left(), most(schema, value)))
        }
    }
}
