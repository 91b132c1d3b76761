//! The files and directories of one workspace in memory: a flat table from number to node, so that taking it away takes
//! neither stack nor time that its shape could choose (THREAT[DOS-13]), and the account of what is in it. Kept by
//! `memory`; what is done with paths is in `names`.
//!
//! Numbers are counted and never used again, so that they say nothing of the host and are the same in a replay.
//! Whatever takes memory of the host is asked for before it is taken.

use super::{content::Content, room::Room};
use crate::workspace::{
    entry::{FileIdentity, Seen},
    ledger::{Account, Quota},
    listing::write_entry,
    place::Place,
};
use rustix::{fs::FileType, io::Errno};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The workspace itself.
pub(super) const ROOT: u64 = 1;

/// What a name takes of the host's memory at most, what it names included, but for a file's bytes.
const ENTRY: usize = 1280;

/// The entries of a directory begin at this place; before them are the directory itself and the one above it.
const FIRST_PLACE: u64 = 2;

pub(in crate::workspace) struct Tree {
    nodes: HashMap<u64, MemoryNode>,
    /// The number of the next node.
    next: u64,
    pub(in crate::workspace) account: Account,
    pub(in crate::workspace) room: Room,
    /// Runs that use it now.
    pub(super) runs: usize,
}

pub(super) struct MemoryNode {
    what: What,
    /// Of the last access, modification and change, in nanoseconds since 1970.
    times: [u64; 3],
    /// Descriptors.
    open: usize,
    named: bool,
}

pub(super) enum What {
    File(Content),
    Directory(MemoryDirectory),
}

/// The names in a directory, and the order in which they were made: a listing that goes on after some of them are gone,
/// or after others came, misses none of the rest and gives none twice.
#[derive(Default)]
pub(super) struct MemoryDirectory {
    names: BTreeMap<Arc<str>, DirectoryEntry>,
    order: BTreeMap<u64, Arc<str>>,
    /// The place of the next name.
    next: u64,
    /// The directory above, and the length of its own name there.
    above: Option<(u64, usize)>,
}

#[derive(Clone, Copy)]
struct DirectoryEntry {
    node: u64,
    place: u64,
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tree").field(&self.account).finish()
    }
}

impl Tree {
    pub(super) fn new(now: u64) -> Self {
        let root = MemoryNode {
            what: What::Directory(MemoryDirectory::default()),
            times: [now; 3],
            open: 0,
            named: true,
        };
        Self {
            nodes: HashMap::from([(ROOT, root)]),
            next: ROOT + 1,
            account: Account::default(),
            room: Room::default(),
            runs: 0,
        }
    }

    /// What the host itself puts in is not counted in the budget of a run, whenever it is put in.
    pub(in crate::workspace) fn as_the_host<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> R {
        let share = self.room.take_share();
        let done = act(self);
        self.room.put_share(share);
        done
    }

    fn node(&self, number: u64) -> Result<&MemoryNode, Errno> {
        self.nodes.get(&number).ok_or(Errno::NOENT)
    }

    fn node_mut(&mut self, number: u64) -> Result<&mut MemoryNode, Errno> {
        self.nodes.get_mut(&number).ok_or(Errno::NOENT)
    }

    fn directory(&self, number: u64) -> Result<&MemoryDirectory, Errno> {
        match &self.node(number)?.what {
            What::Directory(directory) => Ok(directory),
            What::File(_) => Err(Errno::NOTDIR),
        }
    }

    fn directory_mut(&mut self, number: u64) -> Result<&mut MemoryDirectory, Errno> {
        match &mut self.node_mut(number)?.what {
            What::Directory(directory) => Ok(directory),
            What::File(_) => Err(Errno::NOTDIR),
        }
    }

    pub(super) fn file(&self, number: u64) -> Result<&Content, Errno> {
        match &self.node(number)?.what {
            What::File(content) => Ok(content),
            What::Directory(_) => Err(Errno::BADF),
        }
    }

    pub(super) fn is_directory(&self, number: u64) -> bool {
        self.directory(number).is_ok()
    }

    pub(super) fn is_empty(&self, number: u64) -> bool {
        self.directory(number)
            .is_ok_and(|directory| directory.names.is_empty())
    }

    /// What has a name in a directory.
    pub(super) fn named(&self, directory: u64, name: &str) -> Result<Option<u64>, Errno> {
        let entry = self.directory(directory)?.names.get(name);
        Ok(entry.map(|entry| entry.node))
    }

    pub(super) fn seen(&self, number: u64) -> Result<Seen, Errno> {
        let node = self.node(number)?;
        let (kind, size) = match &node.what {
            What::File(content) => (FileType::RegularFile, content.size()),
            What::Directory(_) => (FileType::Directory, 0),
        };
        Ok(Seen {
            identity: FileIdentity {
                device: 0,
                inode: number,
            },
            kind,
            links: node.named.into(),
            size,
            times: node.times,
        })
    }

