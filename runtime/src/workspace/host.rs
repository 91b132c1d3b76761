//! What one run has open in a directory of the host, and what is done with each. Made by `directory`, driven through
//! `session`; what is done with paths is in `names`.
//!
//! Each operation blocks for as long as the file system takes, asks the ledger before it changes anything, and changes
//! nothing where it is refused. It must never hand out a number of the host.

use super::{
    entry::{FileIdentity, Seen, number},
    ledger::{FileLedger, Quota, locked},
    listing::Listing,
    session::Whence,
    slots::Slot,
    table::{self, Table, end},
};
use cap_std::fs::{Dir, File, FileExt};
use rustix::io::Errno;
use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::{Arc, Mutex},
};

/// A run's view of a directory of the host. It is closed, and gives back what only it held, when it is dropped.
#[derive(Debug)]
pub(crate) struct HostSession {
    pub(super) root: Dir,
    pub(super) table: Table<OpenDirectory, OpenFile>,
    pub(super) ledger: Arc<Mutex<FileLedger>>,
    pub(super) quota: Quota,
    /// Whether nothing in it may change.
    pub(super) read_only: bool,
    numbers: RandomState,
}

pub(super) type Opened = table::Opened<OpenDirectory, OpenFile>;
pub(super) type Reading = table::Reading<OpenFile>;

/// An open directory, and how far it has been listed.
#[derive(Debug)]
pub(super) struct OpenDirectory {
    pub(super) dir: Dir,
    pub(super) listing: Listing,
    /// Of the process; the directory that a run begins with needs none.
    pub(super) _slot: Option<Slot>,
}

#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) identity: FileIdentity,
    pub(super) _slot: Slot,
}

impl HostSession {
    /// `root` and `first` are one directory, opened twice, since each has a position of its own.
    pub(super) fn new(
        root: Dir,
        first: Dir,
        ledger: Arc<Mutex<FileLedger>>,
        quota: Quota,
        read_only: bool,
    ) -> Self {
        let first = OpenDirectory {
            dir: first,
            listing: Listing::default(),
            _slot: None,
        };
        Self {
            root,
            table: Table::new(first),
            ledger,
            quota,
            read_only,
            numbers: RandomState::new(),
        }
    }

    /// What a script sees as the number of a file: the same for a file as long as the run lasts, and nothing to be
    /// learned from it, since its key is of this run alone. THREAT[SEC-01].
    pub(super) fn number(&self, seen: &Seen) -> u64 {
        self.numbers.hash_one(seen.identity)
    }

