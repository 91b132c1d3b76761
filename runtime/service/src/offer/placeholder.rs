//! What a call that is planned, and not made, is answered with: the shape of its result, with texts and numbers that no other
//! call is answered with, so that they are known again where the script sends them. It must never make a value that
//! another call's could be taken for.
//!
//! A text is `‹crm.deal.add#3.id›`: the method, the number of the call and the place in its result. An integer is one of a range
//! that no service uses, within what every reader of JSON holds exactly. Where a schema demands another form, as of a date
//! or a number of at most 100, the value is a sample that cannot be known again.

use crate::offer::{Method, sample};
use serde_json::{Map, Value, json};

/// Integers from here are placeholders: 2^53 is 9_007_199_254_740_992.
const FIRST_NUMBER: u64 = 9_007_000_000_000_000;
/// Integers of one call.
const NUMBERS_OF_A_CALL: u64 = 1_000;
/// Calls that have numbers of their own. Those behind are answered with samples.
const MOST_CALLS: u64 = 199_000;
/// Schemas nest no deeper than documents do that are read.
const DEEPEST: usize = 16;
/// Bytes of a text. Names of methods and fields are shorter; what looks for placeholders looks no further for their end.
pub(crate) const LONGEST: usize = 1_000;
/// What a text begins and ends with.
pub(crate) const OPENING: char = '‹';
pub(crate) const CLOSING: char = '›';

/// Whether an integer is one that stands for another.
pub(crate) fn is_number(number: u64) -> bool {
    let behind = NUMBERS_OF_A_CALL.saturating_mul(MOST_CALLS.saturating_add(1));
    (FIRST_NUMBER..FIRST_NUMBER.saturating_add(behind)).contains(&number)
}

impl Method {
    /// What a planned call of it is answered with. Each call of a plan has another number, from 1.
    #[must_use]
    pub fn placeholder(&self, call: u32) -> Value {
        let name = format!("{}.{}", self.service, self.method);
        match self.result_schema() {
            Some(schema) => placeholder(&schema, &name, call),
            None => Value::Null,
        }
    }
}

/// The shape of what a schema describes, for one call of a method.
#[must_use]
pub fn placeholder(schema: &Value, method: &str, call: u32) -> Value {
    let mut shape = Shape {
        name: format!("{method}#{call}"),
        first: FIRST_NUMBER.saturating_add(u64::from(call).saturating_mul(NUMBERS_OF_A_CALL)),
        numbers: 0,
        has_numbers: u64::from(call) <= MOST_CALLS,
    };
    shape.of(schema, "", 0)
}

struct Shape {
    name: String,
    first: u64,
    numbers: u64,
    has_numbers: bool,
}

impl Shape {
    fn of(&mut self, schema: &Value, path: &str, depth: usize) -> Value {
        let Some(keys) = schema.as_object().filter(|_| depth < DEEPEST) else {
            return sample(schema);
        };
        let below = depth.saturating_add(1);
        if keys.contains_key("const") || keys.contains_key("enum") {
            return sample(schema);
        }
        for choices in ["oneOf", "anyOf"] {
            if let Some(choices) = keys.get(choices).and_then(Value::as_array) {
                let mut values = choices.iter().map(|choice| self.of(choice, path, below));
                return values.find(|value| !value.is_null()).unwrap_or_default();
            }
        }
        if let Some(parts) = keys.get("allOf").and_then(Value::as_array)
            && !keys.contains_key("type")
        {
            return self.all_of(parts, path, below);
        }
        let kind = match keys.get("type") {
            Some(Value::Array(types)) => {
                let mut words = types.iter().filter_map(Value::as_str);
                words.find(|word| *word != "null")
            }
            one => one.and_then(Value::as_str),
        };
        match kind {
            Some("integer" | "number") => self.number(keys).unwrap_or_else(|| sample(schema)),
            Some("string") => self.text(keys, path).unwrap_or_else(|| sample(schema)),
            Some("array") => {
                let least = keys.get("minItems").and_then(Value::as_u64);
                let items = keys.get("items").unwrap_or(&Value::Null);
                (0..least.unwrap_or(0).min(8))
                    .map(|at| self.of(items, &format!("{path}.{at}"), below))
                    .collect()
            }
            Some("object") | None if keys.contains_key("properties") => {
                Value::Object(self.members(keys, path, below))
            }
            _ => sample(schema),
        }
    }

    /// Records are joined; of other parts the first is taken.
    fn all_of(&mut self, parts: &[Value], path: &str, depth: usize) -> Value {
        let mut joined = Map::new();
        for part in parts {
            match self.of(part, path, depth) {
                Value::Object(members) => joined.extend(members),
                other if joined.is_empty() => return other,
                _ => {}
            }
        }
        joined.into()
    }

    fn members(
        &mut self,
        keys: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) -> Map<String, Value> {
        let properties = keys.get("properties").and_then(Value::as_object);
        let mut made = Map::new();
        for (name, schema) in properties.into_iter().flatten() {
            let value = self.of(schema, &format!("{path}.{}", plain(name)), depth);
            made.insert(name.clone(), value);
        }
        made
    }

    /// The next number, where the schema takes it.
    fn number(&mut self, keys: &Map<String, Value>) -> Option<Value> {
        let bounded = ["maximum", "exclusiveMaximum", "multipleOf"];
        if bounded.iter().any(|key| keys.contains_key(*key))
            || !self.has_numbers
            || self.numbers >= NUMBERS_OF_A_CALL
        {
            return None;
        }
        let number = self.first.saturating_add(self.numbers);
        self.numbers = self.numbers.saturating_add(1);
        Some(json!(number))
    }

