//! JSON that strangers wrote, read strictly: a key that stands twice, a number that a reader would change and a value
//! of too many parts are errors. Called for documents and for arguments; nothing else of either is parsed elsewhere.

use crate::text;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};
use std::{
    borrow::Cow,
    cell::Cell,
    fmt::{self, Write},
};

/// Why a text is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, a key that stands twice, too deep, or too many parts.
    #[error("{0}")]
    Invalid(String),
    /// A number with a fraction that a double makes a whole one of.
    #[error("the number {0} does not keep its value in 64 bits")]
    Number(String),
}

/// Reads one value. `parts` is how many values may be in it, and is counted down: a byte of JSON can cost a hundred
/// bytes of memory.
pub(crate) fn parse(bytes: &[u8], parts: &Cell<usize>) -> Result<Value, JsonError> {
    let invalid =
        |error: serde_json::Error| JsonError::Invalid(text::line(&error.to_string(), 200));
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(parts)
        .deserialize(&mut deserializer)
        .map_err(invalid)?;
    deserializer.end().map_err(invalid)?;
    Ok(value)
}

/// The first number of valid JSON that is another one after a reader of 64 bits has had it, if there is one: what is
/// checked and compared must not be taken for it. THREAT[POL-03]. One that such a reader would take for a whole number,
/// and that is none, is refused by its text. One pass, which allocates only for numbers of more than 15 digits or with
/// an exponent. THREAT[DOS-01]: a script may send a megabyte of them.
pub(crate) fn rounded(json: &str) -> Result<Option<&str>, JsonError> {
    let bytes = json.as_bytes();
    let (mut at, mut first) = (0_usize, None);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = after_string(bytes, at.saturating_add(1)),
            b'-' | b'0'..=b'9' => {
                let (end, plain) = number(bytes, at);
                let text = json.get(at..end).unwrap_or_default();
                if !plain && !is_exact(text) {
                    if is_made_whole(text) {
                        return Err(JsonError::Number(text::line(text, 60)));
                    }
                    first = first.or(Some(text));
                }
                at = end;
            }
            _ => at = at.saturating_add(1),
        }
    }
    Ok(first)
}

/// Valid JSON on one line without spaces, every text written in one way and every number with the digits that it has.
pub(crate) fn compact(json: &str) -> Result<Box<RawValue>, serde_json::Error> {
    let bytes = json.as_bytes();
    let mut compact = String::with_capacity(json.len());
    let mut at = 0_usize;
    while let Some(byte) = bytes.get(at) {
        let end = match byte {
            b'"' => after_string(bytes, at.saturating_add(1)),
            _ => at.saturating_add(1),
        };
        let part = json.get(at..end).unwrap_or_default();
        match byte {
            b'"' => {
                let text: Cow<'_, str> = serde_json::from_str(part)?;
                compact.push_str(&serde_json::to_string(&text)?);
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => compact.push_str(part),
        }
        at = end;
    }
    RawValue::from_string(compact)
}

fn after_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        at = at.saturating_add(match byte {
            b'"' => return at.saturating_add(1),
            b'\\' => 2,
            _ => 1,
        });
    }
    at
}

/// Where a number ends, and whether so few digits stand in it that it is exact at a glance: every integer of at most 18
/// digits is one of 64 bits, and every decimal of at most 15 digits is the shortest text of its double.
fn number(bytes: &[u8], start: usize) -> (usize, bool) {
    let (mut digits, mut points, mut others) = (0_usize, 0_usize, 0_usize);
    let mut end = start;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'0'..=b'9' => digits = digits.saturating_add(1),
            b'.' => points = points.saturating_add(1),
            // Before the digits it is a sign.
            b'-' if end == start => {}
            b'-' | b'+' | b'e' | b'E' => others = others.saturating_add(1),
            _ => break,
        }
        end = end.saturating_add(1);
    }
    let plain = match (points, others) {
        (0, 0) => (1..=18).contains(&digits),
        (1, 0) => (2..=15).contains(&digits),
        _ => false,
    };
    (end, plain)
}

