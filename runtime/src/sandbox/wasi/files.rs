//! Files of a workspace as WASI asks for them: numbers and names are read from the guest's memory here, a `Mount`
//! carries out what they say, and its answer is written back, with coarse times. Called by `linker` and by the streams of
//! `wasi`, whose descriptors they share. Where a context has no files each of these answers that there is no such
//! descriptor, and no path exists.
//!
//! How a workspace comes to be, and who waits for it, is in `kept`. Nothing here may hold the executor, nor name anything
//! of the host.

mod forms;
mod kept;

use super::{MODULE, PIECE, errno, put, vectors_of};
use crate::{
    sandbox::{
        linker::{memory, slice, slice_mut},
        state::{GuestFiles, State},
    },
    workspace::{Descriptor, How, Modes, Seen, Whence},
};
use forms::{descriptor_form, stat_form, times_of};
use kept::{FIRST, at_once, carry_out, described, exists, open_files, session};
pub(in crate::sandbox) use kept::{listed, open};
use rustix::io::Errno;
use sandgate_wire::abi;
use wasmtime::{Caller, Linker};

/// Paths are copied before they are looked at; the system takes none that is longer.
const LONGEST_PATH: u32 = 4096;

/// Why something was not done.
pub(super) enum Failed {
    /// The guest is told.
    Refused(i32),
    /// The guest is ended.
    Trapped(wasmtime::Error),
}

impl From<Errno> for Failed {
    fn from(error: Errno) -> Self {
        Self::Refused(errno::number_of(error))
    }
}

impl From<wasmtime::Error> for Failed {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trapped(error)
    }
}

impl From<std::num::TryFromIntError> for Failed {
    fn from(error: std::num::TryFromIntError) -> Self {
        Self::Trapped(error.into())
    }
}

pub(super) fn answer(done: Result<(), Failed>) -> wasmtime::Result<i32> {
    match done {
        Ok(()) => Ok(errno::SUCCESS),
        Err(Failed::Refused(number)) => Ok(number),
        Err(Failed::Trapped(error)) => Err(error),
    }
}

/// A path of the guest, copied.
fn path(caller: &mut Caller<'_, State>, at: u32, length: u32) -> Result<String, Failed> {
    exists(caller)?;
    if length > LONGEST_PATH {
        return Err(Errno::NAMETOOLONG.into());
    }
    let memory = memory(caller)?;
    let bytes = slice(memory.data(&*caller), at, length)?.to_vec();
    String::from_utf8(bytes).map_err(|_| Errno::ILSEQ.into())
}

fn write_back(caller: &mut Caller<'_, State>, at: u32, answer: &[u8]) -> Result<(), Failed> {
    put(caller, at, answer)?;
    Ok(())
}

/// The first buffer that is not empty, which is all that is read or written at once, and no more than `PIECE` of it: a
/// file may always give or take less than it was asked to.
fn buffer(caller: &mut Caller<'_, State>, vectors: u32, number: u32) -> Result<(u32, u32), Failed> {
    exists(caller)?;
    let memory = memory(caller)?;
    let bytes = memory.data(&*caller);
    let buffers = vectors_of(bytes, vectors, number)?;
    let first = buffers.into_iter().find(|(_, length)| *length > 0);
    let (at, length) = first.unwrap_or_default();
    slice(bytes, at, length)?;
    Ok((at, length.min(PIECE)))
}

pub(super) async fn read_file(
    caller: &mut Caller<'_, State>,
    fd: u32,
    vectors: u32,
    number: u32,
    got: u32,
) -> Result<(), Failed> {
    let (at, length) = buffer(caller, vectors, number)?;
    let taken = at_once(caller, |files, bytes| {
        Ok(files.read(fd, slice_mut(bytes, at, length)?)?)
    })?;
    let taken = match taken {
        Some(taken) => taken,
        None => {
            let most = usize::try_from(length)?;
            let read = carry_out(caller, move |session| {
                let mut bytes = vec![0; most];
                let taken = session.read(fd, &mut bytes)?;
                bytes.truncate(taken);
                Ok(bytes)
            });
            let bytes = read.await?;
            write_back(caller, at, &bytes)?;
            bytes.len()
        }
    };
    write_back(caller, got, &u32::try_from(taken)?.to_le_bytes())
}

