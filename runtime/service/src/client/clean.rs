//! What is left of a service's error before a script, a journal or a person sees it. Called by `message` for every
//! error that a service answers with. It must never be applied to results: those are the service's data, and theirs.
//!
//! THREAT[SEC-02]: services put into their errors what they were called with. So an error is cut to a size, loses what
//! a terminal would obey or nobody could see, and loses what looks like a credential: whatever follows the name of a
//! header or field that holds one, tokens of well-known schemes, passwords in URLs, and who the caller is. Whoever wants
//! to hide a credential from this can; it is against carelessness.

use crate::text::line;
use regex::{Captures, Regex};
use serde_json::{Map, Value, value::RawValue};
use std::{borrow::Cow, sync::LazyLock};

/// A screenful.
const LONGEST_TEXT: usize = 2048;
/// An explanation, and not a result by another way.
const LONGEST_DATA: usize = 16 << 10;
const REMOVED: &str = "[removed]";

/// Headers whose value nobody else may see, to the end of the line.
const HEADERS: &str = r"(?:proxy-)?authorization|(?:set-)?cookie|x-hero-[a-z]+";
/// Fields of the same kind, which are followed by others on their line.
const FIELDS: &str = r"(?:x-)?(?:api|auth|access|refresh|session|secret|private)[-_]?(?:key|token|id)|bearer|token|secret|client[-_]secret|password|passwd|pwd|credentials?";

/// A name, what separates, and a value: up to the quote where it is quoted, else as far as such a value goes.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let separator = r#"["'\\]*\s*(?::|=>?)\s*"#;
    let quoted = r#"(b?["'\\]+)[^"'\\]*"#;
    pattern(&format!(
        r#"(?i)\b(?:({HEADERS})({separator})(?:{quoted}|[^\r\n"'\\]+)|({FIELDS})({separator})(?:{quoted}|[^\s"'\\,;&)}}\]]+))"#
    ))
});
static WHOLE_NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(&format!("(?i)^(?:{HEADERS}|{FIELDS})$")));
/// Tokens that say themselves what they are, and `user:password@` in a URL.
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)\b((?:bearer|basic)\s+)[a-z0-9._~+/=-]{6,}|(://)[^\s/@]+@|\b(?-i:eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*|(?:sk|pk|ghp|gho|xox[a-z])[-_][A-Za-z0-9_-]{16,})",
    )
});

/// The patterns are constant and compile; should one not, everything is removed instead of nothing.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// Cleans the errors of one call.
#[derive(Debug)]
pub(crate) struct Cleaner<'a> {
    /// What this call's service was told of the caller.
    private: &'a [String],
}

impl<'a> Cleaner<'a> {
    pub(crate) fn new(private: &'a [String]) -> Self {
        Self { private }
    }

    /// A text of a service, on one line.
    pub(crate) fn text(&self, text: &str) -> String {
        // One more than is kept, so that it shows that there was more.
        let mut clean: String = text.chars().take(LONGEST_TEXT + 1).collect();
        for private in self.private {
            // Shorter ones are words of everyday texts.
            if private.len() > 3 {
                clean = clean.replace(private.as_str(), REMOVED);
            }
        }
        let clean = remove(&NAMED, &clean);
        line(&remove(&TOKEN, &clean), LONGEST_TEXT)
    }

    /// The `data` of an error: every text in it cleaned, values of telling names removed. Numbers beyond what 64 bits
    /// hold lose digits here; in results they do not.
    pub(crate) fn data(&self, data: &RawValue) -> Option<Box<RawValue>> {
        if data.get().len() > LONGEST_DATA {
            let left_out = format!("{} bytes, left out", data.get().len());
            return serde_json::value::to_raw_value(&left_out).ok();
        }
        let value = serde_json::from_str(data.get()).ok()?;
        serde_json::value::to_raw_value(&self.value(value)).ok()
    }

    /// Goes as deep as a reply may nest.
    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| self.member(&name, value))
                    .collect::<Map<_, _>>(),
            ),
            plain => plain,
        }
    }

    fn member(&self, name: &str, value: Value) -> (String, Value) {
        let telling = WHOLE_NAME.as_ref().is_none_or(|names| names.is_match(name));
        let value = if telling {
            Value::String(REMOVED.to_owned())
        } else {
            self.value(value)
        };
        (self.text(name), value)
    }
}

