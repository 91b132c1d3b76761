//! What contexts, services and methods may be called. One rule for each, wherever a name comes from. It must never let
//! two names pass that look the same, or one that means something else in a path, a header, a policy or in Python.

use std::{fmt, sync::Arc};

/// Words that cannot be, or had better not be, names in Python.
pub const PYTHON_WORDS: [&str; 37] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "print", "raise", "return", "self",
    "try", "while", "with", "yield",
];

const LONGEST_METHOD: usize = 128;

/// Room for an address or a key of a user, for the name of a program, and for a claim.
const LONGEST_WORD: usize = 128;

/// What [`is_word`] takes, for messages.
pub(crate) const WORD: &str = "1 to 128 characters of `A-Za-z0-9` and `_-.:@+`";

/// What [`is_service_name`] takes, for messages.
pub const SERVICE_NAME: &str = "1 to 64 characters of `a-z0-9_`, a letter first, and not a Python keyword, `aio` or `sandgate`";
/// What [`is_method_name`] takes, for messages.
pub const METHOD_NAME: &str = "1 to 128 characters of `A-Za-z0-9_-`, with single dots between";

/// Whether this can name a service in `from services import NAME`, in policies and in file names: 1 to 64 characters of
/// `a-z0-9_`, a letter first, and not a Python keyword, `aio` or `sandgate`.
#[must_use]
pub fn is_service_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 64
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !PYTHON_WORDS.contains(&name)
        && !matches!(name, "aio" | "sandgate")
}

/// Whether this can be an actor, a user or a claim. THREAT[POL-02]: users and claims become headers, and actors become
/// names in policies.
pub(crate) fn is_word(text: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'@' | b'+')
    };
    (1..=LONGEST_WORD).contains(&text.len()) && text.bytes().all(plain)
}

/// Whether a call can name a method so. THREAT[POL-04]: 1 to 128 ASCII letters, digits, `_` and `-`, with single dots
/// between, so that no two spellings look the same. Whatever else a document names can never be called.
#[must_use]
pub fn is_method_name(name: &str) -> bool {
    name.len() <= LONGEST_METHOD
        && name.split('.').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        })
}

/// THREAT[POL-02]: 1 to 64 of `a-z`, `0-9`, `_` and `-`, so that no header, path or policy text can be made with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextName(Arc<str>);

/// It is no name of a context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot name a context: 1 to 64 characters of `a-z`, `0-9`, `_` and `-`", .0.escape_debug())]
pub struct ContextNameError(String);

impl ContextName {
    /// Checks the name.
    pub fn new(name: &str) -> Result<Self, ContextNameError> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
        };
        if (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name.into()))
        } else {
            Err(ContextNameError(name.chars().take(80).collect()))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContextName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pol_02_a_context_has_a_plain_name() {
        let longest = "x".repeat(64);
        for name in ["a", "geomind", "read_only", "team-7", longest.as_str()] {
            assert_eq!(ContextName::new(name).unwrap().as_str(), name);
        }
        let too_long = "x".repeat(65);
        for name in [
            "",
            "A",
            "a b",
            "a\r\nX-Admin: 1",
            "a\n",
            "a\0",
            "%0d%0a",
            "a/b",
            "..",
            "a.b",
            "é",
            "ａ",
            "a\u{560a}",
            "a\u{200b}",
            too_long.as_str(),
        ] {
            assert!(ContextName::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn names_of_services_are_those_that_can_be_imported() {
        for name in ["hero_biz", "a", "x2"] {
            assert!(is_service_name(name), "{name}");
        }
        let long = "a".repeat(65);
        for name in [
            "", "aio", "sandgate", "class", "Hero", "2x", "_x", "a.b", "a-b", "größe", "a\n", &long,
        ] {
            assert!(!is_service_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn pol_04_a_name_is_ascii_or_it_is_no_name(name in "\\PC{1,20}") {
            let plain = name.split('.').all(|part| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            });
            prop_assert_eq!(is_method_name(&name), plain);
        }
    }
}
