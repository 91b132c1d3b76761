//! What one run has open in its workspace: a table of descriptors, and what is done with each. Made by `Workspace`,
//! driven by `sandbox::wasi::files`; what is done with paths is in `names`.
//!
//! Each operation blocks for as long as the file system takes, asks the ledger before it changes anything, and changes
//! nothing where it is refused. It must never hand out a number of the host.

use super::{
    entry::{Identity, Seen, number},
    ledger::{Budget, Ledger},
    listing::Listing,
    slots::Slot,
};
use cap_std::fs::{Dir, File, FileExt};
use rustix::io::Errno;
use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The first descriptor of a table; those before it are the standard streams.
const FIRST: u32 = 3;

/// A run's view of its workspace. It is closed, and gives back what only it held, when it is dropped.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) root: Dir,
    table: Vec<Option<Handle>>,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) budget: Budget,
    numbers: RandomState,
}

/// An open file or directory.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) opened: Opened,
    /// Of the process; the directory that a run begins with needs none.
    pub(super) _slot: Option<Slot>,
}

#[derive(Debug)]
pub(super) enum Opened {
    Directory {
        dir: Dir,
        listing: Listing,
        /// Whether it is the one that the run began with.
        first: bool,
    },
    File(Reading),
}

/// An open file, and where in it the next byte is read or written.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) file: File,
    pub(super) identity: Identity,
    pub(super) at: u64,
    pub(super) modes: Modes,
}

/// What an open file may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Modes {
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// Every write goes to the end.
    pub(crate) append: bool,
    /// Kept and reported; a file is never waited for.
    pub(crate) nonblocking: bool,
}

/// What a descriptor stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Described {
    Directory { first: bool },
    File(Modes),
}

/// Where a seek begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whence {
    Start,
    Here,
    End,
}

impl Session {
    /// `root` and `first` are one directory, opened twice, since each has a position of its own.
    pub(super) fn new(root: Dir, first: Dir, ledger: Arc<Mutex<Ledger>>, budget: Budget) -> Self {
        let first = Handle {
            opened: Opened::Directory {
                dir: first,
                listing: Listing::default(),
                first: true,
            },
            _slot: None,
        };
        Self {
            root,
            table: vec![Some(first)],
            ledger,
            budget,
            numbers: RandomState::new(),
        }
    }

    /// What a script sees as the number of a file: the same for a file as long as the run lasts, and nothing to be
    /// learned from it, since its key is of this run alone. THREAT[SEC-01].
    pub(crate) fn number(&self, seen: &Seen) -> u64 {
        self.numbers.hash_one(seen.identity)
    }

    pub(crate) fn describe(&self, fd: u32) -> Result<Described, Errno> {
        Ok(match &self.handle(fd)?.opened {
            Opened::Directory { first, .. } => Described::Directory { first: *first },
            Opened::File(reading) => Described::File(reading.modes),
        })
    }

    /// Changes what can be changed of an open file.
    pub(crate) fn set_modes(
        &mut self,
        fd: u32,
        append: bool,
        nonblocking: bool,
    ) -> Result<(), Errno> {
        let modes = &mut self.reading(fd)?.modes;
        (modes.append, modes.nonblocking) = (append, nonblocking);
        Ok(())
    }

