//! What a run does with paths in a directory of the host: opening, making, moving, removing. Driven through `session`.
//!
//! A path is split at its last name. What is above is resolved by `cap-std`, never out of the workspace; the last name is
//! then used alone, in the directory that was found, and never followed where something is made, moved or removed.
//! It must never open what is neither a file nor a directory: a FIFO blocks, and a device acts.

use super::{
    entry::{Seen, number},
    host::{HostSession, OpenDirectory, OpenFile, Opened, Reading},
    ledger::locked,
    listing::Listing,
    place::Place,
    session::How,
    slots::Slot,
    walk::{self, Next, Visit, WalkEntry, walk},
};
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt};
use rustix::{
    fs::{AtFlags, Mode, OFlags, Timestamps, futimens, mkdirat, openat, renameat, unlinkat},
    io::Errno,
};
use std::{ffi::CString, io, ops::Deref};

/// Opening must not wait for the other end of anything, nor take a terminal.
const CALMLY: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

/// The last name of a path, and the directory that it is looked up in.
struct HostSpot<'a> {
    dir: Holder<'a>,
    name: &'a str,
    /// Whether the path says that it is a directory.
    slash: bool,
    /// Whether the directory is the workspace itself, so that nothing need be asked.
    top: bool,
}

enum Holder<'a> {
    Held(&'a Dir),
    Found(Dir),
}

impl Deref for Holder<'_> {
    type Target = Dir;

    fn deref(&self) -> &Dir {
        match self {
            Self::Held(dir) => dir,
            Self::Found(dir) => dir,
        }
    }
}

impl HostSpot<'_> {
    /// What has the name now, a link itself and not what it leads to; nothing where nothing has it.
    fn seen(&self) -> Result<Option<Seen>, Errno> {
        match self.dir.symlink_metadata(self.name) {
            Ok(metadata) => Ok(Some(metadata.into())),
            Err(error) if number(&error) == Errno::NOENT => Ok(None),
            Err(error) => Err(number(&error)),
        }
    }
}

impl HostSession {
    /// Splits a path; one that ends with dots has no last name, which is that error.
    fn spot<'a>(&'a self, at: u32, path: &'a str, dots: Errno) -> Result<HostSpot<'a>, Errno> {
        let (dir, first) = self.directory(at)?;
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        let named = path.trim_end_matches('/');
        let slash = named.len() < path.len();
        let (above, name) = match named.rsplit_once('/') {
            Some((above, name)) => (Some(above), name),
            None => (None, named),
        };
        if path.starts_with('/') {
            return Err(Errno::PERM);
        }
        if matches!(name, "." | "..") {
            return Err(dots);
        }
        let (dir, top) = match above {
            None => (Holder::Held(dir), first),
            Some(above) => {
                let found = dir.open_dir(above).map_err(|error| number(&error))?;
                (Holder::Found(found), false)
            }
        };
        Ok(HostSpot {
            dir,
            name,
            slash,
            top,
        })
    }

    /// Where a name lies.
    fn place(&self, spot: &HostSpot<'_>) -> Result<Place, Errno> {
        let above = if spot.top {
            Place::default()
        } else {
            Place::of(&self.root, &spot.dir)?
        };
        Ok(above.below(spot.name))
    }

    /// Whether something may lie there. THREAT[DOS-13].
    fn reachable(&self, place: Place) -> Result<(), Errno> {
        if place.depth <= self.quota.depth && place.length <= self.quota.path {
            Ok(())
        } else {
            Err(Errno::NAMETOOLONG)
        }
    }

