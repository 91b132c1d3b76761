//! Files of a workspace: `wasmtime-wasi` carries them out, behind a quota, with coarse times and without links.
//! Called by `linker` and by the streams of `wasi`, whose descriptors they share. Without a workspace each of these
//! answers that there is no such descriptor, and no path exists.

mod listing;

pub(in crate::sandbox) use listing::Listing;

use super::{MODULE, PIECE, errno, put, vectors_of};
use crate::{
    Limits, RunError, Workspace, WorkspaceError,
    sandbox::{
        linker::{memory, slice_mut},
        state::{Files, State},
    },
    workspace::Quota,
};
use sandgate_wire::abi;
use std::sync::Arc;
use wasmtime::{Caller, Linker};
use wasmtime_wasi::{
    FsPerms, WasiCtxBuilder,
    p1::wasi_snapshot_preview1::{self as p1, WasiSnapshotPreview1},
};
use wiggle::GuestMemory;

/// What one call may make the host hold for it: a transfer, and paths beside it.
const ROOM: usize = 2 * PIECE as usize;

/// Opens a workspace for one run.
pub(in crate::sandbox) fn open(
    workspace: Arc<Workspace>,
    limits: &Limits,
) -> Result<Files, RunError> {
    let failed = |source| WorkspaceError::Open {
        path: workspace.path().to_owned(),
        source,
    };
    let quota =
        Quota::new(&workspace, limits.workspace_bytes, limits.workspace_files).map_err(failed)?;
    let mut builder = WasiCtxBuilder::new();
    builder
        .preopened_dir(workspace.path(), abi::WORKSPACE, FsPerms::ReadWrite)
        .map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    Ok(Files {
        wasi: builder.build_p1(),
        workspace,
        quota,
        listing: None,
    })
}

pub(super) async fn read_file(
    caller: &mut Caller<'_, State>,
    fd: i32,
    vectors: u32,
    number: u32,
    got: u32,
) -> wasmtime::Result<i32> {
    let transfer = Transfer::begin(caller, vectors, number)?;
    let Some((mut memory, files)) = file(caller)? else {
        return Ok(errno::BADF);
    };
    let (at, many, to) = (
        vectors.cast_signed(),
        number.cast_signed(),
        got.cast_signed(),
    );
    let error = p1::fd_read(&mut files.wasi, &mut memory, fd, at, many, to).await?;
    transfer.end(caller)?;
    Ok(error)
}

pub(super) async fn write_file(
    caller: &mut Caller<'_, State>,
    fd: i32,
    vectors: u32,
    number: u32,
    written: u32,
) -> wasmtime::Result<i32> {
    let transfer = Transfer::begin(caller, vectors, number)?;
    let Some((mut memory, files)) = file(caller)? else {
        return Ok(errno::BADF);
    };
    let error = if files.quota.take(&files.workspace, transfer.size.into(), 0) {
        let (at, many, to) = (
            vectors.cast_signed(),
            number.cast_signed(),
            written.cast_signed(),
        );
        p1::fd_write(&mut files.wasi, &mut memory, fd, at, many, to).await?
    } else {
        errno::NOSPC
    };
    transfer.end(caller)?;
    Ok(error)
}

/// The first buffer that is not empty, which is all that is read or written at once. No more than `PIECE` of it is, since
/// the bytes are copied on the thread that runs the guest; a file may always give or take less than it was asked to.
#[derive(Default)]
struct Transfer {
    size: u32,
    /// Where the buffer's own length stands, and what it was, while a shorter one stands there.
    shortened: Option<(u32, u32)>,
}

impl Transfer {
    fn begin(caller: &mut Caller<'_, State>, vectors: u32, number: u32) -> wasmtime::Result<Self> {
        if caller.data().files.is_none() {
            return Ok(Self::default());
        }
        let memory = memory(caller)?;
        let bytes = memory.data_mut(&mut *caller);
        let buffers = (0..).step_by(8).zip(vectors_of(bytes, vectors, number)?);
        let Some((at, (_, length))) = buffers.into_iter().find(|(_, (_, length))| *length > 0)
        else {
            return Ok(Self::default());
        };
        let size = length.min(PIECE);
        let mut shortened = None;
        if size < length {
            let place = vectors.saturating_add(at).saturating_add(4);
            slice_mut(bytes, place, 4)?.copy_from_slice(&size.to_le_bytes());
            shortened = Some((place, length));
        }
        Ok(Self { size, shortened })
    }

    fn end(self, caller: &mut Caller<'_, State>) -> wasmtime::Result<()> {
        if let Some((place, length)) = self.shortened {
            put(caller, place, &length.to_le_bytes())?;
        }
        Ok(())
    }
}

