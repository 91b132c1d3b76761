//! Going through a tree of directories, whatever its shape: with a list and not with the stack, and with two descriptors
//! however deep it is. Called by what lists, measures and copies. It must never follow a link.

use super::entry::{FileIdentity, Seen, number};
use cap_std::fs::Dir;
use rustix::{
    fs::{FileType, Mode, OFlags, RawDir, openat},
    io::Errno,
};
use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::unix::ffi::OsStrExt,
};

/// How a directory is opened, to be read.
const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// How much of a directory is read at once; some hundred entries.
pub(super) const BATCH: usize = 32 * 1024;

/// One name on the way.
#[derive(Debug)]
pub(super) struct WalkEntry<'a> {
    /// Where it lies.
    pub(super) dir: &'a Dir,
    pub(super) name: &'a CStr,
    pub(super) kind: FileType,
    /// The names above it.
    above: &'a [u8],
    /// How many there are.
    pub(super) depth: usize,
}

impl WalkEntry<'_> {
    /// The bytes of its path from where the walk began.
    pub(super) fn length(&self) -> usize {
        let separator = usize::from(!self.above.is_empty());
        self.above
            .len()
            .saturating_add(separator)
            .saturating_add(self.name.count_bytes())
    }

    /// That path.
    pub(super) fn path(&self) -> Vec<u8> {
        let mut path = self.above.to_vec();
        join(&mut path, self.name);
        path
    }

    pub(super) fn seen(&self) -> io::Result<Seen> {
        let name = OsStr::from_bytes(self.name.to_bytes());
        self.dir.symlink_metadata(name).map(Seen::from)
    }
}

/// Where the walk goes after an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// On, and later into the entry where it is a directory.
    In,
    /// Nowhere; the walk is over.
    Stop,
}

/// What is done on the way.
pub(super) trait Visit {
    fn meet(&mut self, entry: &WalkEntry<'_>) -> io::Result<Next>;

    /// A directory cannot be opened or read.
    fn closed(&mut self, path: &[u8], error: io::Error) -> io::Result<()>;
}

/// A directory that the walk is somewhere below.
struct Level {
    identity: FileIdentity,
    /// Its directories that have not been entered yet.
    pending: Vec<CString>,
    /// The length of its path.
    length: usize,
}

/// Meets everything below a directory, a directory before what is in it. THREAT[DOS-13].
pub(super) fn walk(root: &Dir, visit: &mut impl Visit) -> io::Result<()> {
    let mut here = open(root, c".")?;
    let mut path = Vec::new();
    let mut levels: Vec<Level> = Vec::new();
    let mut buffer = Vec::with_capacity(BATCH);
    let Some(mut pending) = read(&here, &path, 0, &mut buffer, visit)? else {
        return Ok(());
    };
    loop {
        if let Some(name) = pending.pop() {
            let length = path.len();
            join(&mut path, &name);
            let entered = match open(&here, &name) {
                Ok(entered) => entered,
                Err(error) => {
                    visit.closed(&path, error.into())?;
                    path.truncate(length);
                    continue;
                }
            };
            levels.push(Level {
                identity: identity(&here)?,
                pending,
                length,
            });
            here = entered;
            match read(&here, &path, levels.len(), &mut buffer, visit)? {
                Some(found) => pending = found,
                None => return Ok(()),
            }
        } else {
            let Some(level) = levels.pop() else {
                return Ok(());
            };
            // Descriptors would be the price of keeping what is above open.
            here = open(&here, c"..")?;
            if identity(&here)? != level.identity {
                return Err(io::Error::other(
                    "a directory was moved while it was gone through",
                ));
            }
            path.truncate(level.length);
            pending = level.pending;
        }
    }
}

pub(super) fn open(dir: &Dir, name: &CStr) -> Result<Dir, Errno> {
    let opened = openat(dir, name, DIRECTORY, Mode::empty())?;
    Ok(Dir::from_std_file(opened.into()))
}

fn identity(dir: &Dir) -> io::Result<FileIdentity> {
    Ok(Seen::from(dir.dir_metadata()?).identity)
}

fn join(path: &mut Vec<u8>, name: &CStr) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name.to_bytes());
}

/// Meets what is in one directory, and says which directories are to be entered; nothing where the walk is over.
fn read(
    dir: &Dir,
    path: &[u8],
    depth: usize,
    buffer: &mut Vec<u8>,
    visit: &mut impl Visit,
) -> io::Result<Option<Vec<CString>>> {
    let mut pending = Vec::new();
    let mut entries = RawDir::new(dir, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            // It was removed after it was opened.
            Err(Errno::NOENT) => break,
            Err(error) => {
                visit.closed(path, error.into())?;
                break;
            }
        };
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let mut entry = WalkEntry {
            dir,
            name,
            kind: entry.file_type(),
            above: path,
            depth,
        };
        if entry.kind == FileType::Unknown {
            // Not every file system says it in the listing.
            entry.kind = match entry.seen() {
                Ok(seen) => seen.kind,
                Err(error) if number(&error) == Errno::NOENT => continue,
                Err(error) => return Err(error),
            };
        }
        match visit.meet(&entry)? {
            Next::In if entry.kind == FileType::Directory => pending.push(name.to_owned()),
            Next::In => {}
            Next::Stop => return Ok(None),
        }
    }
    Ok(Some(pending))
}
