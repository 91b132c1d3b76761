//! A workspace that is in memory alone: what every script has unless its caller gives it a directory of the host. Made by
//! `Workspace`, or by the first path that a run uses; what a run does in it comes through `session`.
//!
//! Nothing of it is ever a file of the host, nothing of it is left when it is dropped, and all that it takes is counted
//! before it is taken. Nothing here waits, so that the executor may carry it out: the lock is held for one operation, and
//! never while something is written to a disk.

mod content;
mod names;
mod room;
mod tree;

use super::{
    FileEntry, FileList, MOST_LISTED, MOST_PATHS,
    delivery::{Delivery, Intake, irregular, too_many},
    entry::Seen,
    ledger::{Quota, locked},
    session::Whence,
    table::{self, Table, end},
};
use crate::{budget::Budget, limits::Limits};
use content::Content;
use rustix::io::Errno;
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tree::{MemoryDirectory, ROOT, Tree, What};

/// What may be copied into it before a run, all files together: as much as standard input may be. What is more is for a
/// directory of the host.
const MOST_COPIED_IN: u64 = *sandgate_policy::ContextLimits::STDIN.end();

/// What the host puts in has a limit of its own.
const WHATEVER: Quota = Quota {
    bytes: u64::MAX,
    entries: u64::MAX,
    depth: usize::MAX,
    path: usize::MAX,
    open: usize::MAX,
};

/// How much of a file of the host is read at once.
const BATCH: usize = 64 << 10;

/// Files in memory, which runs can share.
#[derive(Debug, Clone)]
pub(super) struct Memory(Arc<Mutex<Tree>>);

/// A file as a run was given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenFile {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    /// When it was changed last, in nanoseconds since 1970.
    pub(crate) modified: u64,
}

type Opened = table::Opened<u64, u64>;

/// A run's view of files in memory. It is closed, and what only it held is gone, when it is dropped.
#[derive(Debug)]
pub(crate) struct MemorySession {
    tree: Arc<Mutex<Tree>>,
    pub(super) table: Table<u64, u64>,
    pub(super) quota: Quota,
    /// The time of what is done next, in nanoseconds since 1970.
    now: u64,
}

impl Memory {
    pub(super) fn new(now: u64) -> Self {
        Self(Arc::new(Mutex::new(Tree::new(now))))
    }

    /// Opens it for one run, in whose budget is counted what it makes of it.
    pub(super) fn session(&self, limits: &Limits, held: &Budget) -> MemorySession {
        let mut tree = locked(&self.0);
        if tree.runs == 0 {
            tree.room.count_in(held.for_files());
        }
        tree.runs = tree.runs.saturating_add(1);
        drop(tree);
        MemorySession {
            tree: Arc::clone(&self.0),
            table: Table::new(ROOT),
            quota: Quota::of(limits),
            now: 0,
        }
    }

    /// What of a file or directory is there, or made now.
    fn taken_in(&self, path: &str, what: What) -> io::Result<u64> {
        let now = now();
        locked(&self.0).as_the_host(|tree| match names::look(tree, ROOT, path) {
            Ok(node) => {
                let is_directory = matches!(what, What::Directory(_));
                if tree.is_directory(node) != is_directory {
                    return Err(irregular());
                }
                if !is_directory {
                    tree.resize(node, 0, &WHATEVER, now)?;
                }
                Ok(node)
            }
            Err(Errno::NOENT) => {
                let (above, name) = path.rsplit_once('/').unwrap_or((".", path));
                let above = names::look(tree, ROOT, above)?;
                Ok(tree.make(above, name, what, &WHATEVER, now)?)
            }
            Err(error) => Err(error.into()),
        })
    }

    fn fill(&self, node: u64, file: &mut File) -> io::Result<()> {
        let (now, mut batch, mut at) = (now(), vec![0; BATCH], 0_u64);
        loop {
            let taken = file.read(&mut batch)?;
            let bytes = batch.get(..taken).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            locked(&self.0).as_the_host(|tree| {
                if tree.room.given().saturating_add(taken) as u64 > MOST_COPIED_IN {
                    let most = bytesize::ByteSize::b(MOST_COPIED_IN).display().iec();
                    let message =
                        format!("files in memory are at most {most}; a directory may hold more");
                    return Err(io::Error::other(message));
                }
                Ok(tree.write(node, at, bytes, &WHATEVER, now)?)
            })?;
            at = at.saturating_add(taken as u64);
        }
    }