    pub(super) fn open(&mut self, at: u32, path: &str, how: How) -> Result<u32, Errno> {
        how.check()?;
        let (free, slot) = self.free()?;
        let opened = {
            let (dir, _) = self.directory(at)?;
            let found = if how.follow {
                dir.metadata(path)
            } else {
                dir.symlink_metadata(path)
            };
            match found.map(Seen::from) {
                Ok(seen) => self.existing(dir, path, how, &seen, slot)?,
                Err(error) if how.create && number(&error) == Errno::NOENT => {
                    self.create(at, path, how, slot)?
                }
                Err(error) => return Err(number(&error)),
            }
        };
        self.table.put(free, opened)
    }

    /// THREAT[DOS-04]: what is neither file nor directory is refused before it is opened, and should it be exchanged in
    /// between, opening it does not block.
    fn existing(
        &self,
        dir: &Dir,
        path: &str,
        how: How,
        seen: &Seen,
        slot: Slot,
    ) -> Result<Opened, Errno> {
        if how.create && how.exclusive {
            return Err(Errno::EXIST);
        }
        let changes = how.changes();
        let mut options = OpenOptions::new();
        let mut flags = CALMLY;
        if !how.follow {
            flags |= OFlags::NOFOLLOW;
        }
        if seen.is_directory() {
            if changes || how.create {
                return Err(Errno::ISDIR);
            }
            flags |= OFlags::DIRECTORY;
            options.read(true);
        } else if seen.is_file() {
            if how.directory {
                return Err(Errno::NOTDIR);
            }
            options.read(how.modes.read || !changes).write(changes);
        } else if seen.kind == rustix::fs::FileType::Symlink {
            return Err(Errno::LOOP);
        } else {
            return Err(Errno::PERM);
        }
        options.custom_flags(flags.bits().cast_signed());
        let mut ledger = locked(&self.ledger);
        let opened = dir.open_with(path, &options);
        let opened = opened.map_err(|error| number(&error))?;
        if seen.is_directory() {
            return Ok(Opened::Directory {
                dir: OpenDirectory {
                    dir: Dir::from_std_file(opened.into_std()),
                    listing: Listing::default(),
                    _slot: Some(slot),
                },
                first: false,
            });
        }
        let file = OpenFile::new(opened, slot)?;
        if how.truncate {
            file.resize(&mut ledger, &self.quota, 0)?;
        }
        ledger.opened(file.identity);
        Ok(Opened::File(Reading::new(file, how.modes)))
    }

