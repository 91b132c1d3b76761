//! The digest of everything that decisions of one context depend on. Part of every decision, so that a journal says
//! which rules were in force, and an approval is void when they change.

use sha2::{Digest, Sha256};
use std::fmt;

/// Changes whenever the meaning of policies changes while their text does not.
const SEMANTICS: &str = "sandgate-policy 4";

/// The 32 bytes of a digest as they are written, in a place of their own: what has several needs no text for each.
pub fn digits<'p>(bytes: &[u8; 32], place: &'p mut [u8; 64]) -> &'p str {
    // There is room for two digits a byte, and they are ASCII.
    let _ = hex::encode_to_slice(bytes, place);
    str::from_utf8(place).unwrap_or_default()
}

/// A digest of policy text, limits and the interfaces' schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyHash([u8; 32]);

impl PolicyHash {
    pub(crate) fn of(parts: [&[u8]; 4]) -> Self {
        let mut hasher = Sha256::new();
        for part in std::iter::once(SEMANTICS.as_bytes()).chain(parts) {
            // Lengths keep parts apart: moving a byte from one to the next is another input.
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PolicyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(digits(&self.0, &mut [0; 64]))
    }
}

impl serde::Serialize for PolicyHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