pub(super) async fn write_file(
    caller: &mut Caller<'_, State>,
    fd: u32,
    vectors: u32,
    number: u32,
    written: u32,
) -> Result<(), Failed> {
    let (at, length) = buffer(caller, vectors, number)?;
    let taken = at_once(caller, |files, bytes| {
        Ok(files.write(fd, slice(bytes, at, length)?)?)
    })?;
    let taken = match taken {
        Some(taken) => taken,
        None => {
            let memory = memory(caller)?;
            let bytes = slice(memory.data(&*caller), at, length)?.to_vec();
            carry_out(caller, move |session| session.write(fd, &bytes)).await?
        }
    };
    write_back(caller, written, &u32::try_from(taken)?.to_le_bytes())
}

/// Links functions by the names that WASI has for them.
macro_rules! link {
    ($linker:ident: $($name:ident($($argument:ident: $kind:ty),*);)*) => {$(
        $linker.func_wrap_async(
            MODULE,
            stringify!($name),
            |mut caller: Caller<'_, State>, ($($argument,)*): ($($kind,)*)| Box::new(async move {
                answer($name(&mut caller, $($argument),*).await)
            }),
        )?;
    )*};
}

/// Files of the workspace. Where there is none each of these answers that there is no such descriptor, and no path exists.
pub(in crate::sandbox) fn add_files(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    link! { linker:
        fd_close(fd: u32);
        fd_fdstat_get(fd: u32, at: u32);
        fd_fdstat_set_flags(fd: u32, flags: u32);
        fd_filestat_get(fd: u32, at: u32);
        fd_filestat_set_size(fd: u32, size: u64);
        fd_prestat_get(fd: u32, at: u32);
        fd_prestat_dir_name(fd: u32, at: u32, length: u32);
        fd_readdir(fd: u32, at: u32, room: u32, from: u64, got: u32);
        fd_seek(fd: u32, offset: i64, whence: u32, at: u32);
        fd_sync(fd: u32);
        path_create_directory(fd: u32, path: u32, length: u32);
        path_filestat_get(fd: u32, follow: u32, path: u32, length: u32, at: u32);
        path_filestat_set_times(
            fd: u32, follow: u32, path: u32, length: u32, accessed: u64, modified: u64, which: u32);
        path_open(
            fd: u32, follow: u32, path: u32, length: u32, how: u32, rights: u64, inherited: u64, flags: u32, opened: u32);
        path_remove_directory(fd: u32, path: u32, length: u32);
        path_rename(fd: u32, path: u32, length: u32, to: u32, to_path: u32, to_length: u32);
        path_unlink_file(fd: u32, path: u32, length: u32);
    }
    // A link is a second name that a quota and a listing would have to follow. THREAT[ESC-04].
    linker.func_wrap(
        MODULE,
        "path_link",
        |_: Caller<'_, State>, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| errno::PERM,
    )?;
    // A link in an operator's workspace is followed where it leads to something inside. What it says may be a path of the
    // host, and is not shown. THREAT[SEC-01].
    linker.func_wrap(
        MODULE,
        "path_readlink",
        |caller: Caller<'_, State>, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| match caller
            .data()
            .files
        {
            Some(_) => errno::PERM,
            None => errno::BADF,
        },
    )?;
    // What is left open at a script's end has to be closed before what it printed is complete; what is not, need not be
    // looked for.
    linker.func_wrap(
        abi::IMPORT_MODULE,
        abi::IMPORT_OPEN_FILES,
        |caller: Caller<'_, State>| Ok(u32::try_from(open_files(caller.data()))?),
    )?;
    Ok(())
}

fn is_stream(fd: u32) -> bool {
    fd <= 2
}

async fn fd_close(caller: &mut Caller<'_, State>, fd: u32) -> Result<(), Failed> {
    if is_stream(fd) {
        return Ok(());
    }
    carry_out(caller, move |session| session.close(fd)).await
}

