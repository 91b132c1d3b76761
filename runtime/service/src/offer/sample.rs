//! A value that a schema takes, as small as it can be: for cases that somebody goes on from, and for the answers of a service
//! that is not there. It is made and not checked: where a schema says more than this understands, the value may not fit.

use serde_json::{Map, Number, Value, json};

/// Schemas nest no deeper than documents do that are read.
const DEEPEST: usize = 16;

/// What a schema says first: its constant, its example, its default, the first of its values; or the least of its type.
#[must_use]
pub fn sample(schema: &Value) -> Value {
    of(schema, 0)
}

fn of(schema: &Value, depth: usize) -> Value {
    let Some(keys) = schema.as_object().filter(|_| depth < DEEPEST) else {
        return Value::Null;
    };
    let below = depth.saturating_add(1);
    let said = ["const", "default"]
        .into_iter()
        .find_map(|key| keys.get(key));
    let listed = ["enum", "examples"]
        .into_iter()
        .find_map(|key| keys.get(key)?.as_array()?.first());
    if let Some(value) = said.or(listed) {
        return value.clone();
    }
    for choices in ["oneOf", "anyOf"] {
        if let Some(choices) = keys.get(choices).and_then(Value::as_array) {
            let mut values = choices.iter().map(|choice| of(choice, below));
            return values.find(|value| !value.is_null()).unwrap_or_default();
        }
    }
    if let Some([first, ..]) = keys
        .get("allOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        && !keys.contains_key("type")
    {
        return of(first, below);
    }
    let named = match keys.get("type") {
        Some(Value::Array(types)) => types
            .iter()
            .find_map(|one| one.as_str().filter(|one| *one != "null")),
        one => one.and_then(Value::as_str),
    };
    match named {
        Some("boolean") => json!(false),
        Some("integer") => json!(bound(keys).and_then(Number::as_i64).unwrap_or(1)),
        Some("number") => {
            bound(keys).map_or_else(|| json!(1), |bound| Value::Number(bound.clone()))
        }
        Some("string") => text(keys),
        Some("array") => {
            let least = keys
                .get("minItems")
                .and_then(Value::as_u64)
                .unwrap_or(0)
                .min(8);
            let item = keys.get("items").map(|items| of(items, below));
            (0..least)
                .map(|_| item.clone().unwrap_or_default())
                .collect()
        }
        Some("object") | None if keys.contains_key("properties") => object(keys, below),
        Some("object") => json!({}),
        _ => Value::Null,
    }
}

fn bound(keys: &Map<String, Value>) -> Option<&Number> {
    ["minimum", "maximum"]
        .into_iter()
        .find_map(|key| keys.get(key)?.as_number())
}

fn text(keys: &Map<String, Value>) -> Value {
    let word = match keys.get("format").and_then(Value::as_str) {
        Some("date-time") => "2026-01-02T10:00:00Z",
        Some("date") => "2026-01-02",
        Some("email") => "ada@example.org",
        Some("uri") => "https://example.org/",
        _ => "text",
    };
    let length = |key: &str| {
        let length = keys.get(key).and_then(Value::as_u64);
        length.and_then(|length| usize::try_from(length).ok())
    };
    let (least, most) = (
        length("minLength").unwrap_or(0).min(1000),
        length("maxLength"),
    );
    let cut = word.chars().take(most.unwrap_or(usize::MAX));
    let filled = cut.chain(std::iter::repeat_n('x', least.saturating_sub(word.len())));
    Value::String(filled.collect())
}

/// What is required, and of a result all that is declared is as likely: without it a script finds nothing in it.
fn object(keys: &Map<String, Value>, depth: usize) -> Value {
    let properties = keys.get("properties").and_then(Value::as_object);
    let all = properties.into_iter().flatten();
    Value::Object(
        all.map(|(name, schema)| (name.clone(), of(schema, depth)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_the_first_that_a_schema_says_or_the_least_of_its_type() {
        for (schema, expected) in [
            (json!({"const": 7}), json!(7)),
            (
                json!({"type": "string", "default": "a", "enum": ["b"]}),
                json!("a"),
            ),
            (json!({"type": "string", "enum": ["b", "c"]}), json!("b")),
            (json!({"type": "integer"}), json!(1)),
            (json!({"type": "integer", "minimum": 5}), json!(5)),
            (json!({"type": "number", "maximum": 0.5}), json!(0.5)),
            (
                json!({"type": "string", "format": "date"}),
                json!("2026-01-02"),
            ),
            (
                json!({"type": "string", "minLength": 6, "maxLength": 9}),
                json!("textxx"),
            ),
            (json!({"type": "string", "maxLength": 2}), json!("te")),
            (json!({"type": ["null", "boolean"]}), json!(false)),
            (
                json!({"anyOf": [{"type": "null"}, {"type": "integer"}]}),
                json!(1),
            ),
            (json!({"allOf": [{"type": "boolean"}]}), json!(false)),
            (
                json!({"type": "array", "items": {"type": "integer"}}),
                json!([]),
            ),
            (
                json!({"type": "array", "minItems": 2, "items": {"type": "integer"}}),
                json!([1, 1]),
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"properties": {}}}}),
                json!({"a": 1, "b": {}}),
            ),
            (json!({"type": "object"}), json!({})),
            (json!({}), Value::Null),
            (json!(true), Value::Null),
        ] {
            assert_eq!(sample(&schema), expected, "{schema}");
        }
    }
}
