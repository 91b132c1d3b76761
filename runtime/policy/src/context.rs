//! The name of a context. Chosen by the operator; it ends up in file names, headers and policies.

use std::{fmt, sync::Arc};

/// THREAT[POL-02]: 1 to 64 of `a-z`, `0-9`, `_` and `-`, so that no header, path or policy text can be made with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextName(Arc<str>);

/// It is no name of a context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no name for a context: 1 to 64 of `a-z`, `0-9`, `_` and `-`", .0.escape_debug())]
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
}
