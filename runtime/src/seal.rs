//! A secret of this installation, by which a server knows again what it handed out: 32 random bytes in a private directory, made when
//! they are first needed. It must never be shown, and never be made anew while what was sealed by it is out.

#![expect(
    clippy::disallowed_methods,
    reason = "the secret lies beside the tokens"
)]

use crate::{
    journal::id::Id,
    private::{self, NotPrivate, SecretPlace},
    tokens::TokenStore,
};
use std::{
    fmt, fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// The file.
const NAME: &str = "seal.key";
/// Bytes of it that are read: one more than there are.
const LONGEST: u64 = 33;

/// The secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey([u8; 32]);

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[error("the secret in `{}` cannot be used: {reason}", path.display())]
pub struct NoSealKey {
    /// Where it is to be.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

impl SealKey {
    /// The secret of a state directory.
    pub fn of(state: &Path) -> Result<Self, NoSealKey> {
        let directory = TokenStore::place(state);
        let path = directory.join(NAME);
        let failed = |error: &dyn fmt::Display| NoSealKey {
            path: path.clone(),
            reason: error.to_string(),
        };
        private::make_directory(&directory).map_err(|error: NotPrivate| failed(&error))?;
        let read = || private::read_secret(&path, LONGEST, SecretPlace::Ours);
        let bytes = match read() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(&directory, &path).map_err(|error| failed(&error))?;
                read()
            }
            bytes => bytes,
        };
        let bytes = bytes.map_err(|error| failed(&error))?.try_into();
        bytes
            .map(Self)
            .map_err(|_| failed(&"it is not 32 bytes long; remove it"))
    }

    /// One that this process alone knows, where nothing can be kept.
    pub fn of_this_process() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// What it is made of.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Of two processes that make it at once, one does.
fn make(directory: &Path, path: &Path) -> io::Result<()> {
    let SealKey(bytes) = SealKey::of_this_process().map_err(io::Error::other)?;
    let name = Id::new().map_err(io::Error::other)?;
    let own = directory.join(format!("{NAME}.{name}"));
    private::create_secret(&own, &bytes)?;
    let linked = match fs::hard_link(&own, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    };
    fs::remove_file(&own)?;
    linked
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_secret_of_a_directory_stays_the_same_and_is_nobody_elses() {
        let state = tempfile::tempdir().unwrap();
        let key = SealKey::of(state.path()).unwrap();
        assert_eq!(SealKey::of(state.path()).unwrap(), key);
        assert_ne!(SealKey::of_this_process().unwrap(), key);
        let directory = TokenStore::place(state.path());
        let kept: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(kept, [NAME]);
        let mode = fs::metadata(directory.join(NAME)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(directory.join(NAME), "short").unwrap();
        let refused = SealKey::of(state.path()).unwrap_err();
        assert_eq!(refused.reason, "it is not 32 bytes long; remove it");
    }
}