    /// The directory above one, and the length of its name there; none above the first, and an error where it has been
    /// removed.
    fn above(&self, directory: u64) -> Result<Option<(u64, usize)>, Errno> {
        let above = self.directory(directory)?.above;
        match above {
            None if directory != ROOT => Err(Errno::NOENT),
            above => Ok(above),
        }
    }

    /// Where a directory lies.
    pub(super) fn place(&self, mut directory: u64) -> Result<Place, Errno> {
        let mut place = Place::default();
        while let Some((above, length)) = self.above(directory)? {
            place = Place { depth: 1, length }.with(place);
            directory = above;
        }
        Ok(place)
    }

    /// Whether one directory is another or lies above it.
    pub(super) fn is_above(&self, node: u64, mut other: u64) -> bool {
        loop {
            if node == other {
                return true;
            }
            match self.above(other) {
                Ok(Some((above, _))) => other = above,
                _ => return false,
            }
        }
    }

    /// How deep, and how long, what is in a directory is; nothing where it is a file.
    pub(super) fn extent(&self, node: u64) -> Place {
        let mut extent = Place::default();
        let mut pending = vec![(node, Place::default())];
        while let Some((directory, place)) = pending.pop() {
            let Ok(directory) = self.directory(directory) else {
                continue;
            };
            for (name, entry) in &directory.names {
                let place = place.below(name);
                extent.depth = extent.depth.max(place.depth);
                extent.length = extent.length.max(place.length);
                pending.push((entry.node, place));
            }
        }
        extent
    }

    /// Makes something with a name that nothing has.
    pub(super) fn make(
        &mut self,
        directory: u64,
        name: &str,
        what: What,
        quota: &Quota,
        now: u64,
    ) -> Result<u64, Errno> {
        self.account.may_name(quota)?;
        self.directory(directory)?;
        self.room.take(ENTRY)?;
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.nodes.insert(
            number,
            MemoryNode {
                what,
                times: [now; 3],
                open: 0,
                named: false,
            },
        );
        self.account.named();
        self.put(directory, name, number, now)?;
        Ok(number)
    }

    /// Gives a node a name, which is counted already.
    pub(super) fn put(
        &mut self,
        directory: u64,
        name: &str,
        node: u64,
        now: u64,
    ) -> Result<(), Errno> {
        let into = self.directory_mut(directory)?;
        let (name, place) = (Arc::<str>::from(name), into.next);
        into.next = into.next.saturating_add(1);
        into.names
            .insert(Arc::clone(&name), DirectoryEntry { node, place });
        let length = name.len();
        into.order.insert(place, name);
        self.changed(directory, now);
        let named = self.node_mut(node)?;
        named.named = true;
        if let What::Directory(below) = &mut named.what {
            below.above = Some((directory, length));
        }
        let [_, _, changed] = &mut named.times;
        *changed = now;
        Ok(())
    }

    /// Takes a name away, which stays counted.
    pub(super) fn take_name(&mut self, directory: u64, name: &str, now: u64) -> Result<u64, Errno> {
        let from = self.directory_mut(directory)?;
        let entry = from.names.remove(name).ok_or(Errno::NOENT)?;
        from.order.remove(&entry.place);
        self.changed(directory, now);
        Ok(entry.node)
    }

    /// Removes a name, and what it named once nothing holds that open.
    pub(super) fn unname(&mut self, directory: u64, name: &str, now: u64) -> Result<(), Errno> {
        let number = self.take_name(directory, name, now)?;
        self.account.unnamed();
        self.room.give_back(ENTRY);
        let node = self.node_mut(number)?;
        node.named = false;
        if let What::Directory(directory) = &mut node.what {
            directory.above = None;
        }
        let [_, _, changed] = &mut node.times;
        *changed = now;
        self.drop_unused(number);
        Ok(())
    }

    pub(super) fn opened(&mut self, number: u64) -> Result<(), Errno> {
        let node = self.node_mut(number)?;
        node.open = node.open.saturating_add(1);
        Ok(())
    }

    pub(super) fn closed(&mut self, number: u64) {
        if let Ok(node) = self.node_mut(number) {
            node.open = node.open.saturating_sub(1);
            self.drop_unused(number);
        }
    }

    fn drop_unused(&mut self, number: u64) {
        let unused = |node: &MemoryNode| !node.named && node.open == 0 && number != ROOT;
        if !self.nodes.get(&number).is_some_and(unused) {
            return;
        }
        if let Some(MemoryNode {
            what: What::File(content),
            ..
        }) = self.nodes.remove(&number)
        {
            self.account.resized(content.size(), 0);
            self.room.give_back(content.held());
        }
    }

    /// Writes all of it, or nothing where there is no room. THREAT[DOS-12].
    pub(super) fn write(
        &mut self,
        number: u64,
        at: u64,
        bytes: &[u8],
        quota: &Quota,
        now: u64,
    ) -> Result<(), Errno> {
        let content = self.file(number)?;
        let (size, growth) = (content.size(), content.growth(at, bytes.len()));
        let end = at.saturating_add(bytes.len() as u64);
        self.account.may_grow(quota, size, end)?;
        self.room.take(growth)?;
        self.account.resized(size, size.max(end));
        self.change(number, now, |content| content.write(at, bytes))
    }