/// The guest's memory beside its files; nothing where the run has none.
fn file<'a>(
    caller: &'a mut Caller<'_, State>,
) -> wasmtime::Result<Option<(GuestMemory<'a>, &'a mut Files)>> {
    let memory = memory(caller)?;
    let (bytes, state) = memory.data_and_store_mut(caller);
    Ok(state.files.as_mut().map(|files| {
        files.wasi.set_hostcall_fuel(ROOM);
        (GuestMemory::Unshared(bytes), files)
    }))
}

/// Links functions that `wasmtime-wasi` carries out as they are, on files alone.
macro_rules! files_only {
    ($linker:ident: $($name:ident($($argument:ident: $kind:ty),*) $($wait:ident)?;)*) => {$(
        $linker.func_wrap_async(
            MODULE,
            stringify!($name),
            |mut caller: Caller<'_, State>, ($($argument,)*): ($($kind,)*)| Box::new(async move {
                match file(&mut caller)? {
                    Some((mut memory, files)) => {
                        p1::$name(&mut files.wasi, &mut memory, $($argument),*)$(.$wait)?
                    }
                    None => Ok(errno::BADF),
                }
            }),
        )?;
    )*};
}

/// Files of the workspace. Without one each of these answers that there is no such descriptor, and no path exists.
pub(in crate::sandbox) fn add_files(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    files_only! { linker:
        fd_fdstat_set_flags(fd: i32, flags: i32) ;
        fd_prestat_get(fd: i32, at: i32) ;
        fd_prestat_dir_name(fd: i32, at: i32, length: i32) ;
        fd_sync(fd: i32) await;
        path_filestat_set_times(fd: i32, flags: i32, path: i32, length: i32, atime: i64, mtime: i64, which: i32) await;
        path_readlink(fd: i32, path: i32, length: i32, at: i32, room: i32, got: i32) await;
        path_remove_directory(fd: i32, path: i32, length: i32) await;
        path_rename(fd: i32, path: i32, length: i32, to: i32, to_path: i32, to_length: i32) await;
        path_unlink_file(fd: i32, path: i32, length: i32) await;
    }
    // A link is a second name that a quota and a listing would have to follow. THREAT[ESC-04].
    linker.func_wrap(
        MODULE,
        "path_link",
        |_: Caller<'_, State>, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32| errno::PERM,
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_readdir",
        |mut caller: Caller<'_, State>, (fd, at, room, number, got): (i32, u32, u32, i64, u32)| {
            Box::new(async move {
                let Some((_, files)) = file(&mut caller)? else {
                    return Ok(errno::BADF);
                };
                let room = usize::try_from(room.min(PIECE))?;
                match listing::entries(files, fd, number.cast_unsigned(), room).await? {
                    Err(error) => Ok(error),
                    Ok(entries) => {
                        put(&mut caller, at, &entries)?;
                        let length = u32::try_from(entries.len())?;
                        put(&mut caller, got, &length.to_le_bytes())
                    }
                }
            })
        },
    )?;
    add_growing(linker)?;
    add_stating(linker)
}

