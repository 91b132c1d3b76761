//! The values that were hidden in the calls of one run, so that they are hidden as well where a service, a script or a refusal
//! repeats them. Kept for as long as a run is shown, by whoever shows it. It must never be written anywhere.

use crate::credential::{REDACTED, without_credentials};
use serde_json::Value;
use std::{borrow::Cow, cmp::Reverse, collections::BTreeSet, fmt};

/// A value of fewer characters is a word of many texts: a text without it would say less than it hides.
const SHORTEST: usize = 4;

/// Values that are hidden wherever they stand.
#[derive(Default, Clone)]
pub struct Secrets {
    /// The longest first, of which a shorter one may be a part.
    texts: BTreeSet<(Reverse<usize>, String)>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.texts.len())
    }
}

impl Secrets {
    /// Of a run of which nothing was hidden.
    pub const NONE: Self = Self {
        texts: BTreeSet::new(),
    };

    /// A value was hidden: every text and number in it.
    pub fn learn(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.learn_text(text),
            Value::Number(number) => self.learn_text(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(members) => members.values().for_each(|value| self.learn(value)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn learn_text(&mut self, text: &str) {
        let written = Value::from(text).to_string();
        // Texts hold JSON, and what looks like a credential is hidden before.
        let forms = [
            Cow::Borrowed(text),
            Cow::Borrowed(within_quotes(&written)),
            without_credentials(text),
        ];
        for form in forms {
            if form.chars().count() >= SHORTEST && form != REDACTED {
                self.texts.insert((Reverse(form.len()), form.into_owned()));
            }
        }
    }

    /// Whether a text is one of them.
    pub(crate) fn is_one(&self, text: &str) -> bool {
        self.texts.contains(&(Reverse(text.len()), text.to_owned()))
    }

    /// A text without them.
    pub(crate) fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        // Digits of a digest are nobody's PIN.
        if is_digest(text) && !self.is_one(text) {
            return Cow::Borrowed(text);
        }
        let mut hidden = Cow::Borrowed(text);
        // Most texts are shorter than most of what is hidden.
        let from = (Reverse(text.len()), String::new());
        for (_, secret) in self.texts.range(from..) {
            if hidden.contains(secret.as_str()) {
                hidden = Cow::Owned(hidden.replace(secret.as_str(), REDACTED));
            }
        }
        hidden
    }
}

fn within_quotes(json: &str) -> &str {
    let open = json.strip_prefix('"').unwrap_or(json);
    open.strip_suffix('"').unwrap_or(open)
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hidden(known: &Value, text: &str) -> String {
        let mut secrets = Secrets::default();
        secrets.learn(known);
        secrets.hide(text).into_owned()
    }

    #[test]
    fn sec_01_what_was_hidden_is_hidden_wherever_it_is_repeated_and_short_words_stay() {
        for (known, text, shown) in [
            (
                json!("4711"),
                "the code is 4711.",
                "the code is [redacted].",
            ),
            (
                json!(4711),
                "code=4711;code=4711",
                "code=[redacted];code=[redacted]",
            ),
            (json!("471"), "the code is 471", "the code is 471"),
            (
                json!(["north", {"door": "south"}]),
                "north, south",
                "[redacted], [redacted]",
            ),
            (
                json!({"password": true, "pin": null}),
                "true, null",
                "true, null",
            ),
            (json!(["blue", "blueberry"]), "blueberry", "[redacted]"),
            (
                json!("a\"b\nc"),
                "{\"note\":\"a\\\"b\\nc\"}",
                "{\"note\":\"[redacted]\"}",
            ),
            (json!("größer"), "nicht größer", "nicht [redacted]"),
        ] {
            assert_eq!(hidden(&known, text), shown, "{known}");
        }
    }

    #[test]
    fn a_digest_stays_unless_all_of_it_was_hidden() {
        let digest = "4711".repeat(16);
        assert_eq!(hidden(&json!("4711"), &digest), digest);
        assert_eq!(hidden(&json!(digest), &digest), REDACTED);
        assert_eq!(
            hidden(&json!("4711"), &format!("{digest}.")),
            format!("{}.", REDACTED.repeat(16))
        );
    }

    #[test]
    fn how_many_are_known_is_all_that_is_said_of_them() {
        let mut secrets = Secrets::default();
        secrets.learn(&json!(["4711", "4711", "sesame"]));
        assert_eq!(format!("{secrets:?}"), "Secrets(2)");
    }
}
