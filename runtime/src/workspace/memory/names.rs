//! What a run does with paths in memory: opening, making, moving, removing. Driven through `session`; each answers as
//! `workspace::names` does for a directory of the host, to the number of the error.
//!
//! There are no links, and no path leads above the directory that it begins at.

use super::{
    MemorySession, Opened,
    content::Content,
    tree::{MemoryDirectory, Tree, What},
};
use crate::workspace::{entry::Seen, ledger::locked, place::Place, session::How, table::Reading};
use rustix::{
    fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT},
    io::Errno,
};

/// Bytes of one name, as on the file systems that its files will be copied to.
const LONGEST_NAME: usize = 255;

/// The last name of a path, and the directory that it is looked up in.
struct Spot<'a> {
    directory: u64,
    name: &'a str,
    /// Whether the path says that it is a directory.
    slash: bool,
}

/// What cannot be a path.
fn check(path: &str) -> Result<(), Errno> {
    if path.contains('\0') {
        Err(Errno::INVAL)
    } else if path.is_empty() {
        Err(Errno::NOENT)
    } else if path.starts_with('/') {
        Err(Errno::PERM)
    } else {
        Ok(())
    }
}

fn named(tree: &Tree, directory: u64, name: &str) -> Result<Option<u64>, Errno> {
    if !tree.is_directory(directory) {
        return Err(Errno::NOTDIR);
    }
    if name.len() > LONGEST_NAME {
        return Err(Errno::NAMETOOLONG);
    }
    tree.named(directory, name)
}

/// What a path leads to.
pub(super) fn look(tree: &Tree, from: u64, path: &str) -> Result<u64, Errno> {
    check(path)?;
    let mut here = from;
    let mut above = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." if tree.is_directory(here) => {}
            "" | "." => return Err(Errno::NOTDIR),
            ".." if tree.is_directory(here) => here = above.pop().ok_or(Errno::PERM)?,
            ".." => return Err(Errno::NOTDIR),
            name => {
                let below = named(tree, here, name)?.ok_or(Errno::NOENT)?;
                above.push(here);
                here = below;
            }
        }
    }
    Ok(here)
}

/// Splits a path; one that ends with dots has no last name, which is that error.
fn spot<'a>(tree: &Tree, from: u64, path: &'a str, dots: Errno) -> Result<Spot<'a>, Errno> {
    check(path)?;
    let last = path.trim_end_matches('/');
    let slash = last.len() < path.len();
    let (above, name) = match last.rsplit_once('/') {
        Some((above, name)) => (Some(above), name),
        None => (None, last),
    };
    if matches!(name, "." | "..") {
        return Err(dots);
    }
    let directory = match above {
        None => from,
        Some(above) => look(tree, from, above)?,
    };
    if !tree.is_directory(directory) {
        return Err(Errno::NOTDIR);
    }
    Ok(Spot {
        directory,
        name,
        slash,
    })
}

impl Spot<'_> {
    /// What has the name now.
    fn node(&self, tree: &Tree) -> Result<Option<u64>, Errno> {
        named(tree, self.directory, self.name)
    }

    /// Where the name lies; an error in a directory that has been removed.
    fn place(&self, tree: &Tree) -> Result<Place, Errno> {
        Ok(tree.place(self.directory)?.below(self.name))
    }
}

impl MemorySession {
    /// Whether something may lie there. THREAT[DOS-13].
    fn reachable(&self, place: Place) -> Result<(), Errno> {
        if place.depth <= self.quota.depth && place.length <= self.quota.path {
            Ok(())
        } else {
            Err(Errno::NAMETOOLONG)
        }
    }

    pub(in crate::workspace) fn open(
        &mut self,
        at: u32,
        path: &str,
        how: How,
    ) -> Result<u32, Errno> {
        how.check()?;
        let free = self.table.free(self.quota.open)?;
        let from = *self.table.directory(at)?.0;
        let mut tree = locked(&self.tree);
        let node = match look(&tree, from, path) {
            Ok(node) => {
                self.existing(&mut tree, node, how)?;
                node
            }
            Err(Errno::NOENT) if how.create => self.create(&mut tree, from, path)?,
            Err(error) => return Err(error),
        };
        tree.opened(node)?;
        let opened = if tree.is_directory(node) {
            Opened::Directory {
                dir: node,
                first: false,
            }
        } else {
            Opened::File(Reading::new(node, how.modes))
        };
        drop(tree);
        self.table.put(free, opened)
    }

    fn existing(&self, tree: &mut Tree, node: u64, how: How) -> Result<(), Errno> {
        if how.create && how.exclusive {
            return Err(Errno::EXIST);
        }
        if tree.is_directory(node) {
            if how.changes() || how.create {
                return Err(Errno::ISDIR);
            }
            return Ok(());
        }
        if how.directory {
            return Err(Errno::NOTDIR);
        }
        if how.truncate {
            tree.resize(node, 0, &self.quota, self.now)?;
        }
        Ok(())
    }

