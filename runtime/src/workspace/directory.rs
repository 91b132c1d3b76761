//! A directory of the host that a run works in: opened once, so that no name inside it can lead outside, measured before
//! a run, listed and copied from after it. Made by `Workspace`; what a run does in it is `host` and `names`.
//!
//! Nothing here may depend on the shape of what a script leaves.

use super::{
    FileEntry, FileList, MOST_LISTED, MOST_PATHS,
    delivery::{Delivery, Intake, irregular, too_many, without_waiting},
    entry::{FileIdentity, Seen},
    host::HostSession,
    ledger::{FileLedger, Quota, locked},
    place::Place,
    walk::{self, Next, Visit, WalkEntry, walk},
};
use crate::limits::Limits;
use cap_std::{
    ambient_authority,
    fs::{Dir, File, OpenOptions, OpenOptionsExt},
};
use rustix::fs::{FileType, OFlags};
use std::{
    collections::HashSet,
    ffi::OsStr,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// A directory of an operator with more in it is refused: measuring it would take longer than most runs.
const MOST_MEASURED: u64 = 1_000_000;

/// A directory of the host, and the account of what is in it.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    pub(super) dir: Dir,
    pub(super) ledger: Arc<Mutex<FileLedger>>,
    /// Whether runs can only read it.
    read_only: bool,
}

impl Directory {
    pub(super) fn open(path: &Path, read_only: bool) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            dir: Dir::open_ambient_dir(path, ambient_authority())?,
            ledger: Arc::default(),
            read_only,
        })
    }

    /// Opens it for one run. What is in it is measured, unless another run is in it, whose account is shared then.
    /// It blocks for as long as that takes.
    pub(super) fn session(&self, limits: &Limits) -> io::Result<HostSession> {
        let again = || walk::open(&self.dir, c".");
        let (root, first) = (again()?, again()?);
        // Where that cannot be told nothing could be made later, and nobody would know why.
        Place::of(&root, &first)?;
        let quota = Quota::of(limits);
        let mut ledger = locked(&self.ledger);
        if ledger.runs == 0 {
            let measured = measure(&self.dir)?;
            ledger.account.bytes = measured.bytes;
            ledger.account.entries = measured.entries;
            ledger.most = None;
        }
        ledger.runs = ledger.runs.saturating_add(1);
        ledger.most = ledger.most.max(Some(ledger.account.bytes.max(quota.bytes)));
        drop(ledger);
        Ok(HostSession::new(
            root,
            first,
            Arc::clone(&self.ledger),
            quota,
            self.read_only,
        ))
    }

    /// Opens a file to be written. One that has the name already is never followed or waited for.
    fn create(&self, name: &str) -> io::Result<File> {
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
        Ok(file)
    }

    /// One of its files, to be read.
    fn file(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let flags = without_waiting() | OFlags::NOFOLLOW;
        options.read(true).custom_flags(flags.bits().cast_signed());
        let file = self.dir.open_with(path, &options)?;
        if !file.metadata()?.is_file() {
            return Err(irregular());
        }
        Ok(file)
    }

    /// All of one file.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = self.file(path)?;
        let size = file.metadata()?.len();
        file.take(size).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The files that can be listed, and why it is not all of them. THREAT[DOS-13].
    pub(super) fn list(&self) -> FileList {
        let mut listing = FileLister::default();
        if let Err(error) = walk(&self.dir, &mut listing) {
            listing.listed.unlisted = Some(format!("the workspace cannot be listed: {error}"));
        }
        listing.listed.files.sort_by(|a, b| a.path.cmp(&b.path));
        listing.listed
    }

    /// Copies every file out of it. No more is copied than a run may have left.
    pub(super) fn copy_out(
        &self,
        delivery: &Delivery,
    ) -> Result<Vec<FileEntry>, (String, io::Error)> {
        let mut found = Paths::default();
        walk(&self.dir, &mut found).map_err(|error| (found.at.clone(), error))?;
        found.paths.sort();
        let mut left = locked(&self.ledger).most.unwrap_or(u64::MAX);
        let mut copied = Vec::new();
        for path in &found.paths {
            let name = String::from_utf8_lossy(path).into_owned();
            let path = Path::new(OsStr::from_bytes(path));
            let size = self
                .copy(path, delivery, &mut left)
                .map_err(|error| (name.clone(), error))?;
            copied.push(FileEntry { path: name, size });
        }
        Ok(copied)
    }

    /// Copies one file. Its holes are bytes of what is `left`.
    fn copy(&self, path: &Path, delivery: &Delivery, left: &mut u64) -> io::Result<u64> {
        let from = self.file(path)?;
        let size = from.metadata()?.len();
        *left = left.checked_sub(size).ok_or_else(|| {
            io::Error::other("the files are more than a run may leave in this workspace")
        })?;
        let mut into = delivery.create(path)?;
        io::copy(&mut from.take(size), &mut into)
    }
}

impl Intake for &Directory {
    fn directory(&mut self, path: &str) -> io::Result<()> {
        match self.dir.create_dir(path) {
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists
                    && self.dir.symlink_metadata(path)?.is_dir() =>
            {
                Ok(())
            }
            made => made,
        }
    }

    fn file(&mut self, path: &str, mut file: std::fs::File) -> io::Result<()> {
        let mut to = self.create(path)?;
        let identity = |file: &File| {
            file.metadata()
                .map(|metadata| Seen::from(metadata).identity)
        };
        let from = File::from_std(file.try_clone()?);
        // A file of the workspace itself is there already, and would be emptied before it is read.
        if identity(&to)? == identity(&from)? {
            return Ok(());
        }
        to.set_len(0)?;
        io::copy(&mut file, &mut to)?;
        Ok(())
    }
}

pub(super) fn measure(dir: &Dir) -> io::Result<Measured> {
    let mut measured = Measured::default();
    walk(dir, &mut measured)?;
    Ok(measured)
}

/// What the files occupy and how many entries there are, all of them.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) bytes: u64,
    pub(super) entries: u64,
    /// Files of several names that have been counted.
    counted: HashSet<FileIdentity>,
}

impl Visit for Measured {
    fn meet(&mut self, entry: &WalkEntry<'_>) -> io::Result<Next> {
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
struct FileLister {
    listed: FileList,
    /// Bytes of paths so far.
    paths: usize,
    entries: u64,
}

impl Visit for FileLister {
    fn meet(&mut self, entry: &WalkEntry<'_>) -> io::Result<Next> {
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
            self.listed.unlisted = Some(too_many(files));
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
    fn meet(&mut self, entry: &WalkEntry<'_>) -> io::Result<Next> {
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