/// What can make the workspace grow asks the quota first.
fn add_growing(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        MODULE,
        "fd_filestat_set_size",
        |mut caller: Caller<'_, State>, (fd, size): (i32, i64)| {
            Box::new(async move {
                let Some((mut memory, files)) = file(&mut caller)? else {
                    return Ok(errno::BADF);
                };
                if !files.quota.take(&files.workspace, size.cast_unsigned(), 0) {
                    return Ok(errno::NOSPC);
                }
                p1::fd_filestat_set_size(&mut files.wasi, &mut memory, fd, size).await
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "path_create_directory",
        |mut caller: Caller<'_, State>, (fd, path, length): (i32, i32, i32)| {
            Box::new(async move {
                let Some((mut memory, files)) = file(&mut caller)? else {
                    return Ok(errno::BADF);
                };
                if !files.quota.take(&files.workspace, 0, 1) {
                    return Ok(errno::NOSPC);
                }
                p1::path_create_directory(&mut files.wasi, &mut memory, fd, path, length).await
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "path_open",
        |mut caller: Caller<'_, State>,
         (fd, follow, path, length, how, rights, inheriting, flags, opened): (
            i32,
            i32,
            i32,
            i32,
            i32,
            i64,
            i64,
            i32,
            i32,
        )| {
            Box::new(async move {
                const CREATE: i32 = 1;
                let Some((mut memory, files)) = file(&mut caller)? else {
                    return Ok(errno::BADF);
                };
                if how & CREATE != 0 && !files.quota.take(&files.workspace, 0, 1) {
                    return Ok(errno::NOSPC);
                }
                p1::path_open(
                    &mut files.wasi,
                    &mut memory,
                    fd,
                    follow,
                    path,
                    length,
                    how,
                    rights,
                    inheriting,
                    flags,
                    opened,
                )
                .await
            })
        },
    )?;
    Ok(())
}

/// What is asked of descriptors that may also be a standard stream, and times of files.
fn add_stating(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        MODULE,
        "fd_close",
        |mut caller: Caller<'_, State>, (fd,): (i32,)| {
            Box::new(async move {
                match (fd, file(&mut caller)?) {
                    (0..=2, _) => Ok(errno::SUCCESS),
                    (_, Some((mut memory, files))) => {
                        p1::fd_close(&mut files.wasi, &mut memory, fd).await
                    }
                    (_, None) => Ok(errno::BADF),
                }
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_seek",
        |mut caller: Caller<'_, State>, (fd, offset, whence, at): (i32, i64, i32, i32)| {
            Box::new(async move {
                match (fd, file(&mut caller)?) {
                    (0..=2, _) => Ok(errno::SPIPE),
                    (_, Some((mut memory, files))) => {
                        p1::fd_seek(&mut files.wasi, &mut memory, fd, offset, whence, at).await
                    }
                    (_, None) => Ok(errno::BADF),
                }
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_fdstat_get",
        |mut caller: Caller<'_, State>, (fd, at): (i32, i32)| {
            Box::new(async move {
                if (0..=2).contains(&fd) {
                    // Of unknown type, so no terminal, with the rights to read and write.
                    let mut stat = [0_u8; 24];
                    if let Some(rights) = stat.get_mut(8..16) {
                        rights.copy_from_slice(&0b100_0010_u64.to_le_bytes());
                    }
                    return put(&mut caller, at.cast_unsigned(), &stat);
                }
                match file(&mut caller)? {
                    Some((mut memory, files)) => {
                        p1::fd_fdstat_get(&mut files.wasi, &mut memory, fd, at).await
                    }
                    None => Ok(errno::BADF),
                }
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_filestat_get",
        |mut caller: Caller<'_, State>, (fd, at): (i32, i32)| {
            Box::new(async move {
                if (0..=2).contains(&fd) {
                    return put(&mut caller, at.cast_unsigned(), &[0; 64]);
                }
                let result = match file(&mut caller)? {
                    Some((mut memory, files)) => {
                        p1::fd_filestat_get(&mut files.wasi, &mut memory, fd, at).await?
                    }
                    None => return Ok(errno::BADF),
                };
                coarsen(&mut caller, result, at.cast_unsigned())
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "path_filestat_get",
        |mut caller: Caller<'_, State>,
         (fd, follow, path, length, at): (i32, i32, i32, i32, i32)| {
            Box::new(async move {
                let result = match file(&mut caller)? {
                    Some((mut memory, files)) => {
                        p1::path_filestat_get(
                            &mut files.wasi,
                            &mut memory,
                            fd,
                            follow,
                            path,
                            length,
                            at,
                        )
                        .await?
                    }
                    None => return Ok(errno::BADF),
                };
                coarsen(&mut caller, result, at.cast_unsigned())
            })
        },
    )?;
    Ok(())
}

/// THREAT[ESC-06]: the times of a file are a clock, and a fine one. They become milliseconds, or stand still where the
/// run's time does; the device is not the host's.
fn coarsen(caller: &mut Caller<'_, State>, result: i32, at: u32) -> wasmtime::Result<i32> {
    if result != errno::SUCCESS {
        return Ok(result);
    }
    let memory = memory(caller)?;
    let (bytes, state) = memory.data_and_store_mut(&mut *caller);
    let stat = slice_mut(bytes, at, 64)?;
    let (device, rest) = stat.split_at_mut(8);
    device.copy_from_slice(&1_u64.to_le_bytes());
    let still = state
        .recorder
        .is_frozen()
        .then(|| state.recorder.started_ms());
    for time in rest.get_mut(32..56).unwrap_or_default().chunks_exact_mut(8) {
        let exact = time
            .first_chunk::<8>()
            .map_or(0, |nanos| u64::from_le_bytes(*nanos));
        let millis = still.unwrap_or_else(|| exact.checked_div(1_000_000).unwrap_or(0));
        time.copy_from_slice(&millis.saturating_mul(1_000_000).to_le_bytes());
    }
    Ok(errno::SUCCESS)
}