    fn create(&self, tree: &mut Tree, from: u64, path: &str) -> Result<u64, Errno> {
        let spot = spot(tree, from, path, Errno::ISDIR)?;
        if spot.slash {
            return Err(Errno::ISDIR);
        }
        self.reachable(spot.place(tree)?)?;
        let file = What::File(Content::default());
        tree.make(spot.directory, spot.name, file, &self.quota, self.now)
    }

    pub(in crate::workspace) fn make_directory(&self, at: u32, path: &str) -> Result<(), Errno> {
        let from = *self.table.directory(at)?.0;
        let mut tree = locked(&self.tree);
        let spot = spot(&tree, from, path, Errno::EXIST)?;
        if spot.node(&tree)?.is_some() {
            return Err(Errno::EXIST);
        }
        self.reachable(spot.place(&tree)?)?;
        let directory = What::Directory(MemoryDirectory::default());
        tree.make(spot.directory, spot.name, directory, &self.quota, self.now)?;
        Ok(())
    }

    pub(in crate::workspace) fn remove_directory(&self, at: u32, path: &str) -> Result<(), Errno> {
        let from = *self.table.directory(at)?.0;
        let mut tree = locked(&self.tree);
        let spot = spot(&tree, from, path, Errno::INVAL)?;
        let node = spot.node(&tree)?.ok_or(Errno::NOENT)?;
        if !tree.is_directory(node) {
            return Err(Errno::NOTDIR);
        }
        if !tree.is_empty(node) {
            return Err(Errno::NOTEMPTY);
        }
        tree.unname(spot.directory, spot.name, self.now)
    }

    pub(in crate::workspace) fn unlink(&self, at: u32, path: &str) -> Result<(), Errno> {
        let from = *self.table.directory(at)?.0;
        let mut tree = locked(&self.tree);
        let spot = spot(&tree, from, path, Errno::ISDIR)?;
        let node = spot.node(&tree)?.ok_or(Errno::NOENT)?;
        if tree.is_directory(node) {
            return Err(Errno::ISDIR);
        }
        if spot.slash {
            return Err(Errno::NOTDIR);
        }
        tree.unname(spot.directory, spot.name, self.now)
    }

    pub(in crate::workspace) fn rename(
        &self,
        at: u32,
        path: &str,
        to: u32,
        to_path: &str,
    ) -> Result<(), Errno> {
        let from = *self.table.directory(at)?.0;
        let mut tree = locked(&self.tree);
        let from = spot(&tree, from, path, Errno::BUSY)?;
        let to = spot(&tree, *self.table.directory(to)?.0, to_path, Errno::BUSY)?;
        let moved = from.node(&tree)?.ok_or(Errno::NOENT)?;
        let replaced = to.node(&tree)?;
        let is_directory = tree.is_directory(moved);
        if (from.slash || to.slash) && !is_directory {
            return Err(Errno::NOTDIR);
        }
        if replaced == Some(moved) {
            return Ok(());
        }
        let (old, new) = (from.place(&tree)?, to.place(&tree)?);
        if new.depth > old.depth || new.length > old.length {
            self.reachable(new.with(tree.extent(moved)))?;
        }
        if tree.is_above(moved, to.directory) {
            return Err(Errno::INVAL);
        }
        if let Some(replaced) = replaced {
            if tree.is_above(replaced, from.directory) {
                return Err(Errno::NOTEMPTY);
            }
            match (is_directory, tree.is_directory(replaced)) {
                (true, false) => return Err(Errno::NOTDIR),
                (false, true) => return Err(Errno::ISDIR),
                (true, true) if !tree.is_empty(replaced) => return Err(Errno::NOTEMPTY),
                _ => tree.unname(to.directory, to.name, self.now)?,
            }
        }
        tree.take_name(from.directory, from.name, self.now)?;
        tree.put(to.directory, to.name, moved, self.now)
    }

    pub(in crate::workspace) fn stat_path(
        &self,
        at: u32,
        path: &str,
        _follow: bool,
    ) -> Result<Seen, Errno> {
        let from = *self.table.directory(at)?.0;
        let tree = locked(&self.tree);
        tree.seen(look(&tree, from, path)?)
    }

    pub(in crate::workspace) fn set_times(
        &self,
        at: u32,
        path: &str,
        _follow: bool,
        times: &Timestamps,
    ) -> Result<(), Errno> {
        let from = *self.table.directory(at)?.0;
        let mut tree = locked(&self.tree);
        let node = look(&tree, from, path)?;
        let time = |time: &Timespec| match time.tv_nsec {
            UTIME_OMIT => None,
            UTIME_NOW => Some(self.now),
            nanos => {
                let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
                let nanos = u64::try_from(nanos).unwrap_or(0);
                Some(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
            }
        };
        let times = [time(&times.last_access), time(&times.last_modification)];
        tree.set_times(node, times, self.now)
    }
}