fn is_exact(number: &str) -> bool {
    if !number.contains(['.', 'e', 'E']) {
        return number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    }
    let Ok(read) = number.parse::<f64>() else {
        return false;
    };
    if !read.is_finite() {
        return false;
    }
    let Some(wanted) = Digits::of(number) else {
        return false;
    };
    // Where two numbers of the fewest digits are as near, one writer takes the one and one the other.
    let is_written = |written: &str| Digits::of(written).as_ref() == Some(&wanted);
    let mut text = Short::default();
    // What does not fit is no text of a double.
    (write!(text, "{read:e}").is_ok() && is_written(text.as_str()))
        || serde_json::to_string(&read).is_ok_and(|written| is_written(&written))
}

/// Whether a double holds a whole number for it, although it is none.
fn is_made_whole(number: &str) -> bool {
    let whole = number.parse::<f64>().is_ok_and(|read| read.fract() == 0.0);
    whole && Digits::of(number).is_none_or(|digits| digits.power < 0)
}

/// Room for the shortest text of any double in scientific notation: a sign, 17 digits, a point and `e-324`.
#[derive(Default)]
struct Short {
    bytes: [u8; 32],
    length: usize,
}

impl Short {
    fn as_str(&self) -> &str {
        let written = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(written).unwrap_or_default()
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// What a number's text says: its sign, its significant digits, and the power of ten of the last of them.
#[derive(Debug)]
struct Digits<'n> {
    negative: bool,
    /// Before the point and behind it. Zeros at either end say nothing.
    whole: &'n str,
    fraction: &'n str,
    power: i64,
}

impl<'n> Digits<'n> {
    fn of(number: &'n str) -> Option<Self> {
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number),
        };
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('0');
        let kept = fraction.trim_end_matches('0');
        let (whole_kept, zeros) = match kept {
            "" => {
                let kept = whole.trim_end_matches('0');
                (kept, whole.len().saturating_sub(kept.len()))
            }
            _ => (whole, 0),
        };
        let kept = match whole_kept {
            // The power counts from the last digit, so zeros behind the point may go.
            "" => (kept.trim_start_matches('0'), kept.len()),
            _ => (kept, kept.len()),
        };
        if whole_kept.is_empty() && kept.0.is_empty() {
            return Some(Self {
                negative,
                whole: "",
                fraction: "",
                power: 0,
            });
        }
        let power = exponent
            .parse::<i64>()
            .ok()?
            .checked_sub(i64::try_from(kept.1).ok()?)?
            .checked_add(i64::try_from(zeros).ok()?)?;
        Some(Self {
            negative,
            whole: whole_kept,
            fraction: kept.0,
            power,
        })
    }

    fn bytes(&self) -> impl Iterator<Item = u8> {
        self.whole.bytes().chain(self.fraction.bytes())
    }
}

impl PartialEq for Digits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.negative == other.negative
            && self.power == other.power
            && self.bytes().eq(other.bytes())
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
                    "the key `{}` occurs twice",
                    text::line(&key, 60)
                )));
            }
            let value = entries.next_value_seed(Strict(self.0))?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// How deep valid JSON nests.
