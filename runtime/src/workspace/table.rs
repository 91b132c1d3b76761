//! The descriptors of one run: which there are, what each stands for, and where in a file the next byte is read or
//! written. Held by a session, whatever its files are kept in. It must never hand out a number of the host.

use super::session::{Descriptor, Modes, Whence};
use rustix::io::Errno;

/// The first descriptor of a table; those before it are the standard streams.
const FIRST: u32 = 3;

/// What a run has open, by descriptor.
#[derive(Debug)]
pub(super) struct Table<D, F> {
    open: Vec<Option<Opened<D, F>>>,
}

/// An open file or directory.
#[derive(Debug)]
pub(super) enum Opened<D, F> {
    Directory {
        dir: D,
        /// Whether it is the one that the run began with.
        first: bool,
    },
    File(Reading<F>),
}

/// An open file, and where in it the next byte is read or written.
#[derive(Debug)]
pub(super) struct Reading<F> {
    pub(super) file: F,
    pub(super) at: u64,
    pub(super) modes: Modes,
}

impl<F> Reading<F> {
    pub(super) fn new(file: F, modes: Modes) -> Self {
        Self { file, at: 0, modes }
    }
}

impl<D, F> Table<D, F> {
    /// A table with nothing in it but the directory that a run begins with.
    pub(super) fn new(first: D) -> Self {
        Self {
            open: vec![Some(Opened::Directory {
                dir: first,
                first: true,
            })],
        }
    }

    /// How many there are beside the directory that the run began with.
    pub(super) fn open_files(&self) -> usize {
        let open = self.open.iter().flatten();
        open.filter(|opened| !matches!(opened, Opened::Directory { first: true, .. }))
            .count()
    }

    pub(super) fn describe(&self, fd: u32) -> Result<Descriptor, Errno> {
        Ok(match self.get(fd)? {
            Opened::Directory { first, .. } => Descriptor::Directory { first: *first },
            Opened::File(reading) => Descriptor::File(reading.modes),
        })
    }

    /// Changes what can be changed of an open file.
    pub(super) fn set_modes(
        &mut self,
        fd: u32,
        append: bool,
        nonblocking: bool,
    ) -> Result<(), Errno> {
        let modes = &mut self.reading(fd)?.modes;
        (modes.append, modes.nonblocking) = (append, nonblocking);
        Ok(())
    }

    /// Moves the place in a file. Only from the end its size is asked for.
    pub(super) fn seek(
        &mut self,
        fd: u32,
        offset: i64,
        whence: Whence,
        size: impl FnOnce(&F) -> Result<u64, Errno>,
    ) -> Result<u64, Errno> {
        let reading = self.reading(fd)?;
        let from = match whence {
            Whence::Start => 0,
            Whence::Here => reading.at,
            Whence::End => size(&reading.file)?,
        };
        let to = from.checked_add_signed(offset).ok_or(Errno::INVAL)?;
        reading.at = end(to, 0).map_err(|_| Errno::INVAL)?;
        Ok(to)
    }

    /// A place for one more descriptor, of at most so many beside the first. THREAT[DOS-13].
    pub(super) fn free(&self, most: usize) -> Result<usize, Errno> {
        let opened = self.iter();
        let opened =
            opened.filter(|opened| !matches!(opened, Opened::Directory { first: true, .. }));
        if opened.count() >= most {
            return Err(Errno::MFILE);
        }
        let free = self.open.iter().position(Option::is_none);
        Ok(free.unwrap_or(self.open.len()))
    }

    pub(super) fn put(&mut self, at: usize, opened: Opened<D, F>) -> Result<u32, Errno> {
        if at == self.open.len() {
            self.open.push(None);
        }
        *self.open.get_mut(at).ok_or(Errno::MFILE)? = Some(opened);
        let number = u32::try_from(at).ok().and_then(|at| at.checked_add(FIRST));
        number.ok_or(Errno::MFILE)
    }

    /// Takes a descriptor out of the table.
    pub(super) fn take(&mut self, fd: u32) -> Result<Opened<D, F>, Errno> {
        let slot = index(fd).and_then(|at| self.open.get_mut(at));
        slot.and_then(Option::take).ok_or(Errno::BADF)
    }

    /// Takes all of them.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Opened<D, F>> + use<D, F> {
        std::mem::take(&mut self.open).into_iter().flatten()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Opened<D, F>> {
        self.open.iter().flatten()
    }

    pub(super) fn get(&self, fd: u32) -> Result<&Opened<D, F>, Errno> {
        index(fd)
            .and_then(|at| self.open.get(at)?.as_ref())
            .ok_or(Errno::BADF)
    }

    fn get_mut(&mut self, fd: u32) -> Option<&mut Opened<D, F>> {
        index(fd).and_then(|at| self.open.get_mut(at)?.as_mut())
    }

    pub(super) fn reading(&mut self, fd: u32) -> Result<&mut Reading<F>, Errno> {
        match self.get_mut(fd) {
            Some(Opened::File(reading)) => Ok(reading),
            _ => Err(Errno::BADF),
        }
    }

    /// A directory whose entries are asked for.
    pub(super) fn listed(&mut self, fd: u32) -> Result<&mut D, Errno> {
        match self.get_mut(fd) {
            Some(Opened::Directory { dir, .. }) => Ok(dir),
            _ => Err(Errno::BADF),
        }
    }

    /// A directory that a path begins at, and whether it is the workspace itself.
    pub(super) fn directory(&self, fd: u32) -> Result<(&D, bool), Errno> {
        match self.get(fd)? {
            Opened::Directory { dir, first } => Ok((dir, *first)),
            Opened::File(_) => Err(Errno::NOTDIR),
        }
    }
}

fn index(fd: u32) -> Option<usize> {
    usize::try_from(fd.checked_sub(FIRST)?).ok()
}

/// The byte after the last one, which must be one that a file can have.
pub(super) fn end(at: u64, length: u64) -> Result<u64, Errno> {
    let end = at.checked_add(length).ok_or(Errno::FBIG)?;
    if i64::try_from(end).is_ok() {
        Ok(end)
    } else {
        Err(Errno::FBIG)
    }
}