    /// Every file in it as it is, for a run that is to be made again.
    pub(super) fn given(&self) -> io::Result<Vec<GivenFile>> {
        let mut nodes = Vec::new();
        let tree = locked(&self.0);
        tree.files(|path, node, _| {
            nodes.push((path.to_owned(), node));
            true
        });
        let file = |(path, node): (String, u64)| {
            let [_, modified, _] = tree.seen(node)?.times;
            let content = tree.file(node)?;
            let mut bytes = vec![0; usize::try_from(content.size()).map_err(|_| Errno::FBIG)?];
            let taken = content.read(0, &mut bytes);
            bytes.truncate(taken);
            Ok(GivenFile {
                path,
                bytes,
                modified,
            })
        };
        nodes.into_iter().map(file).collect()
    }

    /// The same again.
    pub(super) fn again(files: &[GivenFile], now: u64) -> io::Result<Self> {
        let quota = Quota {
            bytes: u64::MAX,
            entries: u64::MAX,
            ..Quota::of(&Limits::default())
        };
        let mut tree = Tree::new(now);
        tree.as_the_host(|tree| {
            for file in files {
                let (above, name) = match file.path.rsplit_once('/') {
                    Some((above, name)) => (above, name),
                    None => ("", file.path.as_str()),
                };
                let mut directory = ROOT;
                for step in above.split('/').filter(|step| !step.is_empty()) {
                    directory = match tree.named(directory, step)? {
                        Some(known) => known,
                        None => {
                            let below = What::Directory(MemoryDirectory::default());
                            tree.make(directory, step, below, &quota, file.modified)?
                        }
                    };
                }
                let content = What::File(Content::default());
                let node = tree.make(directory, name, content, &quota, file.modified)?;
                tree.write(node, 0, &file.bytes, &quota, file.modified)?;
            }
            Ok::<_, Errno>(())
        })?;
        Ok(Self(Arc::new(Mutex::new(tree))))
    }

    /// The files that can be listed, and why it is not all of them. THREAT[DOS-13].
    pub(super) fn list(&self) -> FileList {
        let (mut listed, mut paths) = (FileList::default(), 0_usize);
        locked(&self.0).files(|path, _, size| {
            paths = paths.saturating_add(path.len());
            if listed.files.len() >= MOST_LISTED || paths > MOST_PATHS {
                listed.unlisted = Some(too_many(listed.files.len()));
                return false;
            }
            listed.files.push(FileEntry {
                path: path.to_owned(),
                size,
            });
            true
        });
        listed.files.sort_by(|a, b| a.path.cmp(&b.path));
        listed
    }

    /// All of one file.
    pub(super) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let tree = locked(&self.0);
        let node = names::look(&tree, ROOT, path)?;
        let content = tree.file(node).map_err(|_| irregular())?;
        let mut bytes = vec![0; usize::try_from(content.size()).map_err(|_| Errno::FBIG)?];
        let taken = content.read(0, &mut bytes);
        bytes.truncate(taken);
        Ok(bytes)
    }

    /// Copies every file out of it. Holes stay holes.
    pub(super) fn copy_out(
        &self,
        delivery: &Delivery,
    ) -> Result<Vec<FileEntry>, (String, io::Error)> {
        let mut files = Vec::new();
        locked(&self.0).files(|path, node, size| {
            files.push((path.to_owned(), node, size));
            true
        });
        files.sort();
        let mut copied = Vec::new();
        for (path, node, size) in files {
            let size = self
                .copy(&path, node, size, delivery)
                .map_err(|error| (path.clone(), error))?;
            copied.push(FileEntry { path, size });
        }
        Ok(copied)
    }

    fn copy(&self, path: &str, node: u64, size: u64, delivery: &Delivery) -> io::Result<u64> {
        let into = delivery.create(Path::new(path))?;
        into.set_len(size)?;
        let mut from = 0;
        // Where a run goes on meanwhile, what is copied may be of two moments, as on a disk.
        while let Some((number, at, mut bytes)) = self.piece(node, from) {
            let left = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX);
            bytes.truncate(left);
            into.write_all_at(&bytes, at)?;
            from = number.saturating_add(1);
        }
        Ok(size)
    }

    fn piece(&self, node: u64, from: u64) -> Option<(u64, u64, Vec<u8>)> {
        locked(&self.0).file(node).ok()?.piece(from)
    }

    /// What is counted, whatever is believed.
    #[cfg(test)]
    pub(in crate::workspace) fn tree(&self) -> std::sync::MutexGuard<'_, Tree> {
        locked(&self.0)
    }
}

