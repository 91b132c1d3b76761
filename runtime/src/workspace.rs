//! The one directory that a script may be given. Front ends fill it, list it and copy from it, always through a directory
//! handle that is opened once, so that no name inside it can lead outside.
//!
//! `session` and `names` are what a run does in it, `ledger` what that may cost, `walk` how the host goes through what is
//! left, `remove` how that is taken away. Nothing here may depend on the shape of what a script leaves.

#![expect(clippy::disallowed_methods, reason = "this is what a run's files are")]

mod entry;
mod ledger;
mod listing;
mod names;
mod place;
mod remove;
mod session;
mod slots;
mod walk;

pub(crate) use entry::Seen;
pub(crate) use listing::kind_number;
pub(crate) use names::How;
pub(crate) use session::{Described, Modes, Session, Whence};

use crate::{limits::Limits, outcome::FileEntry};
use cap_std::{
    ambient_authority,
    fs::{Dir, File, OpenOptions, OpenOptionsExt},
};
use ledger::{Budget, Ledger};
use rustix::fs::{FileType, OFlags};
use std::{
    collections::HashSet,
    ffi::OsStr,
    io::{self, Read},
    os::unix::{
        ffi::OsStrExt,
        fs::{OpenOptionsExt as _, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use walk::{Entry, Next, Visit, walk};

/// An outcome lists no more files than that.
const MOST_LISTED: usize = 10_000;
/// Nor more bytes of paths.
const MOST_PATHS: usize = 4 << 20;
/// A directory of an operator with more in it is refused: measuring it would take longer than most runs.
const MOST_MEASURED: u64 = 1_000_000;

/// A directory that appears as `/work` in one run.
#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
    dir: Dir,
    ledger: Arc<Mutex<Ledger>>,
    /// Whether it is removed when the workspace is dropped.
    temporary: bool,
}

/// What is in a workspace.
#[derive(Debug, Default)]
pub(crate) struct Listed {
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
    /// It could not be listed.
    #[error("the workspace cannot be listed")]
    List(#[source] io::Error),
}

impl Workspace {
    /// An empty directory that is removed with the workspace.
    ///
    /// That happens on the thread that drops it, and takes about ten milliseconds for a thousand files, which is what a
    /// script may make by default.
    pub fn temporary() -> Result<Self, WorkspaceError> {
        Self::temporary_in(&std::env::temp_dir())
    }

    /// The same in a directory that exists, for a process that can write to no other.
    pub fn temporary_in(directory: &Path) -> Result<Self, WorkspaceError> {
        let open = |source| WorkspaceError::Open {
            path: directory.to_owned(),
            source,
        };
        let temporary = tempfile::Builder::new()
            .prefix("sandgate-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(directory)
            .map_err(open)?;
        let mut workspace = Self::open(temporary.path())?;
        // From here on it is removed by `drop`: the crate's own way needs a descriptor and stack for each level.
        let _ = temporary.keep();
        workspace.temporary = true;
        Ok(workspace)
    }

    /// An existing directory, which stays when the workspace is dropped. The script can change everything in it.
    pub fn open(path: &Path) -> Result<Self, WorkspaceError> {
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(|source| {
            WorkspaceError::Open {
                path: path.to_owned(),
                source,
            }
        })?;
        Ok(Self {
            path: path.to_owned(),
            dir,
            ledger: Arc::default(),
            temporary: false,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it for one run. What is in it is measured, unless another run is in it, whose account is shared then.
    /// It blocks for as long as that takes.
    pub(crate) fn session(&self, limits: &Limits) -> Result<Session, WorkspaceError> {
        let failed = |source| WorkspaceError::Open {
            path: self.path.clone(),
            source,
        };
        let again = || walk::open(&self.dir, c".").map_err(|error| failed(error.into()));
        let (root, first) = (again()?, again()?);
        // Where that cannot be told nothing could be made later, and nobody would know why.
        place::Place::of(&root, &first).map_err(|error| failed(error.into()))?;
        let budget = Budget::of(limits);
        let mut ledger = session::locked(&self.ledger);
        if ledger.runs == 0 {
            let measured = measure(&self.dir).map_err(failed)?;
            (ledger.bytes, ledger.entries) = (measured.bytes, measured.entries);
            ledger.most = None;
        }
        ledger.runs = ledger.runs.saturating_add(1);
        ledger.most = ledger.most.max(Some(ledger.bytes.max(budget.bytes)));
        drop(ledger);
        Ok(Session::new(root, first, Arc::clone(&self.ledger), budget))
    }

    /// Copies a file of the host into the workspace under its own name.
    pub fn copy_in(&self, path: &Path) -> Result<(), WorkspaceError> {
        let failed = |source| WorkspaceError::CopyIn {
            path: path.to_owned(),
            source,
        };
        let name = path
            .file_name()
            .ok_or_else(|| failed(io::Error::from(io::ErrorKind::IsADirectory)))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the operator named this file of the host"
        )]
        let mut from = std::fs::OpenOptions::new()
            .read(true)
            .custom_flags(without_waiting().bits().cast_signed())
            .open(path)
            .map_err(failed)?;
        if !from.metadata().map_err(failed)?.is_file() {
            return Err(failed(irregular()));
        }
        let mut to = self.create(Path::new(name)).map_err(failed)?;
        io::copy(&mut from, &mut to).map_err(failed)?;
        Ok(())
    }

    /// What has the name already is replaced where it is a file, and never followed or waited for.
    fn create(&self, name: &Path) -> io::Result<File> {
        let flags = without_waiting() | OFlags::NOFOLLOW;
        let file = self.dir.open_with(
            name,
            OpenOptions::new()
                .write(true)
                .create(true)
                .mode(0o600)
                .custom_flags(flags.bits().cast_signed()),
        )?;
        if !file.metadata()?.is_file() {
            return Err(irregular());
        }
        file.set_len(0)?;
        Ok(file)
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

    /// The files that can be listed, and why it is not all of them. THREAT[DOS-13].
    pub(crate) fn list(&self) -> Listed {
        let mut listing = Listing::default();
        if let Err(error) = walk(&self.dir, &mut listing) {
            listing.listed.unlisted = Some(format!("the workspace cannot be listed: {error}"));
        }
        listing.listed.files.sort_by(|a, b| a.path.cmp(&b.path));
        listing.listed
    }

    /// Copies everything in it to a directory of the host, which is made where it is missing. Existing files are not
    /// replaced, and nothing copied is executable: THREAT[ESC-05]. No more is copied than a run may have left.
    pub fn copy_out(&self, to: &Path) -> Result<Vec<FileEntry>, WorkspaceError> {
        let failed = |name: &str, source| WorkspaceError::CopyOut {
            name: name.to_owned(),
            path: to.to_owned(),
            source,
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the operator named this directory of the host"
        )]
        std::fs::create_dir_all(to).map_err(|error| failed(".", error))?;
        let target = Dir::open_ambient_dir(to, ambient_authority());
        let target = target.map_err(|error| failed(".", error))?;
        let mut found = Paths::default();
        walk(&self.dir, &mut found).map_err(|error| failed(&found.at, error))?;
        found.paths.sort();
        let mut left = session::locked(&self.ledger).most.unwrap_or(u64::MAX);
        let mut copied = Vec::new();
        for path in &found.paths {
            let name = String::from_utf8_lossy(path);
            let path = Path::new(OsStr::from_bytes(path));
            let size = self
                .copy(path, &target, &mut left)
                .map_err(|error| failed(&name, error))?;
            copied.push(FileEntry {
                path: name.into_owned(),
                size,
            });
        }
        Ok(copied)
    }

    /// Copies one file. Its holes are bytes of what is `left`.
    fn copy(&self, path: &Path, target: &Dir, left: &mut u64) -> io::Result<u64> {
        let mut options = OpenOptions::new();
        let flags = without_waiting() | OFlags::NOFOLLOW;
        options.read(true).custom_flags(flags.bits().cast_signed());
        let from = self.dir.open_with(path, &options)?;
        let metadata = from.metadata()?;
        if !metadata.is_file() {
            return Err(irregular());
        }
        let size = metadata.len();
        *left = left.checked_sub(size).ok_or_else(|| {
            io::Error::other("the files are more than a run may leave in this workspace")
        })?;
        make_above(target, path)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut into = target.open_with(path, &options)?;
        io::copy(&mut from.take(size), &mut into)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = remove::remove(&self.dir, &self.path)
        {
            tracing::warn!(
                "the temporary workspace `{}` cannot be removed: {error}",
                self.path.display()
            );
        }
    }
}

fn without_waiting() -> OFlags {
    OFlags::NONBLOCK | OFlags::NOCTTY
}

fn irregular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

fn measure(dir: &Dir) -> io::Result<Measured> {
    let mut measured = Measured::default();
    walk(dir, &mut measured)?;
    Ok(measured)
}

/// What the files occupy and how many entries there are, all of them.
#[derive(Default)]
struct Measured {
    bytes: u64,
    entries: u64,
    /// Files of several names that have been counted.
    counted: HashSet<entry::Identity>,
}

impl Visit for Measured {
    fn meet(&mut self, entry: &Entry<'_>) -> io::Result<Next> {
        self.entries = self.entries.saturating_add(1);
        if self.entries > MOST_MEASURED {
            return Err(io::Error::other(format!(
                "it holds more than {MOST_MEASURED} files and directories"
            )));
        }
        if entry.kind == FileType::RegularFile {
            let seen = entry.seen()?;
            if seen.links <= 1 || self.counted.insert(seen.identity) {
                self.bytes = self.bytes.saturating_add(seen.size);
            }
        }
        Ok(Next::In)
    }

    fn closed(&mut self, _: &[u8], error: io::Error) -> io::Result<()> {
        match error.kind() {
            // A script cannot read what is in there either, or it is gone.
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        }
    }
}

#[derive(Default)]
struct Listing {
    listed: Listed,
    /// Bytes of paths so far.
    paths: usize,
    entries: u64,
}

impl Visit for Listing {
    fn meet(&mut self, entry: &Entry<'_>) -> io::Result<Next> {
        self.entries = self.entries.saturating_add(1);
        let more = match entry.kind {
            FileType::RegularFile => entry.length(),
            _ => 0,
        };
        let files = self.listed.files.len();
        if files >= MOST_LISTED && more > 0
            || self.paths.saturating_add(more) > MOST_PATHS
            || self.entries > MOST_MEASURED
        {
            self.listed.unlisted = Some(format!(
                "the workspace holds more than is listed; the first {files} files are"
            ));
            return Ok(Next::Stop);
        }
        if entry.kind == FileType::RegularFile {
            // Removed in between, by somebody else, it is no file that was left.
            if let Ok(seen) = entry.seen() {
                self.paths = self.paths.saturating_add(more);
                self.listed.files.push(FileEntry {
                    path: String::from_utf8_lossy(&entry.path()).into_owned(),
                    size: seen.size,
                });
            }
        }
        Ok(Next::In)
    }

    fn closed(&mut self, path: &[u8], error: io::Error) -> io::Result<()> {
        let path = String::from_utf8_lossy(path);
        self.listed.unlisted = Some(format!("`{path}` cannot be listed: {error}"));
        Ok(())
    }
}

/// The paths of all regular files.
#[derive(Default)]
struct Paths {
    paths: Vec<Vec<u8>>,
    /// What could not be gone into.
    at: String,
}

impl Visit for Paths {
    fn meet(&mut self, entry: &Entry<'_>) -> io::Result<Next> {
        if entry.kind == FileType::RegularFile {
            self.paths.push(entry.path());
        }
        Ok(Next::In)
    }

    fn closed(&mut self, path: &[u8], error: io::Error) -> io::Result<()> {
        self.at = String::from_utf8_lossy(path).into_owned();
        Err(error)
    }
}

/// Makes the directories above a file, from the top, where they are missing.
fn make_above(target: &Dir, path: &Path) -> io::Result<()> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let mut made = PathBuf::new();
    for name in above.into_iter().flatten() {
        made.push(name);
        match target.create_dir(&made) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
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
