//! The file of a key that a journal is sealed with. Made by `sandgate journal key new`, read when a journal is opened, and by nobody
//! else. It must never be shown, and never be taken from a file that others can read.

use crate::private::{self, SecretPlace};
use ring::rand::{SecureRandom, SystemRandom};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Stands before the digits, so that no other secret is taken for a key.
const BEFORE: &str = "sandgate-journal-key-1:";
/// Bytes of a key.
pub(super) const KEY: usize = 32;
/// What a file of one is at most: the line, and what an editor adds.
const LONGEST: u64 = 256;

/// A key, and where it was read.
#[derive(Clone)]
pub struct JournalKey {
    bytes: [u8; KEY],
    path: PathBuf,
}

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("the journal's key `{}` cannot be used: {reason}", path.display())]
pub struct JournalKeyError {
    path: PathBuf,
    reason: String,
}

impl JournalKey {
    /// Reads a key. Its file has to be its owner's alone: whoever can read it can read the journal.
    pub fn read(path: &Path) -> Result<Self, JournalKeyError> {
        let failed = |reason: String| JournalKeyError {
            path: path.to_owned(),
            reason,
        };
        let text = private::read_secret(path, LONGEST, SecretPlace::Named);
        let text = text.map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8(text).unwrap_or_default();
        let digits = text.trim().strip_prefix(BEFORE);
        let bytes = digits.and_then(|digits| hex::decode(digits).ok());
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes
            .ok_or_else(|| failed("it is not what `sandgate journal key new` made".to_owned()))?;
        Ok(Self {
            bytes,
            path: path.to_owned(),
        })
    }

    /// Makes a key in a new file, which nobody else can read. A file that is there stays as it is: what was sealed with the key in
    /// it could not be read without.
    pub fn create(path: &Path) -> Result<Self, JournalKeyError> {
        let failed = |reason: String| JournalKeyError {
            path: path.to_owned(),
            reason,
        };
        let mut bytes = [0; KEY];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| failed("the system gives no random bytes".to_owned()))?;
        let line = format!("{BEFORE}{}\n", hex::encode(bytes));
        private::create_secret(path, line.as_bytes()).map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            bytes,
            path: path.to_owned(),
        })
    }

    pub(super) fn bytes(&self) -> &[u8; KEY] {
        &self.bytes
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for JournalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalKey")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
