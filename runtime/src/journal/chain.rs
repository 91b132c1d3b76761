//! How each line is chained to the one before it: whoever changes, removes, adds or moves one would have to make all later
//! hashes anew, and the anchor outside of the file knows the last. THREAT[JRN-01]

use super::{digest::Digest, id::Id};

/// The chain up to a line.
pub(crate) fn link(before: &Digest, seq: u64, run: Id, at: u64, body: &[u8]) -> Digest {
    Digest::of_parts(&[
        before.bytes(),
        &seq.to_le_bytes(),
        &run.bytes(),
        &at.to_le_bytes(),
        body,
    ])
}
