//! What a workspace holds, counted as it changes, and what a run may take of it. Kept by `directory` and `memory`, asked
//! by whoever changes something before it does.
//!
//! Every growth of a file passes through it, whatever descriptor it is written by and whether the file still has a name:
//! a file counts from when it is made until neither a name nor a descriptor is left. It must never be behind what is on
//! the disk. What another process does to an operator's directory meanwhile is counted when the next run begins.

use super::entry::{FileIdentity, Seen};
use crate::limits::Limits;
use rustix::io::Errno;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What one run may take. THREAT[DOS-12].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    /// Bytes of all files, holes included.
    pub(crate) bytes: u64,
    /// Names of files and directories.
    pub(crate) entries: u64,
    /// Names that lead to a file, one below the other.
    pub(crate) depth: usize,
    /// Bytes of those names, with the separators between them.
    pub(crate) path: usize,
    /// Open files and directories.
    pub(crate) open: usize,
}

impl Quota {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self {
            bytes: limits.workspace_bytes,
            entries: limits.workspace_files,
            depth: Limits::WORKSPACE_DEPTH,
            path: Limits::WORKSPACE_PATH,
            open: Limits::OPEN_FILES,
        }
    }
}

/// What a workspace holds.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(super) bytes: u64,
    pub(super) entries: u64,
}

impl Account {
    /// Whether a file may become that large.
    pub(super) fn may_grow(&self, quota: &Quota, from: u64, to: u64) -> Result<(), Errno> {
        let growth = to.saturating_sub(from);
        if growth == 0 || self.bytes.saturating_add(growth) <= quota.bytes {
            Ok(())
        } else {
            Err(Errno::NOSPC)
        }
    }

    /// A file was so large and now is so large.
    pub(super) fn resized(&mut self, from: u64, to: u64) {
        self.bytes = self.bytes.saturating_sub(from).saturating_add(to);
    }

    /// Whether there may be one more name.
    pub(super) fn may_name(&self, quota: &Quota) -> Result<(), Errno> {
        if self.entries < quota.entries {
            Ok(())
        } else {
            Err(Errno::NOSPC)
        }
    }

    pub(super) fn named(&mut self) {
        self.entries = self.entries.saturating_add(1);
    }

    pub(super) fn unnamed(&mut self) {
        self.entries = self.entries.saturating_sub(1);
    }
}

/// The account of one directory of the host; runs that share it share this.
#[derive(Debug, Default)]
pub(crate) struct FileLedger {
    pub(super) account: Account,
    /// How many descriptors each open file has.
    open: HashMap<FileIdentity, usize>,
    /// Runs that use the workspace now.
    pub(super) runs: usize,
    /// The most bytes that a run has been allowed here, or found here; nothing where there was no run yet.
    pub(super) most: Option<u64>,
}

impl FileLedger {
    /// A name is gone. `seen` is what it named, looked at before.
    pub(super) fn unnamed(&mut self, seen: &Seen) {
        self.account.unnamed();
        if seen.is_file() && seen.links <= 1 && !self.open.contains_key(&seen.identity) {
            self.account.resized(seen.size, 0);
        }
    }

    pub(super) fn opened(&mut self, identity: FileIdentity) {
        let descriptors = self.open.entry(identity).or_default();
        *descriptors = descriptors.saturating_add(1);
    }

    /// A descriptor is closed. `seen` is the file, looked at before; nothing where that could not be done, so that its
    /// bytes stay counted.
    pub(super) fn closed(&mut self, identity: FileIdentity, seen: Option<&Seen>) {
        if let Some(descriptors) = self.open.get_mut(&identity) {
            *descriptors = descriptors.saturating_sub(1);
            if *descriptors > 0 {
                return;
            }
        }
        self.open.remove(&identity);
        if let Some(seen) = seen.filter(|seen| seen.links == 0) {
            self.account.resized(seen.size, 0);
        }
    }
}

/// An operation that failed half-way has told its account nothing yet, so a poisoned lock guards nothing wrong.
pub(super) fn locked<T>(account: &Mutex<T>) -> MutexGuard<'_, T> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}
