//! Which process a run is in: a file that the process holds a lock on for as long as it lives. The system lets go of it however
//! the process ends, so nobody has to guess whether a run that was not finished is still going on.

#![expect(
    clippy::disallowed_methods,
    reason = "the locks lie in the journal's own directory"
)]

use super::id::Id;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// This process. Dropping it is the same as dying.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) id: Id,
    path: PathBuf,
    _locked: File,
}

impl Owner {
    pub(super) fn take(directory: &Path) -> io::Result<Self> {
        let id = Id::new().map_err(|error| io::Error::other(error.to_string()))?;
        let path = place(directory, id);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self {
            id,
            path,
            _locked: file,
        })
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether a process of this name lives. What it left behind when it died is removed.
pub(super) fn is_alive(directory: &Path, owner: Id) -> bool {
    let path = place(directory, owner);
    let Ok(file) = File::open(&path) else {
        return false;
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            let _ = std::fs::remove_file(&path);
            false
        }
        Err(_) => true,
    }
}

fn place(directory: &Path, owner: Id) -> PathBuf {
    directory.join(format!("{owner}.owner"))
}
