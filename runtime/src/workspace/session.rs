//! The files of one run as WASI asks for them, wherever they are kept: in a directory of the host (`host`) or in memory
//! (`memory`). Driven by `sandbox::wasi::files`, which need not know which it is but for who waits: what is in memory is
//! done at once.
//!
//! Both must answer alike, to the number of every error: a script is not to notice where its files are. The model in
//! `tests` is compared with both.

use super::{entry::Seen, host::HostSession, memory::MemorySession};
use rustix::{fs::Timestamps, io::Errno};

/// A run's view of its workspace. It is closed, and gives back what only it held, when it is dropped.
#[derive(Debug)]
pub(crate) enum Mount {
    Host(Box<HostSession>),
    Memory(MemorySession),
}

/// How something is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct How {
    /// Follow a link that the path ends with.
    pub(crate) follow: bool,
    pub(crate) create: bool,
    /// Only create.
    pub(crate) exclusive: bool,
    pub(crate) truncate: bool,
    /// Only a directory.
    pub(crate) directory: bool,
    pub(crate) modes: Modes,
}

impl How {
    /// Whether the content of a file that is there already may change.
    pub(super) fn changes(&self) -> bool {
        self.modes.write || self.truncate
    }

    /// What is wanted of a directory must make sense.
    pub(super) fn check(&self) -> Result<(), Errno> {
        if self.directory && (self.create || self.exclusive || self.truncate) {
            return Err(Errno::INVAL);
        }
        Ok(())
    }
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
pub(crate) enum Descriptor {
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

/// The same of both.
macro_rules! either {
    ($session:expr, $files:ident => $act:expr) => {
        match $session {
            Mount::Host($files) => $act,
            Mount::Memory($files) => $act,
        }
    };
}

impl Mount {
    /// What a script sees as the number of a file.
    pub(crate) fn number(&self, seen: &Seen) -> u64 {
        either!(self, files => files.number(seen))
    }

    /// How many descriptors there are beside the directory that the run began with.
    pub(crate) fn open_files(&self) -> usize {
        either!(self, files => files.table.open_files())
    }

    pub(crate) fn describe(&self, fd: u32) -> Result<Descriptor, Errno> {
        either!(self, files => files.table.describe(fd))
    }

    /// Changes what can be changed of an open file.
    pub(crate) fn set_modes(
        &mut self,
        fd: u32,
        append: bool,
        nonblocking: bool,
    ) -> Result<(), Errno> {
        either!(self, files => files.table.set_modes(fd, append, nonblocking))
    }

    pub(crate) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        either!(self, files => files.close(fd))
    }

    /// The next bytes of a file, as many as there is room for; none at its end.
    pub(crate) fn read(&mut self, fd: u32, room: &mut [u8]) -> Result<usize, Errno> {
        either!(self, files => files.read(fd, room))
    }

    /// Writes as much as is taken; nothing where there may not be all of it.
    pub(crate) fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<usize, Errno> {
        either!(self, files => files.write(fd, bytes))
    }

    pub(crate) fn set_size(&mut self, fd: u32, size: u64) -> Result<(), Errno> {
        either!(self, files => files.set_size(fd, size))
    }

    pub(crate) fn seek(&mut self, fd: u32, offset: i64, whence: Whence) -> Result<u64, Errno> {
        either!(self, files => files.seek(fd, offset, whence))
    }

    pub(crate) fn sync(&mut self, fd: u32) -> Result<(), Errno> {
        either!(self, files => files.sync(fd))
    }

    pub(crate) fn stat(&self, fd: u32) -> Result<Seen, Errno> {
        either!(self, files => files.stat(fd))
    }

    /// What is in an open directory, from an entry on, in WASI's form; the last entry may be cut.
    pub(crate) fn list(&mut self, fd: u32, from: u64, room: usize) -> Result<Vec<u8>, Errno> {
        either!(self, files => files.list(fd, from, room))
    }

    /// Opens a file or directory, which is made where it is wanted and missing.
    pub(crate) fn open(&mut self, at: u32, path: &str, mut how: How) -> Result<u32, Errno> {
        if self.is_read_only() {
            how.create = self.without_changes(at, path, how)?;
        }
        either!(self, files => files.open(at, path, how))
    }

    /// Whether nothing in it may change.
    fn is_read_only(&self) -> bool {
        match self {
            Self::Host(files) => files.read_only,
            Self::Memory(_) => false,
        }
    }

    fn may_change(&self) -> Result<(), Errno> {
        if self.is_read_only() {
            return Err(Errno::ROFS);
        }
        Ok(())
    }

    /// What is left to be created where nothing may change: nothing. It is refused where something would have been, or where
    /// content could change; what would have failed anyway fails as it would have.
    fn without_changes(&self, at: u32, path: &str, how: How) -> Result<bool, Errno> {
        match self.stat_path(at, path, how.follow) {
            Ok(_) if how.exclusive => Err(Errno::EXIST),
            Ok(seen) if how.changes() && seen.is_file() => Err(Errno::ROFS),
            Ok(_) => Ok(false),
            Err(Errno::NOENT) if how.create => {
                let (above, _) = path
                    .trim_end_matches('/')
                    .rsplit_once('/')
                    .unwrap_or((".", path));
                self.stat_path(at, above, true)?;
                Err(Errno::ROFS)
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn make_directory(&self, at: u32, path: &str) -> Result<(), Errno> {
        if self.is_read_only() && self.stat_path(at, path, false).is_ok() {
            return Err(Errno::EXIST);
        }
        self.may_change()?;
        either!(self, files => files.make_directory(at, path))
    }

    pub(crate) fn remove_directory(&self, at: u32, path: &str) -> Result<(), Errno> {
        self.may_change()?;
        either!(self, files => files.remove_directory(at, path))
    }

    pub(crate) fn unlink(&self, at: u32, path: &str) -> Result<(), Errno> {
        self.may_change()?;
        either!(self, files => files.unlink(at, path))
    }

    /// Moves a file or a whole tree, all of which must be within reach where it comes to lie.
    pub(crate) fn rename(&self, at: u32, path: &str, to: u32, to_path: &str) -> Result<(), Errno> {
        self.may_change()?;
        either!(self, files => files.rename(at, path, to, to_path))
    }

    pub(crate) fn stat_path(&self, at: u32, path: &str, follow: bool) -> Result<Seen, Errno> {
        either!(self, files => files.stat_path(at, path, follow))
    }

    pub(crate) fn set_times(
        &self,
        at: u32,
        path: &str,
        follow: bool,
        times: &Timestamps,
    ) -> Result<(), Errno> {
        self.may_change()?;
        either!(self, files => files.set_times(at, path, follow, times))
    }

    /// What this run may take, made less.
    #[cfg(test)]
    pub(super) fn limit(&mut self, quota: super::ledger::Quota) {
        either!(self, files => files.quota = quota);
    }
}