async fn fd_fdstat_get(caller: &mut Caller<'_, State>, fd: u32, at: u32) -> Result<(), Failed> {
    let form = if is_stream(fd) {
        descriptor_form(None)
    } else {
        descriptor_form(Some(described(caller, fd)?))
    };
    write_back(caller, at, &form)
}

async fn fd_fdstat_set_flags(
    caller: &mut Caller<'_, State>,
    fd: u32,
    flags: u32,
) -> Result<(), Failed> {
    if flags & !(forms::APPEND | forms::NONBLOCKING) != 0 {
        return Err(Errno::INVAL.into());
    }
    let (append, nonblocking) = (flags & forms::APPEND != 0, flags & forms::NONBLOCKING != 0);
    Ok(session(caller.data_mut())?.set_modes(fd, append, nonblocking)?)
}

async fn fd_filestat_get(caller: &mut Caller<'_, State>, fd: u32, at: u32) -> Result<(), Failed> {
    if is_stream(fd) {
        return write_back(caller, at, &[0; 64]);
    }
    let seen = carry_out(caller, move |session| session.stat(fd)).await?;
    write_stat(caller, at, seen)
}

async fn fd_filestat_set_size(
    caller: &mut Caller<'_, State>,
    fd: u32,
    size: u64,
) -> Result<(), Failed> {
    carry_out(caller, move |session| session.set_size(fd, size)).await
}

/// The name of the directory that a run begins with is asked for in two steps: how long it is, and what it is.
async fn fd_prestat_get(caller: &mut Caller<'_, State>, fd: u32, at: u32) -> Result<(), Failed> {
    if described(caller, fd)? != (Descriptor::Directory { first: true }) {
        return Err(Errno::BADF.into());
    }
    let length = u64::from(u32::try_from(abi::WORKSPACE.len())?);
    // A tag of four bytes, 0 for a directory, then the length.
    write_back(caller, at, &(length << 32).to_le_bytes())
}

async fn fd_prestat_dir_name(
    caller: &mut Caller<'_, State>,
    fd: u32,
    at: u32,
    length: u32,
) -> Result<(), Failed> {
    if described(caller, fd)? != (Descriptor::Directory { first: true }) {
        return Err(Errno::NOTDIR.into());
    }
    if usize::try_from(length)? < abi::WORKSPACE.len() {
        return Err(Errno::NAMETOOLONG.into());
    }
    write_back(caller, at, abi::WORKSPACE.as_bytes())
}

async fn fd_readdir(
    caller: &mut Caller<'_, State>,
    fd: u32,
    at: u32,
    room: u32,
    from: u64,
    got: u32,
) -> Result<(), Failed> {
    let room = usize::try_from(room.min(PIECE))?;
    let entries = carry_out(caller, move |session| session.list(fd, from, room)).await?;
    write_back(caller, at, &entries)?;
    write_back(caller, got, &u32::try_from(entries.len())?.to_le_bytes())
}

async fn fd_seek(
    caller: &mut Caller<'_, State>,
    fd: u32,
    offset: i64,
    whence: u32,
    at: u32,
) -> Result<(), Failed> {
    if is_stream(fd) {
        return Err(Errno::SPIPE.into());
    }
    let to = match whence {
        0 => session(caller.data_mut())?.seek(fd, offset, Whence::Start)?,
        1 => session(caller.data_mut())?.seek(fd, offset, Whence::Here)?,
        // Only this asks the file system.
        2 => carry_out(caller, move |session| session.seek(fd, offset, Whence::End)).await?,
        _ => return Err(Errno::INVAL.into()),
    };
    write_back(caller, at, &to.to_le_bytes())
}

async fn fd_sync(caller: &mut Caller<'_, State>, fd: u32) -> Result<(), Failed> {
    carry_out(caller, move |session| session.sync(fd)).await
}

async fn path_create_directory(
    caller: &mut Caller<'_, State>,
    fd: u32,
    at: u32,
    length: u32,
) -> Result<(), Failed> {
    let path = path(caller, at, length)?;
    carry_out(caller, move |session| session.make_directory(fd, &path)).await
}