    pub(super) fn resize(
        &mut self,
        number: u64,
        size: u64,
        quota: &Quota,
        now: u64,
    ) -> Result<(), Errno> {
        let before = self.file(number)?.size();
        self.account.may_grow(quota, before, size)?;
        self.account.resized(before, size);
        let freed = self.change(number, now, |content| content.resize(size))?;
        self.room.give_back(freed);
        Ok(())
    }

    fn change<R>(
        &mut self,
        number: u64,
        now: u64,
        act: impl FnOnce(&mut Content) -> R,
    ) -> Result<R, Errno> {
        let node = self.node_mut(number)?;
        let [_, modified, changed] = &mut node.times;
        (*modified, *changed) = (now, now);
        match &mut node.what {
            What::File(content) => Ok(act(content)),
            What::Directory(_) => Err(Errno::BADF),
        }
    }

    fn changed(&mut self, number: u64, now: u64) {
        if let Ok(node) = self.node_mut(number) {
            let [_, modified, changed] = &mut node.times;
            (*modified, *changed) = (now, now);
        }
    }

    /// Sets the times of access and modification, where they are given.
    pub(super) fn set_times(
        &mut self,
        number: u64,
        times: [Option<u64>; 2],
        now: u64,
    ) -> Result<(), Errno> {
        let [accessed, modified, changed] = &mut self.node_mut(number)?.times;
        let [new_accessed, new_modified] = times;
        *accessed = new_accessed.unwrap_or(*accessed);
        *modified = new_modified.unwrap_or(*modified);
        *changed = now;
        Ok(())
    }

    /// Up to `room` bytes of a directory's entries from a place on, as WASI wants them.
    pub(super) fn list(&self, number: u64, from: u64, room: usize) -> Result<Vec<u8>, Errno> {
        let directory = self.directory(number)?;
        let mut found = Vec::new();
        // The directory above is not always the script's to know.
        for (place, name) in [".", ".."].into_iter().enumerate() {
            let next = u64::try_from(place).unwrap_or(0).saturating_add(1);
            if next > from {
                write_entry(&mut found, next, number, FileType::Directory, name);
            }
        }
        let from = from.saturating_sub(FIRST_PLACE);
        for (place, name) in directory.order.range(from..) {
            if found.len() >= room {
                break;
            }
            let next = place.saturating_add(FIRST_PLACE).saturating_add(1);
            if let Some(entry) = directory.names.get(name) {
                let kind = self.seen(entry.node)?.kind;
                write_entry(&mut found, next, entry.node, kind, name);
            }
        }
        found.truncate(room);
        Ok(found)
    }

    /// Every file, with its path, until that is enough; not in their order.
    pub(super) fn files(&self, mut meet: impl FnMut(&str, u64, u64) -> bool) {
        let mut pending = vec![(ROOT, String::new())];
        while let Some((number, path)) = pending.pop() {
            let Ok(directory) = self.directory(number) else {
                continue;
            };
            for (name, entry) in &directory.names {
                let mut below = path.clone();
                if !below.is_empty() {
                    below.push('/');
                }
                below.push_str(name);
                match self.file(entry.node) {
                    Ok(content) if !meet(&below, entry.node, content.size()) => return,
                    Ok(_) => {}
                    Err(_) => pending.push((entry.node, below)),
                }
            }
        }
    }

    /// Bytes, names and held memory, found by looking at everything.
    #[cfg(test)]
    pub(in crate::workspace) fn counted(&self) -> (u64, u64, usize) {
        let (mut bytes, mut entries, mut held) = (0, 0, 0);
        for node in self.nodes.values() {
            match &node.what {
                What::File(content) => {
                    assert!(node.named || node.open > 0);
                    bytes += content.size();
                    held += content.held();
                }
                What::Directory(directory) => {
                    assert_eq!(directory.names.len(), directory.order.len());
                    entries += directory.names.len() as u64;
                    held += directory.names.len() * ENTRY;
                }
            }
        }
        (bytes, entries, held)
    }
}

/// Trees that no run could make.
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
impl Tree {
    const BOUNDLESS: Quota = Quota {
        bytes: u64::MAX,
        entries: u64::MAX,
        depth: usize::MAX,
        path: usize::MAX,
        open: usize::MAX,
    };

    /// A chain of directories.
    pub(in crate::workspace) fn dig(&mut self, levels: usize) {
        let mut here = ROOT;
        for _ in 0..levels {
            let what = What::Directory(MemoryDirectory::default());
            here = self.make(here, "d", what, &Self::BOUNDLESS, 0).unwrap();
        }
    }

    /// Many directories in the first.
    pub(in crate::workspace) fn widen(&mut self, many: usize) {
        for at in 0..many {
            let (what, name) = (What::Directory(MemoryDirectory::default()), format!("{at}"));
            self.make(ROOT, &name, what, &Self::BOUNDLESS, 0).unwrap();
        }
    }
}