    /// The text for a place, where the schema takes any.
    fn text(&self, keys: &Map<String, Value>, path: &str) -> Option<Value> {
        let text = format!("{OPENING}{}{path}{CLOSING}", self.name);
        let bound = |key: &str| keys.get(key).and_then(Value::as_u64);
        let length = u64::try_from(text.chars().count()).ok()?;
        let fits = bound("minLength").is_none_or(|least| least <= length)
            && bound("maxLength").is_none_or(|most| length <= most);
        let formed = keys.contains_key("format") || keys.contains_key("pattern");
        (fits && !formed && text.len() <= LONGEST).then(|| text.into())
    }
}

/// A name without what ends a placeholder, and so that no two places are written alike.
fn plain(name: &str) -> String {
    name.replace('%', "%25")
        .replace('.', "%2E")
        .replace(OPENING, "%3C")
        .replace(CLOSING, "%3E")
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_text_and_integer_of_a_result_is_unlike_any_other() {
        let deal = json!({"type": "object", "properties": {
            "id": {"type": "integer", "minimum": 1},
            "title": {"type": "string", "minLength": 1, "maxLength": 200},
            "amount": {"type": "number", "minimum": 0},
            "stage": {"type": "string", "enum": ["open", "won"]},
            "open": {"type": "boolean"},
            "owner": {"oneOf": [{"type": "null"}, {"properties": {"name": {"type": ["null", "string"]}}}]},
            "tags": {"type": "array", "minItems": 2, "items": {"type": "string"}},
            "notes": {"type": "array", "items": {"type": "string"}},
        }});
        assert_eq!(
            placeholder(&deal, "crm.deal.add", 3),
            json!({
                "id": 9_007_000_000_003_000_u64,
                "title": "‹crm.deal.add#3.title›",
                "amount": 9_007_000_000_003_001_u64,
                "stage": "open",
                "open": false,
                "owner": {"name": "‹crm.deal.add#3.owner.name›"},
                "tags": ["‹crm.deal.add#3.tags.0›", "‹crm.deal.add#3.tags.1›"],
                "notes": [],
            })
        );
        let odd = json!({"properties": {"a.b": {"type": "string"}, "a": {"properties": {"b": {"type": "string"}}}, "‹%›": {"type": "string"}}});
        assert_eq!(
            placeholder(&odd, "m", 1),
            json!({"a.b": "‹m#1.a%2Eb›", "a": {"b": "‹m#1.a.b›"}, "‹%›": "‹m#1.%3C%25%3E›"})
        );
        let both = json!({"allOf": [deal, {"properties": {"more": {"type": "string"}}}]});
        let made = placeholder(&both, "crm.deal.add", 4);
        assert_eq!(made["more"], json!("‹crm.deal.add#4.more›"));
        assert_eq!(made["id"], json!(9_007_000_000_004_000_u64));
    }

    #[test]
    fn where_a_schema_demands_another_form_the_value_is_a_sample() {
        for (schema, expected) in [
            (json!({"type": "integer", "maximum": 100}), json!(100)),
            (json!({"type": "number", "multipleOf": 0.5}), json!(1)),
            (
                json!({"type": "string", "format": "date"}),
                json!("2026-01-02"),
            ),
            (json!({"type": "string", "maxLength": 4}), json!("text")),
            (json!({"type": "string", "pattern": "^x"}), json!("text")),
            (
                json!({"properties": {"x".repeat(1_000): {"type": "string"}}}),
                json!({"x".repeat(1_000): "text"}),
            ),
            (json!({"const": 7}), json!(7)),
            (json!({"type": "boolean"}), json!(false)),
            (json!({"type": "object"}), json!({})),
            (json!({}), Value::Null),
            (json!(true), Value::Null),
        ] {
            assert_eq!(placeholder(&schema, "m", 1), expected, "{schema}");
        }
        assert_eq!(
            placeholder(&json!({"type": "string"}), "m", 1),
            json!("‹m#1›")
        );
    }

    #[test]
    fn numbers_of_calls_never_meet_and_are_held_exactly_by_every_reader() {
        let many = json!({"type": "array", "minItems": 8, "items": {"type": "integer"}});
        let nested = json!({"type": "array", "minItems": 8, "items": {"type": "array", "minItems": 8, "items": {"type": "array", "minItems": 8, "items": {
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}},
        }}}});
        let mut seen = BTreeSet::new();
        for (call, schema) in [(1, &nested), (2, &many), (199_000, &many)] {
            let mut left = vec![placeholder(schema, "m", call)];
            let mut found = 0;
            while let Some(value) = left.pop() {
                match value {
                    Value::Array(items) => left.extend(items),
                    Value::Object(members) => {
                        left.extend(members.into_iter().map(|(_, value)| value))
                    }
                    // Behind the thousandth there are samples.
                    value if value == json!(1) => {}
                    value => {
                        let number = value.as_u64().unwrap();
                        assert!(is_number(number) && number < 1 << 53, "{number}");
                        assert!(seen.insert(number));
                        found += 1;
                    }
                }
            }
            assert_eq!(found, if call == 1 { 1_000 } else { 8 });
        }
        // Others have none, since there would be no more that are held exactly.
        assert_eq!(
            placeholder(&json!({"type": "integer"}), "m", 199_001),
            json!(1)
        );
        assert!(!is_number(FIRST_NUMBER - 1) && !is_number(42));
    }
}