    pub(crate) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        let slot = index(fd).and_then(|at| self.table.get_mut(at));
        let handle = slot.and_then(Option::take).ok_or(Errno::BADF)?;
        self.release(handle);
        Ok(())
    }

    fn release(&self, handle: Handle) {
        if let Opened::File(reading) = &handle.opened {
            let mut ledger = locked(&self.ledger);
            let seen = reading.file.metadata().ok().map(Seen::from);
            ledger.closed(reading.identity, seen.as_ref());
        }
    }

    /// The next bytes of a file, at most so many; none at its end.
    pub(crate) fn read(&mut self, fd: u32, most: usize) -> Result<Vec<u8>, Errno> {
        let reading = self.reading(fd)?;
        if !reading.modes.read {
            return Err(Errno::BADF);
        }
        let mut bytes = vec![0; most];
        let taken = reading.file.read_at(&mut bytes, reading.at);
        let taken = taken.map_err(|error| number(&error))?;
        bytes.truncate(taken);
        reading.at = reading.at.saturating_add(taken as u64);
        Ok(bytes)
    }

    /// Writes all of it, or as much as the disk takes; nothing where the budget has no room for all of it. What lies
    /// between the end of a file and the place that is written to counts as well. THREAT[DOS-12].
    pub(crate) fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<usize, Errno> {
        let (ledger, budget) = (Arc::clone(&self.ledger), self.budget);
        let reading = self.reading(fd)?;
        if !reading.modes.write {
            return Err(Errno::BADF);
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut ledger = locked(&ledger);
        let size = reading.size()?;
        let at = if reading.modes.append {
            size
        } else {
            reading.at
        };
        let end = end(at, bytes.len() as u64)?;
        ledger.may_grow(&budget, size, end)?;
        let written = reading.file.write_at(bytes, at);
        // A full disk may have taken a part.
        let now = match &written {
            Ok(written) if *written == bytes.len() => size.max(end),
            _ => reading.size()?,
        };
        ledger.resized(size, now);
        let written = written.map_err(|error| number(&error))?;
        reading.at = at.saturating_add(written as u64);
        Ok(written)
    }

    pub(crate) fn set_size(&mut self, fd: u32, size: u64) -> Result<(), Errno> {
        let (ledger, budget) = (Arc::clone(&self.ledger), self.budget);
        let reading = self.reading(fd)?;
        if !reading.modes.write {
            return Err(Errno::INVAL);
        }
        end(size, 0)?;
        let mut ledger = locked(&ledger);
        reading.resize(&mut ledger, &budget, size)
    }

    pub(crate) fn seek(&mut self, fd: u32, offset: i64, whence: Whence) -> Result<u64, Errno> {
        let reading = self.reading(fd)?;
        let from = match whence {
            Whence::Start => 0,
            Whence::Here => reading.at,
            Whence::End => reading.size()?,
        };
        let to = from.checked_add_signed(offset).ok_or(Errno::INVAL)?;
        reading.at = end(to, 0).map_err(|_| Errno::INVAL)?;
        Ok(to)
    }

    /// The file to be written to the disk, which takes as long as it takes and changes nothing that is counted.
    pub(crate) fn sync(&mut self, fd: u32) -> Result<(), Errno> {
        let reading = self.reading(fd)?;
        reading.file.sync_all().map_err(|error| number(&error))
    }

    pub(crate) fn stat(&self, fd: u32) -> Result<Seen, Errno> {
        let metadata = match &self.handle(fd)?.opened {
            Opened::Directory { dir, .. } => dir.dir_metadata(),
            Opened::File(reading) => reading.file.metadata(),
        };
        metadata.map(Seen::from).map_err(|error| number(&error))
    }

    /// What is in an open directory, from an entry on, in WASI's form; the last entry may be cut.
    pub(crate) fn list(&mut self, fd: u32, from: u64, room: usize) -> Result<Vec<u8>, Errno> {
        let numbers = self.numbers.clone();
        let handle = index(fd).and_then(|at| self.table.get_mut(at)?.as_mut());
        match handle.map(|handle| &mut handle.opened) {
            Some(Opened::Directory { dir, listing, .. }) => {
                listing.entries(dir, from, room, |identity| numbers.hash_one(identity))
            }
            _ => Err(Errno::BADF),
        }
    }

    /// A free number for one more descriptor. THREAT[DOS-13].
    pub(super) fn free(&self) -> Result<(usize, Slot), Errno> {
        let held = self.table.iter().flatten();
        let held = held.filter(|handle| handle._slot.is_some()).count();
        if held >= self.budget.open {
            return Err(Errno::MFILE);
        }
        let free = self.table.iter().position(Option::is_none);
        let slot = Slot::take().ok_or(Errno::NFILE)?;
        Ok((free.unwrap_or(self.table.len()), slot))
    }

    pub(super) fn put(&mut self, at: usize, handle: Handle) -> Result<u32, Errno> {
        if at == self.table.len() {
            self.table.push(None);
        }
        *self.table.get_mut(at).ok_or(Errno::MFILE)? = Some(handle);
        let number = u32::try_from(at).ok().and_then(|at| at.checked_add(FIRST));
        number.ok_or(Errno::MFILE)
    }

    fn handle(&self, fd: u32) -> Result<&Handle, Errno> {
        index(fd)
            .and_then(|at| self.table.get(at)?.as_ref())
            .ok_or(Errno::BADF)
    }

    fn reading(&mut self, fd: u32) -> Result<&mut Reading, Errno> {
        let handle = index(fd).and_then(|at| self.table.get_mut(at)?.as_mut());
        match handle.map(|handle| &mut handle.opened) {
            Some(Opened::File(reading)) => Ok(reading),
            _ => Err(Errno::BADF),
        }
    }

    /// A directory, and whether it is the workspace itself.
    pub(super) fn directory(&self, fd: u32) -> Result<(&Dir, bool), Errno> {
        match &self.handle(fd)?.opened {
            Opened::Directory { dir, first, .. } => Ok((dir, *first)),
            Opened::File(_) => Err(Errno::NOTDIR),
        }
    }

    /// Bytes of open files that have no name any more, which no walk finds.
    #[cfg(test)]
    pub(super) fn nameless(&self) -> u64 {
        let mut found = std::collections::HashMap::new();
        for handle in self.table.iter().flatten() {
            if let Opened::File(reading) = &handle.opened {
                let seen = reading.file.metadata().map(Seen::from);
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

impl Reading {
    fn size(&self) -> Result<u64, Errno> {
        let metadata = self.file.metadata().map_err(|error| number(&error))?;
        Ok(metadata.len())
    }

    pub(super) fn resize(
        &self,
        ledger: &mut Ledger,
        budget: &Budget,
        size: u64,
    ) -> Result<(), Errno> {
        let before = self.size()?;
        ledger.may_grow(budget, before, size)?;
        self.file.set_len(size).map_err(|error| number(&error))?;
        ledger.resized(before, size);
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for handle in std::mem::take(&mut self.table).into_iter().flatten() {
            self.release(handle);
        }
        let mut ledger = locked(&self.ledger);
        ledger.runs = ledger.runs.saturating_sub(1);
    }
}

fn index(fd: u32) -> Option<usize> {
    usize::try_from(fd.checked_sub(FIRST)?).ok()
}

/// The byte after the last one, which must be one that a file can have.
fn end(at: u64, length: u64) -> Result<u64, Errno> {
    let end = at.checked_add(length).ok_or(Errno::FBIG)?;
    if i64::try_from(end).is_ok() {
        Ok(end)
    } else {
        Err(Errno::FBIG)
    }
}

/// An operation that failed half-way has told the ledger nothing yet, so a poisoned lock guards nothing wrong.
pub(super) fn locked(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
