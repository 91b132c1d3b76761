//! The one directory that a script works in: a directory of the host where its caller gives it one, else one in memory
//! that is made when the script first uses a path. Front ends fill it, list it and copy from it.
//!
//! `session` is what a run does in it, in `host` and `names` where it is a directory of the host and in `memory` where it
//! is none; `ledger` is what that may cost, `walk` how the host goes through a directory. Nothing here may depend on the
//! shape of what a script leaves.

#![expect(clippy::disallowed_methods, reason = "this is what a run's files are")]

mod delivery;
mod directory;
mod entry;
mod host;
mod ledger;
mod listing;
mod memory;
mod names;
mod place;
mod session;
mod slots;
mod table;
mod walk;

pub(crate) use entry::Seen;
pub(crate) use listing::kind_number;
pub(crate) use session::{Descriptor, How, Modes, Mount, Whence};

use crate::{budget::Budget, limits::Limits};
use delivery::{Delivery, InputTree};
use directory::Directory;
pub(crate) use memory::GivenFile;
use memory::{Memory, nanos};
use serde::Serialize;
use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// An outcome lists no more files than that.
const MOST_LISTED: usize = 10_000;
/// Nor more bytes of paths.
const MOST_PATHS: usize = 4 << 20;

/// The directory that appears as `/work` in a run.
///
/// A script that is given none has one in memory all the same, which is made when it first uses a path and comes back
/// with its [`Outcome`](crate::Outcome). Only where its context says `workspace = "none"` it has no files at all.
#[derive(Debug)]
pub struct Workspace {
    kept: Kept,
}

/// Where the files are.
#[derive(Debug)]
enum Kept {
    Host(Directory),
    Memory(Memory),
}

/// A file that was left in the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileEntry {
    /// Relative to the workspace, with `/` between names.
    pub path: String,
    /// In bytes.
    pub size: u64,
}

/// What is in a workspace.
#[derive(Debug, Default)]
pub(crate) struct FileList {
    pub(crate) files: Vec<FileEntry>,
    /// Why that is not all.
    pub(crate) unlisted: Option<String>,
}