async fn path_filestat_get(
    caller: &mut Caller<'_, State>,
    fd: u32,
    follow: u32,
    path_at: u32,
    length: u32,
    at: u32,
) -> Result<(), Failed> {
    let path = path(caller, path_at, length)?;
    if fd == FIRST && path == "." {
        let started = caller.data().recorder.started_ms();
        if let Some(GuestFiles::Unused { .. }) = caller.data().files {
            // A run that only looks at where it is, as each does at its start, has not used it.
            return put_stat(caller, at, &Seen::empty_directory(started), 1);
        }
    }
    let follow = follow & forms::FOLLOW != 0;
    let seen = carry_out(caller, move |session| session.stat_path(fd, &path, follow)).await?;
    write_stat(caller, at, seen)
}

#[expect(clippy::too_many_arguments, reason = "WASI's")]
async fn path_filestat_set_times(
    caller: &mut Caller<'_, State>,
    fd: u32,
    follow: u32,
    at: u32,
    length: u32,
    accessed: u64,
    modified: u64,
    which: u32,
) -> Result<(), Failed> {
    let path = path(caller, at, length)?;
    let follow = follow & forms::FOLLOW != 0;
    let times = times_of(accessed, modified, which)?;
    carry_out(caller, move |session| {
        session.set_times(fd, &path, follow, &times)
    })
    .await
}

#[expect(clippy::too_many_arguments, reason = "WASI's")]
async fn path_open(
    caller: &mut Caller<'_, State>,
    fd: u32,
    follow: u32,
    at: u32,
    length: u32,
    how: u32,
    rights: u64,
    _inherited: u64,
    flags: u32,
    opened: u32,
) -> Result<(), Failed> {
    let path = path(caller, at, length)?;
    if flags & !(forms::APPEND | forms::NONBLOCKING) != 0 {
        return Err(Errno::NOTSUP.into());
    }
    let how = How {
        follow: follow & forms::FOLLOW != 0,
        create: how & 1 != 0,
        directory: how & 2 != 0,
        exclusive: how & 4 != 0,
        truncate: how & 8 != 0,
        modes: Modes {
            read: rights & forms::READ != 0,
            write: rights & forms::WRITE != 0,
            append: flags & forms::APPEND != 0,
            nonblocking: flags & forms::NONBLOCKING != 0,
        },
    };
    let number = carry_out(caller, move |session| session.open(fd, &path, how)).await?;
    write_back(caller, opened, &number.to_le_bytes())
}

async fn path_remove_directory(
    caller: &mut Caller<'_, State>,
    fd: u32,
    at: u32,
    length: u32,
) -> Result<(), Failed> {
    let path = path(caller, at, length)?;
    carry_out(caller, move |session| session.remove_directory(fd, &path)).await
}

async fn path_rename(
    caller: &mut Caller<'_, State>,
    fd: u32,
    at: u32,
    length: u32,
    to: u32,
    to_at: u32,
    to_length: u32,
) -> Result<(), Failed> {
    let from = path(caller, at, length)?;
    let to_path = path(caller, to_at, to_length)?;
    carry_out(caller, move |session| {
        session.rename(fd, &from, to, &to_path)
    })
    .await
}

async fn path_unlink_file(
    caller: &mut Caller<'_, State>,
    fd: u32,
    at: u32,
    length: u32,
) -> Result<(), Failed> {
    let path = path(caller, at, length)?;
    carry_out(caller, move |session| session.unlink(fd, &path)).await
}

fn write_stat(caller: &mut Caller<'_, State>, at: u32, seen: Seen) -> Result<(), Failed> {
    let number = session(caller.data_mut())?.number(&seen);
    put_stat(caller, at, &seen, number)
}

/// THREAT[ESC-06]: the times of a file are a clock, and a fine one. They become milliseconds, or stand still where the
/// run's time does.
fn put_stat(
    caller: &mut Caller<'_, State>,
    at: u32,
    seen: &Seen,
    number: u64,
) -> Result<(), Failed> {
    let recorder = &caller.data().recorder;
    let still = recorder.is_frozen().then(|| recorder.started_ms());
    let form = stat_form(seen, number, still);
    let memory = memory(caller)?;
    slice_mut(memory.data_mut(caller), at, 64)?.copy_from_slice(&form);
    Ok(())
}