    pub(super) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        let opened = self.table.take(fd)?;
        self.release(opened);
        Ok(())
    }

    fn release(&self, opened: Opened) {
        if let Opened::File(reading) = &opened {
            let mut ledger = locked(&self.ledger);
            let seen = reading.file.file.metadata().ok().map(Seen::from);
            ledger.closed(reading.file.identity, seen.as_ref());
        }
    }

    /// The next bytes of a file, as many as there is room for; none at its end.
    pub(super) fn read(&mut self, fd: u32, room: &mut [u8]) -> Result<usize, Errno> {
        let reading = self.table.reading(fd)?;
        if !reading.modes.read {
            return Err(Errno::BADF);
        }
        let taken = reading.file.file.read_at(room, reading.at);
        let taken = taken.map_err(|error| number(&error))?;
        reading.at = reading.at.saturating_add(taken as u64);
        Ok(taken)
    }

    /// Writes all of it, or as much as the disk takes; nothing where the quota has no room for all of it. What lies
    /// between the end of a file and the place that is written to counts as well. THREAT[DOS-12].
    pub(super) fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<usize, Errno> {
        let (ledger, quota) = (Arc::clone(&self.ledger), self.quota);
        let reading = self.table.reading(fd)?;
        if !reading.modes.write {
            return Err(Errno::BADF);
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut ledger = locked(&ledger);
        let size = reading.file.size()?;
        let at = if reading.modes.append {
            size
        } else {
            reading.at
        };
        let end = end(at, bytes.len() as u64)?;
        ledger.account.may_grow(&quota, size, end)?;
        let written = reading.file.file.write_at(bytes, at);
        // A full disk may have taken a part.
        let now = match &written {
            Ok(written) if *written == bytes.len() => size.max(end),
            _ => reading.file.size()?,
        };
        ledger.account.resized(size, now);
        let written = written.map_err(|error| number(&error))?;
        reading.at = at.saturating_add(written as u64);
        Ok(written)
    }

    pub(super) fn set_size(&mut self, fd: u32, size: u64) -> Result<(), Errno> {
        let (ledger, quota) = (Arc::clone(&self.ledger), self.quota);
        let reading = self.table.reading(fd)?;
        if !reading.modes.write {
            return Err(Errno::INVAL);
        }
        end(size, 0)?;
        let mut ledger = locked(&ledger);
        reading.file.resize(&mut ledger, &quota, size)
    }

    pub(super) fn seek(&mut self, fd: u32, offset: i64, whence: Whence) -> Result<u64, Errno> {
        self.table.seek(fd, offset, whence, OpenFile::size)
    }

    /// The file to be written to the disk, which takes as long as it takes and changes nothing that is counted.
    pub(super) fn sync(&mut self, fd: u32) -> Result<(), Errno> {
        let reading = self.table.reading(fd)?;
        reading.file.file.sync_all().map_err(|error| number(&error))
    }

    pub(super) fn stat(&self, fd: u32) -> Result<Seen, Errno> {
        let metadata = match self.table.get(fd)? {
            Opened::Directory { dir, .. } => dir.dir.dir_metadata(),
            Opened::File(reading) => reading.file.file.metadata(),
        };
        metadata.map(Seen::from).map_err(|error| number(&error))
    }

    /// What is in an open directory, from an entry on, in WASI's form; the last entry may be cut.
    pub(super) fn list(&mut self, fd: u32, from: u64, room: usize) -> Result<Vec<u8>, Errno> {
        let numbers = self.numbers.clone();
        let OpenDirectory { dir, listing, .. } = self.table.listed(fd)?;
        listing.entries(dir, from, room, |identity| numbers.hash_one(identity))
    }

    /// A place for one more descriptor, and one of the process for it. THREAT[DOS-13].
    pub(super) fn free(&self) -> Result<(usize, Slot), Errno> {
        let free = self.table.free(self.quota.open)?;
        Ok((free, Slot::take().ok_or(Errno::NFILE)?))
    }

    /// A directory, and whether it is the workspace itself.
    pub(super) fn directory(&self, fd: u32) -> Result<(&Dir, bool), Errno> {
        let (directory, first) = self.table.directory(fd)?;
        Ok((&directory.dir, first))
    }

    /// Bytes of open files that have no name any more, which no walk finds.
    #[cfg(test)]
    pub(super) fn nameless(&self) -> u64 {
        let mut found = std::collections::HashMap::new();
        for opened in self.table.iter() {
            if let Opened::File(reading) = opened {
                let seen = reading.file.file.metadata().map(Seen::from);
                if let Ok(seen) = seen
                    && seen.links == 0
                {
                    found.insert(seen.identity, seen.size);
                }
            }
        }
        found.values().sum()
    }
}

impl OpenFile {
    /// An opened file, if it is one.
    pub(super) fn new(file: File, slot: Slot) -> Result<Self, Errno> {
        let seen = Seen::from(file.metadata().map_err(|error| number(&error))?);
        if !seen.is_file() {
            return Err(Errno::PERM);
        }
        Ok(Self {
            file,
            identity: seen.identity,
            _slot: slot,
        })
    }

    fn size(&self) -> Result<u64, Errno> {
        let metadata = self.file.metadata().map_err(|error| number(&error))?;
        Ok(metadata.len())
    }

    pub(super) fn resize(
        &self,
        ledger: &mut FileLedger,
        quota: &Quota,
        size: u64,
    ) -> Result<(), Errno> {
        let before = self.size()?;
        ledger.account.may_grow(quota, before, size)?;
        self.file.set_len(size).map_err(|error| number(&error))?;
        ledger.account.resized(before, size);
        Ok(())
    }
}

impl Drop for HostSession {
    fn drop(&mut self) {
        for opened in self.table.take_all() {
            self.release(opened);
        }
        let mut ledger = locked(&self.ledger);
        ledger.runs = ledger.runs.saturating_sub(1);
    }
}