    fn create(&self, at: u32, path: &str, how: How, slot: Slot) -> Result<Opened, Errno> {
        let spot = self.spot(at, path, Errno::ISDIR)?;
        if spot.slash {
            return Err(Errno::ISDIR);
        }
        let mut ledger = locked(&self.ledger);
        if spot.seen()?.is_some() {
            // A link to nothing: what it says is not made.
            return Err(Errno::LOOP);
        }
        self.reachable(self.place(&spot)?)?;
        ledger.account.may_name(&self.quota)?;
        let access = match (how.modes.read, how.changes()) {
            (_, false) => OFlags::RDONLY,
            (false, true) => OFlags::WRONLY,
            (true, true) => OFlags::RDWR,
        };
        let flags = access | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&*spot.dir, spot.name, flags | CALMLY, mode(0o666))?;
        ledger.account.named();
        let file = OpenFile::new(File::from_std(made.into()), slot)?;
        ledger.opened(file.identity);
        Ok(Opened::File(Reading::new(file, how.modes)))
    }

    pub(super) fn make_directory(&self, at: u32, path: &str) -> Result<(), Errno> {
        let spot = self.spot(at, path, Errno::EXIST)?;
        let mut ledger = locked(&self.ledger);
        if spot.seen()?.is_some() {
            return Err(Errno::EXIST);
        }
        self.reachable(self.place(&spot)?)?;
        ledger.account.may_name(&self.quota)?;
        mkdirat(&*spot.dir, spot.name, mode(0o777))?;
        ledger.account.named();
        Ok(())
    }

    pub(super) fn remove_directory(&self, at: u32, path: &str) -> Result<(), Errno> {
        let spot = self.spot(at, path, Errno::INVAL)?;
        let mut ledger = locked(&self.ledger);
        let seen = spot.seen()?.ok_or(Errno::NOENT)?;
        unlinkat(&*spot.dir, spot.name, AtFlags::REMOVEDIR)?;
        ledger.unnamed(&seen);
        Ok(())
    }

    pub(super) fn unlink(&self, at: u32, path: &str) -> Result<(), Errno> {
        let spot = self.spot(at, path, Errno::ISDIR)?;
        let mut ledger = locked(&self.ledger);
        let seen = spot.seen()?.ok_or(Errno::NOENT)?;
        if seen.is_directory() {
            return Err(Errno::ISDIR);
        }
        if spot.slash {
            return Err(Errno::NOTDIR);
        }
        unlinkat(&*spot.dir, spot.name, AtFlags::empty())?;
        ledger.unnamed(&seen);
        Ok(())
    }

    pub(super) fn rename(&self, at: u32, path: &str, to: u32, to_path: &str) -> Result<(), Errno> {
        let from = self.spot(at, path, Errno::BUSY)?;
        let to = self.spot(to, to_path, Errno::BUSY)?;
        let mut ledger = locked(&self.ledger);
        let moved = from.seen()?.ok_or(Errno::NOENT)?;
        let replaced = to.seen()?;
        if (from.slash || to.slash) && !moved.is_directory() {
            return Err(Errno::NOTDIR);
        }
        if replaced.is_some_and(|replaced| replaced.identity == moved.identity) {
            // Two names of one file, or the same: nothing happens.
            return Ok(());
        }
        let (old, new) = (self.place(&from)?, self.place(&to)?);
        if new.depth > old.depth || new.length > old.length {
            let extent = if moved.is_directory() {
                extent(&from)?
            } else {
                Place::default()
            };
            self.reachable(new.with(extent))?;
        }
        renameat(&*from.dir, from.name, &*to.dir, to.name)?;
        if let Some(replaced) = replaced {
            ledger.unnamed(&replaced);
        }
        Ok(())
    }

    pub(super) fn stat_path(&self, at: u32, path: &str, follow: bool) -> Result<Seen, Errno> {
        let (dir, _) = self.directory(at)?;
        let metadata = if follow {
            dir.metadata(path)
        } else {
            dir.symlink_metadata(path)
        };
        metadata.map(Seen::from).map_err(|error| number(&error))
    }

    pub(super) fn set_times(
        &self,
        at: u32,
        path: &str,
        follow: bool,
        times: &Timestamps,
    ) -> Result<(), Errno> {
        let seen = self.stat_path(at, path, follow)?;
        if !seen.is_file() && !seen.is_directory() {
            return Err(Errno::PERM);
        }
        // Of what is open: the second wall lets nothing set the times of a file by its name.
        let (dir, _) = self.directory(at)?;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(CALMLY.bits().cast_signed());
        let opened = dir.open_with(path, &options);
        futimens(opened.map_err(|error| number(&error))?, times)
    }
}

fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode(bits)
}

/// The deepest and the longest path in the tree at a name.
fn extent(spot: &HostSpot<'_>) -> Result<Place, Errno> {
    struct Deepest(Place);
    impl Visit for Deepest {
        fn meet(&mut self, entry: &WalkEntry<'_>) -> io::Result<Next> {
            self.0.depth = self.0.depth.max(entry.depth.saturating_add(1));
            self.0.length = self.0.length.max(entry.length());
            Ok(Next::In)
        }

        fn closed(&mut self, _: &[u8], error: io::Error) -> io::Result<()> {
            Err(error)
        }
    }
    let name = CString::new(spot.name).map_err(|_| Errno::INVAL)?;
    let tree = walk::open(&spot.dir, &name)?;
    let mut deepest = Deepest(Place::default());
    walk(&tree, &mut deepest).map_err(|error| number(&error))?;
    Ok(deepest.0)
}
