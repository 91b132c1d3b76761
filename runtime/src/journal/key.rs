//! The file of a key that a journal is sealed with. Made by `sandgate journal key new`, read when a journal is opened, and by nobody
//! else. It must never be shown, and never be taken from a file that others can read.

#![expect(
    clippy::disallowed_methods,
    reason = "the operator names the file of the key"
)]

use crate::private;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{Mode, OFlags};
use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
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
        let text = text(path).map_err(|error| failed(error.to_string()))?;
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
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            file.write_all(format!("{BEFORE}{}\n", hex::encode(bytes)).as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| failed(error.to_string()))?;
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

fn text(path: &Path) -> io::Result<String> {
    // A pipe in the place of a file must not make us wait.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file: File = rustix::fs::open(path, flags, Mode::empty())?.into();
    let found = file.metadata()?;
    let wrong = |why: &str| Err(io::Error::other(why.to_owned()));
    if !found.is_file() {
        return wrong("it is not a file");
    }
    if !private::is_trusted(found.uid()) {
        return wrong("it belongs to somebody else");
    }
    if found.mode() & 0o077 != 0 {
        return wrong("others can read it; run `chmod 600` on it");
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}