impl Intake for &Memory {
    fn directory(&mut self, path: &str) -> io::Result<()> {
        let directory = What::Directory(MemoryDirectory::default());
        self.taken_in(path, directory).map(drop)
    }

    fn file(&mut self, path: &str, mut file: File) -> io::Result<()> {
        let node = self.taken_in(path, What::File(Content::default()))?;
        self.fill(node, &mut file)
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    nanos(since.unwrap_or_default())
}

pub(super) fn nanos(since: Duration) -> u64 {
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

impl MemorySession {
    /// The workspace that it is open in.
    pub(super) fn memory(&self) -> Memory {
        Memory(Arc::clone(&self.tree))
    }

    /// What is done next is done at this time, in milliseconds since 1970.
    pub(crate) fn at(&mut self, millis: u64) {
        self.now = millis.saturating_mul(1_000_000);
    }

    /// Numbers are counted in each workspace, so they say nothing. THREAT[SEC-01].
    pub(super) fn number(&self, seen: &Seen) -> u64 {
        seen.identity.inode
    }

    pub(super) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        release(&mut locked(&self.tree), &self.table.take(fd)?);
        Ok(())
    }

    pub(super) fn read(&mut self, fd: u32, room: &mut [u8]) -> Result<usize, Errno> {
        let reading = self.table.reading(fd)?;
        if !reading.modes.read {
            return Err(Errno::BADF);
        }
        let taken = locked(&self.tree)
            .file(reading.file)?
            .read(reading.at, room);
        reading.at = reading.at.saturating_add(taken as u64);
        Ok(taken)
    }

    /// Writes all of it, or nothing where there is no room. What lies between the end of a file and the place that is
    /// written to counts in the account, and takes no memory. THREAT[DOS-12].
    pub(super) fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<usize, Errno> {
        let reading = self.table.reading(fd)?;
        if !reading.modes.write {
            return Err(Errno::BADF);
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut tree = locked(&self.tree);
        let at = if reading.modes.append {
            tree.file(reading.file)?.size()
        } else {
            reading.at
        };
        let end = end(at, bytes.len() as u64)?;
        tree.write(reading.file, at, bytes, &self.quota, self.now)?;
        reading.at = end;
        Ok(bytes.len())
    }

    pub(super) fn set_size(&mut self, fd: u32, size: u64) -> Result<(), Errno> {
        let reading = self.table.reading(fd)?;
        if !reading.modes.write {
            return Err(Errno::INVAL);
        }
        end(size, 0)?;
        locked(&self.tree).resize(reading.file, size, &self.quota, self.now)
    }

    pub(super) fn seek(&mut self, fd: u32, offset: i64, whence: Whence) -> Result<u64, Errno> {
        let tree = &self.tree;
        self.table.seek(fd, offset, whence, |file| {
            Ok(locked(tree).file(*file)?.size())
        })
    }

    /// There is no disk.
    pub(super) fn sync(&mut self, fd: u32) -> Result<(), Errno> {
        self.table.reading(fd).map(drop)
    }

    pub(super) fn stat(&self, fd: u32) -> Result<Seen, Errno> {
        let node = match self.table.get(fd)? {
            Opened::Directory { dir, .. } => *dir,
            Opened::File(reading) => reading.file,
        };
        locked(&self.tree).seen(node)
    }

    pub(super) fn list(&mut self, fd: u32, from: u64, room: usize) -> Result<Vec<u8>, Errno> {
        let node = *self.table.listed(fd)?;
        locked(&self.tree).list(node, from, room)
    }
}

fn release(tree: &mut Tree, opened: &Opened) {
    match opened {
        Opened::Directory { first: true, .. } => {}
        Opened::Directory { dir, .. } => tree.closed(*dir),
        Opened::File(reading) => tree.closed(reading.file),
    }
}

impl Drop for MemorySession {
    fn drop(&mut self) {
        let mut tree = locked(&self.tree);
        for opened in self.table.take_all() {
            release(&mut tree, &opened);
        }
        tree.runs = tree.runs.saturating_sub(1);
    }
}