#[must_use]
pub fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_wrap,
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
                reason.starts_with("the key `a` occurs twice at line 1"),
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
    fn pol_03_numbers_that_would_change_are_found_and_others_are_not() {
        for kept in [
            "0",
            "-0",
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
            assert_eq!(rounded(kept), Ok(None), "{kept}");
        }
        for (json, number) in [
            ("18446744073709551616", "18446744073709551616"),
            ("[1, -9223372036854775809]", "-9223372036854775809"),
            (r#"{"a\"":0.1000000000000000055}"#, "0.1000000000000000055"),
            ("9007199254740993.0", "9007199254740993.0"),
        ] {
            assert_eq!(rounded(json), Ok(Some(number)), "{json}");
        }
        for number in ["1e-400", "9007199254740992.5", "5.00000000000000000001"] {
            assert_eq!(
                rounded(number),
                Err(JsonError::Number(number.to_owned())),
                "{number}"
            );
        }
    }

    #[test]
    fn what_is_sent_has_the_digits_that_it_was_written_with_and_no_spaces() {
        let written = "{ \"a\\u0062\" :\n[50.10, 1E5,\t-0, 0.1000000000000000055511151231257827],\"c d\":\"\\/ é\"}";
        assert_eq!(
            compact(written).unwrap().get(),
            r#"{"ab":[50.10,1E5,-0,0.1000000000000000055511151231257827],"c d":"/ é"}"#
        );
    }

    #[test]
    fn pol_03_a_double_between_two_shortest_texts_is_taken_by_either() {
        for number in ["1235431846462049.2", "1235431846462049.3"] {
            assert_eq!(rounded(number), Ok(None));
        }
        let other = "1235431846462049.22";
        assert_eq!(rounded(other), Ok(Some(other)));
    }

    /// The rule in its plainest words, with two texts made of every number: what the quick way is compared with.
    fn slowly(number: &str) -> bool {
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
            let power = exponent.parse::<i64>().ok()? - fraction.len() as i64
                + (all.len() - kept.len()) as i64;
            Some((negative, significant.to_owned(), power))
        }
        if !number.contains(['.', 'e', 'E']) {
            return number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
        }
        let read: f64 = number.parse().unwrap();
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

    /// JSON of some depth, and that depth.
    fn nested() -> impl Strategy<Value = (String, usize)> {
        let leaf = prop_oneof![
            Just("1".to_owned()),
            Just(r#""[{\\\"[""#.to_owned()),
            Just("null".to_owned())
        ];
        leaf.prop_map(|text| (text, 0))
            .prop_recursive(80, 200, 3, |inner| {
                prop_oneof![
                    inner
                        .clone()
                        .prop_map(|(text, depth)| (format!("[{text}]"), depth + 1)),
                    (inner.clone(), inner).prop_map(|((a, i), (b, j))| (
                        format!(r#"{{"a":{a},"b":{b}}}"#),
                        i.max(j) + 1
                    )),
                ]
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn pol_03_every_number_of_json_is_judged_as_by_two_texts_of_it(
            number in "-?(0|[1-9][0-9]{0,5}|[1-9][0-9]{10,20})(\\.[0-9]{1,4}|\\.0{0,6}[0-9]{12,19}|\\.0+)?([eE][+-]?[0-9]{1,3})?",
        ) {
            let number = number.as_str();
            prop_assert_eq!(rounded(number) == Ok(None), slowly(number), "{}", number);
            let inside = format!("[{number},\"{number}\"]");
            prop_assert_eq!(rounded(&inside) == Ok(None), slowly(number), "{}", number);
        }
    }

    proptest! {
        #[test]
        fn pol_03_every_double_that_is_written_shortest_is_taken(number in any::<f64>()) {
            prop_assume!(number.is_finite());
            let text = serde_json::to_string(&number).unwrap();
            prop_assert_eq!(rounded(&text), Ok(None));
            prop_assert_eq!(read(&text).unwrap().as_f64().map(f64::to_bits), Some(number.to_bits()));
        }

        /// What is decided on and what is sent are one value, written in one way but for its numbers.
        #[test]
        fn pol_03_what_is_sent_is_what_was_read((json, _) in nested()) {
            let value: Value = serde_json::from_str(&json).unwrap();
            let sent = compact(&json).unwrap();
            prop_assert_eq!(sent.get(), value.to_string());
        }

        #[test]
        fn svc_01_any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = parse(&bytes, &Cell::new(1000)) {
                prop_assert_eq!(Some(value), serde_json::from_slice(&bytes).ok());
            }
        }

        #[test]
        fn dos_08_the_depth_that_is_counted_is_the_depth_that_is_there((json, expected) in nested()) {
            prop_assert_eq!(depth(&json), expected);
        }
    }
}
