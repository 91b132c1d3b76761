//! The key by which a service knows a call again that is sent a second time, so that it does it once. Given by whoever sends a
//! call of an idempotent method, written by `http`. It must never be one that a script chose: two calls with one key are one.

use http::HeaderValue;
use std::fmt::{self, Display, Formatter};

/// A key that can stand in a header: 1 to 128 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(HeaderValue);

/// It cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key of idempotency is 1 to 128 visible ASCII characters")]
pub struct IdempotencyKeyError;

/// Longer than any digest or UUID; services keep keys.
const LONGEST: usize = 128;

impl IdempotencyKey {
    /// This text as a key.
    pub fn new(key: &str) -> Result<Self, IdempotencyKeyError> {
        let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        match HeaderValue::from_str(key) {
            Ok(value) if visible && (1..=LONGEST).contains(&key.len()) => Ok(Self(value)),
            _ => Err(IdempotencyKeyError),
        }
    }

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.0
    }
}

impl Display for IdempotencyKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_visible() {
        let longest = "k".repeat(LONGEST);
        for key in ["a", "run-7/3", longest.as_str()] {
            assert_eq!(
                IdempotencyKey::new(key).map(|key| key.to_string()),
                Ok(key.to_owned())
            );
        }
        let longer = "k".repeat(LONGEST + 1);
        for key in ["", "a b", "a\r\nx: y", "é", longer.as_str()] {
            assert_eq!(
                IdempotencyKey::new(key),
                Err(IdempotencyKeyError),
                "{key:?}"
            );
        }
    }
}