/// Why a workspace could not be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// It is missing, no directory, or not ours to open.
    #[error("the workspace `{}` cannot be opened", path.display())]
    Open {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be copied into it.
    #[error("`{}` cannot be copied into the workspace", path.display())]
    CopyIn {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be copied out of it.
    #[error("`{name}` cannot be copied from the workspace to `{}`", path.display())]
    CopyOut {
        /// Which one.
        name: String,
        /// Where to.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// One of its files could not be read.
    #[error("`{name}` cannot be read from the workspace")]
    Read {
        /// Which one.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It could not be listed.
    #[error("the workspace cannot be listed")]
    List(#[source] io::Error),
}

impl Workspace {
    /// Where a script finds it.
    pub const PATH: &str = sandgate_wire::abi::WORKSPACE;

    /// An empty directory in memory. Nothing of it is ever on a disk, and it is gone with the workspace.
    ///
    /// What a run makes in it is counted in the run's own budget: 48 MiB at most, and less where its limits say so. Runs
    /// may use it one after another or at once.
    #[must_use]
    pub fn memory() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::memory_at(nanos(since.unwrap_or_default()))
    }

    /// The one of a run that was given none and began then, in milliseconds since 1970.
    pub(crate) fn memory_since(millis: u64) -> Self {
        Self::memory_at(millis.saturating_mul(1_000_000))
    }

    fn memory_at(now: u64) -> Self {
        Self {
            kept: Kept::Memory(Memory::new(now)),
        }
    }

    /// The one of a run that is made again.
    pub(crate) fn memory_again(files: &[GivenFile], millis: u64) -> io::Result<Self> {
        Ok(Self {
            kept: Kept::Memory(Memory::again(files, millis.saturating_mul(1_000_000))?),
        })
    }

    /// What is in it, for a run that is to be made again. A directory of the host is not what it was by then.
    pub(crate) fn given(&self) -> Option<io::Result<Vec<GivenFile>>> {
        match &self.kept {
            Kept::Host(_) => None,
            Kept::Memory(memory) => Some(memory.given()),
        }
    }

    /// An existing directory of the host, which stays when the workspace is dropped. The script can change everything in
    /// it.
    pub fn open(path: &Path) -> Result<Self, WorkspaceError> {
        Self::directory(path, false)
    }

    /// The same, of which a script can read everything and change nothing: whatever would is answered as by a file system
    /// that is mounted so, "Read-only file system".
    pub fn open_read_only(path: &Path) -> Result<Self, WorkspaceError> {
        Self::directory(path, true)
    }

    fn directory(path: &Path, read_only: bool) -> Result<Self, WorkspaceError> {
        let directory = Directory::open(path, read_only);
        let directory = directory.map_err(|source| WorkspaceError::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            kept: Kept::Host(directory),
        })
    }

    /// The one that a run has used.
    pub(crate) fn of(session: &Mount) -> Option<Self> {
        match session {
            Mount::Host(_) => None,
            Mount::Memory(files) => Some(Self {
                kept: Kept::Memory(files.memory()),
            }),
        }
    }

    /// Where it is; nowhere if it is in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.kept {
            Kept::Host(directory) => Some(&directory.path),
            Kept::Memory(_) => None,
        }
    }

    /// Opens it for one run, of whose budget it takes what it holds in memory. It may block for as long as it takes to
    /// measure a directory of the host.
    pub(crate) fn session(
        &self,
        limits: &Limits,
        budget: &Budget,
    ) -> Result<Mount, WorkspaceError> {
        match &self.kept {
            Kept::Host(directory) => {
                let session = directory.session(limits);
                let session = session.map_err(|source| WorkspaceError::Open {
                    path: directory.path.clone(),
                    source,
                })?;
                Ok(Mount::Host(Box::new(session)))
            }
            Kept::Memory(memory) => Ok(Mount::Memory(memory.session(limits, budget))),
        }
    }

    /// Copies a file of the host into the workspace under its own name, or a directory with everything in it, of which
    /// nothing may be a link. Into memory go 256 MiB at most, all files together.
    pub fn copy_in(&self, path: &Path) -> Result<(), WorkspaceError> {
        let own = |name: &OsStr| name.to_str().map(ToOwned::to_owned);
        match path.file_name().map(own) {
            Some(Some(name)) => self.copy_in_as(&name, path),
            unnamed => {
                let why = unnamed.map_or("it has no name of its own", |_| "its name is not UTF-8");
                Err(WorkspaceError::CopyIn {
                    path: path.to_owned(),
                    source: io::Error::new(io::ErrorKind::InvalidInput, why),
                })
            }
        }
    }

    /// The same under another name, such as `data.csv` or `data/today.csv`; directories above it are made.
    pub fn copy_in_as(&self, name: &str, path: &Path) -> Result<(), WorkspaceError> {
        let copied = InputTree::open(path).and_then(|input| match &self.kept {
            Kept::Host(directory) => {
                // It would be copied into itself, and that again.
                if directory
                    .path
                    .canonicalize()?
                    .starts_with(path.canonicalize()?)
                {
                    return Err(io::Error::other("the workspace lies in it"));
                }
                input.copy(name, &mut &*directory)
            }
            Kept::Memory(memory) => input.copy(name, &mut &*memory),
        });
        copied.map_err(|source| WorkspaceError::CopyIn {
            path: path.to_owned(),
            source,
        })
    }

    /// Every regular file in it, by path. Links and whatever else a script could not have made are left out. More than
    /// 10,000 files are an error.
    pub fn files(&self) -> Result<Vec<FileEntry>, WorkspaceError> {
        let listed = self.list();
        match listed.unlisted {
            None => Ok(listed.files),
            Some(reason) => Err(WorkspaceError::List(io::Error::other(reason))),
        }
    }

    /// The files that can be listed, and why it is not all of them.
    pub(crate) fn list(&self) -> FileList {
        match &self.kept {
            Kept::Host(directory) => directory.list(),
            Kept::Memory(memory) => memory.list(),
        }
    }

    /// What is in one of its files, by the path that it is listed with.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, WorkspaceError> {
        let read = match &self.kept {
            Kept::Host(directory) => directory.read(Path::new(path)),
            Kept::Memory(memory) => memory.read(path),
        };
        read.map_err(|source| WorkspaceError::Read {
            name: path.to_owned(),
            source,
        })
    }

    /// Copies everything in it to a directory of the host, which is made where it is missing. Existing files are not
    /// replaced, and nothing copied is executable: THREAT[ESC-05]. No more is copied than a run may have left.
    pub fn copy_out(&self, to: &Path) -> Result<Vec<FileEntry>, WorkspaceError> {
        self.deliver(to, false)
    }

    /// The same, where a file that is there gives way to one of its name.
    pub fn copy_out_replacing(&self, to: &Path) -> Result<Vec<FileEntry>, WorkspaceError> {
        self.deliver(to, true)
    }

    fn deliver(&self, to: &Path, replaces: bool) -> Result<Vec<FileEntry>, WorkspaceError> {
        let delivery = Delivery::to(to, replaces).map_err(|error| (".".to_owned(), error));
        let copied = delivery.and_then(|delivery| match &self.kept {
            Kept::Host(directory) => directory.copy_out(&delivery),
            Kept::Memory(memory) => memory.copy_out(&delivery),
        });
        copied.map_err(|(name, source)| WorkspaceError::CopyOut {
            name,
            path: to.to_owned(),
            source,
        })
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]
mod tests;
