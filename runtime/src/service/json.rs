//! JSON that strangers wrote, read strictly: a key that stands twice, a number that a reader would change and a value
//! of too many parts are errors. Called for documents and for arguments; nothing else of either is parsed elsewhere.

use super::text;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::{cell::Cell, fmt};

/// Why a text is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, a key that stands twice, too deep, or too many parts.
    #[error("{0}")]
    Invalid(String),
    /// A number that would be another one after it was read.
    #[error("the number {0} does not keep its value in 64 bits")]
    Number(String),
}

/// Reads one value. `parts` is how many values may be in it, and is counted down: a byte of JSON can cost a hundred
/// bytes of memory.
pub(super) fn parse(bytes: &[u8], parts: &Cell<usize>) -> Result<Value, JsonError> {
    let invalid =
        |error: serde_json::Error| JsonError::Invalid(text::line(&error.to_string(), 200));
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(parts)
        .deserialize(&mut deserializer)
        .map_err(invalid)?;
    deserializer.end().map_err(invalid)?;
    Ok(value)
}

/// THREAT[POL-03]: every number of valid JSON is what it will be after one more reader, or it is refused by its text.
pub(super) fn check_numbers(json: &str) -> Result<(), JsonError> {
    let mut rest = json;
    while let Some(start) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let (_, from) = rest.split_at(start);
        if let Some(inside) = from.strip_prefix('"') {
            rest = after_string(inside);
            continue;
        }
        let end = from
            .find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'))
            .unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        if !is_exact(number) {
            return Err(JsonError::Number(text::line(number, 60)));
        }
        rest = after;
    }
    Ok(())
}

fn after_string(mut inside: &str) -> &str {
    while let Some(at) = inside.find(['"', '\\']) {
        let (_, from) = inside.split_at(at);
        let mut characters = from.chars();
        if characters.next() == Some('"') {
            return characters.as_str();
        }
        characters.next();
        inside = characters.as_str();
    }
    ""
}

fn is_exact(number: &str) -> bool {
    if !number.contains(['.', 'e', 'E']) {
        return number != "-0" && (number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok());
    }
    let Ok(read) = number.parse::<f64>() else {
        return false;
    };
    // Where two numbers of the fewest digits are as near, one writer takes the one and one the other.
    let written = [
        format!("{read:e}"),
        serde_json::to_string(&read).unwrap_or_default(),
    ];
    read.is_finite()
        && digits(number).is_some_and(|wanted| {
            written
                .iter()
                .any(|written| digits(written).as_ref() == Some(&wanted))
        })
}

/// Sign, significant digits, and the power of ten of the last of them.
fn digits(number: &str) -> Option<(bool, String, i64)> {
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let kept = all.trim_end_matches('0');
    let significant = kept.trim_start_matches('0');
    if significant.is_empty() {
        return Some((negative, String::new(), 0));
    }
    let power = exponent
        .parse::<i64>()
        .ok()?
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(i64::try_from(all.len().saturating_sub(kept.len())).ok()?)?;
    Some((negative, significant.to_owned(), power))
}

/// How many values a value holds, itself included.
pub(super) fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => items
            .iter()
            .fold(1, |sum, item| count(item).saturating_add(sum)),
        Value::Object(map) => map
            .values()
            .fold(1, |sum, item| count(item).saturating_add(sum)),
        _ => 1,
    }
}

struct Strict<'b>(&'b Cell<usize>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.0.get().checked_sub(1) {
            Some(left) => self.0.set(left),
            None => return Err(Error::custom("it has too many parts")),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Strict(self.0))? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                // THREAT[POL-03]: one reader takes the first, another the last.
                return Err(Error::custom(format_args!(
                    "the key `{}` stands twice",
                    text::line(&key, 60)
                )));
            }
            let value = entries.next_value_seed(Strict(self.0))?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Value, JsonError> {
        parse(text.as_bytes(), &Cell::new(1000))
    }

    #[test]
    fn pol_03_a_key_that_stands_twice_is_refused_however_it_is_spelt() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"a":1,"b":{},"\u0061":2}]"#] {
            let Err(JsonError::Invalid(reason)) = read(text) else {
                panic!("{text} was read");
            };
            assert!(
                reason.starts_with("the key `a` stands twice at line 1"),
                "{reason}"
            );
        }
        assert_eq!(
            read(r#"{"a":1,"A":2}"#),
            Ok(serde_json::json!({"a": 1, "A": 2}))
        );
    }

    #[test]
    fn svc_01_what_is_not_strict_json_is_refused() {
        for text in [
            "",
            "{",
            "NaN",
            "[1,]",
            "1 2",
            "\u{feff}1",
            "1e400",
            r#""\ud800""#,
            "'a'",
            "{1:2}",
            "[Infinity]",
            "01",
        ] {
            assert!(matches!(read(text), Err(JsonError::Invalid(_))), "{text}");
        }
        assert!(parse(b"\"\xff\"", &Cell::new(9)).is_err());
        assert!(read(&format!("{}{}", "[".repeat(200), "]".repeat(200))).is_err());
        assert!(read(&format!("{}{}", "[".repeat(100), "]".repeat(100))).is_ok());
    }

    #[test]
    fn svc_01_a_value_of_too_many_parts_is_refused() {
        let text = |n: usize| format!("[{}0]", "0,".repeat(n));
        assert!(read(&text(998)).is_ok());
        assert!(read(&text(999)).is_err());
    }

    #[test]
    fn pol_03_numbers_that_would_change_are_refused_and_others_are_not() {
        for kept in [
            "0",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "1.0",
            "0.1",
            "-0.0",
            "1e2",
            "100.50",
            "1.5E-7",
            "0.30000000000000004",
            "5e-324",
            "1.7976931348623157e308",
            r#""1e999 18446744073709551616""#,
            r#"{"\"-0":"\\","b":[1,2.5]}"#,
        ] {
            assert_eq!(check_numbers(kept), Ok(()), "{kept}");
        }
        for (json, number) in [
            ("18446744073709551616", "18446744073709551616"),
            ("[1, -9223372036854775809]", "-9223372036854775809"),
            ("-0", "-0"),
            (r#"{"a\"":0.1000000000000000055}"#, "0.1000000000000000055"),
            ("1e-400", "1e-400"),
            ("9007199254740993.0", "9007199254740993.0"),
        ] {
            assert_eq!(
                check_numbers(json),
                Err(JsonError::Number(number.to_owned())),
                "{json}"
            );
        }
    }

    #[test]
    fn pol_03_a_double_between_two_shortest_texts_is_taken_by_either() {
        for number in ["1235431846462049.2", "1235431846462049.3"] {
            assert_eq!(check_numbers(number), Ok(()));
        }
        assert_eq!(
            check_numbers("1235431846462049.22"),
            Err(JsonError::Number("1235431846462049.22".to_owned()))
        );
    }

    proptest! {
        #[test]
        fn pol_03_every_double_that_is_written_shortest_is_taken(number in any::<f64>()) {
            prop_assume!(number.is_finite());
            let text = serde_json::to_string(&number).unwrap();
            prop_assert_eq!(check_numbers(&text), Ok(()));
            prop_assert_eq!(read(&text).unwrap().as_f64().map(f64::to_bits), Some(number.to_bits()));
        }

        #[test]
        fn svc_01_any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = parse(&bytes, &Cell::new(1000)) {
                prop_assert_eq!(Some(value), serde_json::from_slice(&bytes).ok());
            }
        }
    }
}