/// Puts [`REMOVED`] in the place of what a pattern finds, except for its groups: those are what stays.
fn remove<'t>(pattern: &Option<Regex>, text: &'t str) -> Cow<'t, str> {
    match pattern {
        Some(pattern) => pattern.replace_all(text, |found: &Captures<'_>| {
            let stays = found.iter().skip(1).flatten().map(|group| group.as_str());
            stays.chain([REMOVED]).collect::<String>()
        }),
        None => REMOVED.into(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        let private = [
            "ann@example.org".to_owned(),
            "proxy.users.read,b".to_owned(),
        ];
        Cleaner::new(&private).text(text)
    }

    #[test]
    fn sec_02_what_looks_like_a_credential_is_removed() {
        for (said, left) in [
            ("Authorization: Bearer abc.def", "Authorization: [removed]"),
            (
                "headers: {'authorization': 'Basic YTpi', 'accept': 'x'}",
                "headers: {'authorization': '[removed]', 'accept': 'x'}",
            ),
            (
                r#"{"Authorization":"Bearer a b c","x":1}"#,
                r#"{"Authorization":"[removed]","x":1}"#,
            ),
            (r#"{\"token\":\"abc\"}"#, r#"{\"token\":\"[removed]\"}"#),
            (
                "Cookie: a=1; b=2\r\nAccept: x",
                "Cookie: [removed] Accept: x",
            ),
            ("X-Hero-Claims: a,b", "X-Hero-Claims: [removed]"),
            (
                "X-Hero-Context: 7\nX-Hero-User: bob",
                "X-Hero-Context: [removed] X-Hero-User: [removed]",
            ),
            (
                "x-api-key=123; session_id=9 rest",
                "x-api-key=[removed]; session_id=[removed] rest",
            ),
            ("password = hunter2, retry", "password = [removed], retry"),
            ("got bearer AbC123456789", "got bearer [removed]"),
            ("https://ann:secret@host/path", "https://[removed]host/path"),
            ("jwt eyJhbGciOiJIUzI1.eyJzdWIiOiIx.SflKxw", "jwt [removed]"),
            ("key sk-abcdefghijklmnop1234", "key [removed]"),
            (
                "called by ann@example.org with proxy.users.read,b",
                "called by [removed] with [removed]",
            ),
        ] {
            assert_eq!(clean(said), left);
        }
    }

    #[test]
    fn sec_02_what_helps_stays() {
        for text in [
            "contact 99 does not exist",
            "parameter `token_count` must be an integer: 3.5",
            "the secretary is out",
            "authorization is missing",
            "größer als 5 €",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn sec_02_nothing_stays_that_a_terminal_obeys_or_nobody_sees() {
        assert_eq!(
            clean("a\u{1b}[2Jb\r\nc\u{202e}d\u{200b}e\u{7}\u{9b}f\u{feff}g\u{e0041}"),
            "a [2Jb cde fg"
        );
    }

    #[test]
    fn sec_02_an_error_has_a_size() {
        assert_eq!(clean(&"ü".repeat(3000)), format!("{}…", "ü".repeat(2047)));
        let data = RawValue::from_string(format!("\"{}\"", "x".repeat(20_000))).unwrap();
        assert_eq!(
            Cleaner::new(&[]).data(&data).unwrap().get(),
            "\"20002 bytes, left out\""
        );
    }

    #[test]
    fn sec_02_data_is_cleaned_text_by_text() {
        let data = RawValue::from_string(
            r#"{"Authorization": ["a"], "n": 1.5, "list": ["X-Hero-User: bob", null], "a\u001bb": "\u0007"}"#.to_owned(),
        )
        .unwrap();
        assert_eq!(
            Cleaner::new(&[]).data(&data).unwrap().get(),
            r#"{"Authorization":"[removed]","n":1.5,"list":["X-Hero-User: [removed]",null],"a b":""}"#
        );
    }
}
