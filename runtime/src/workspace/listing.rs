//! The entries of an open directory, a batch at a time, as `host` hands them to a script.
//!
//! Neither their order, nor what stands for a place among them, nor their numbers are the file system's own: the first two
//! would be hashes of names under a key of the host's disk. A batch is sorted by name, and places are counted. Reading from
//! the beginning lists anew.

use super::{
    entry::{self, FileIdentity, Seen},
    walk::BATCH,
};
use cap_std::fs::Dir;
use rustix::{
    fs::{FileType, RawDir, SeekFrom, seek},
    io::Errno,
};

/// What is kept of one open directory: at most one batch.
#[derive(Debug, Default)]
pub(super) struct Listing {
    entries: Vec<Item>,
    /// The place of the first of them.
    first: u64,
    /// Whether there is nothing after them.
    whole: bool,
}

#[derive(Debug)]
struct Item {
    name: String,
    inode: u64,
    kind: FileType,
}

impl Listing {
    /// Up to `room` bytes of entries from a place on, as WASI wants them.
    pub(super) fn entries(
        &mut self,
        dir: &Dir,
        mut place: u64,
        room: usize,
        number: impl Fn(FileIdentity) -> u64,
    ) -> Result<Vec<u8>, Errno> {
        let own = Seen::from(dir.dir_metadata().map_err(|error| entry::number(&error))?).identity;
        if place == 0 || place < self.first {
            seek(dir, SeekFrom::Start(0))?;
            *self = Self::default();
        }
        let mut found = Vec::new();
        while found.len() < room {
            let behind = place.saturating_sub(self.first);
            let item = usize::try_from(behind).ok();
            if let Some(item) = item.and_then(|at| self.entries.get(at)) {
                place = place.saturating_add(1);
                // The directory above is not always the script's to know.
                let dots = item.name == "." || item.name == "..";
                let inode = if dots { own.inode } else { item.inode };
                let identity = FileIdentity { inode, ..own };
                write_entry(&mut found, place, number(identity), item.kind, &item.name);
            } else if self.whole {
                break;
            } else {
                self.advance(dir)?;
            }
        }
        found.truncate(room);
        Ok(found)
    }

    /// Puts the next batch in place of this one.
    fn advance(&mut self, dir: &Dir) -> Result<(), Errno> {
        self.first = self.first.saturating_add(self.entries.len() as u64);
        self.entries.clear();
        let mut buffer = Vec::with_capacity(BATCH);
        let mut batch = RawDir::new(dir, buffer.spare_capacity_mut());
        loop {
            let Some(entry) = batch.next() else {
                self.whole = true;
                break;
            };
            let entry = match entry {
                Ok(entry) => entry,
                // The directory was removed.
                Err(Errno::NOENT) => {
                    self.whole = true;
                    break;
                }
                Err(error) => return Err(error),
            };
            // A name that is not UTF-8 is none that a script could pass.
            if let Ok(name) = entry.file_name().to_str() {
                self.entries.push(Item {
                    name: name.to_owned(),
                    inode: entry.ino(),
                    kind: entry.file_type(),
                });
            }
            if batch.is_buffer_empty() {
                break;
            }
        }
        self.entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }
}

/// One entry as WASI wants it: the next place, a number, the length of the name, the kind, the name.
pub(super) fn write_entry(found: &mut Vec<u8>, next: u64, number: u64, kind: FileType, name: &str) {
    found.extend_from_slice(&next.to_le_bytes());
    found.extend_from_slice(&number.to_le_bytes());
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    found.extend_from_slice(&length.to_le_bytes());
    found.extend_from_slice(&[kind_number(kind), 0, 0, 0]);
    found.extend_from_slice(name.as_bytes());
}

/// WASI's number of a kind of file.
pub(crate) fn kind_number(kind: FileType) -> u8 {
    match kind {
        FileType::BlockDevice => 1,
        FileType::CharacterDevice => 2,
        FileType::Directory => 3,
        FileType::RegularFile => 4,
        FileType::Socket => 6,
        FileType::Symlink => 7,
        FileType::Fifo | FileType::Unknown => 0,
    }
}
