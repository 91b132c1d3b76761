//! WASI preview 1 as a guest has it. Clock, random bytes and sleep come from the recorder; the three standard streams
//! from the run; files from `wasmtime-wasi`, and only where the run has a workspace. Called by `linker`.
//!
//! Numbers from the guest are checked before they are used, and nothing of the host is named in what goes back.

use super::linker::{memory, slice, slice_mut};
use super::state::{Files, State};
use crate::{Limits, RunError, Stream, Workspace, WorkspaceError, workspace::Quota};
use sandgate_wire::abi;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use wasmtime::{Caller, Linker};
use wasmtime_wasi::{
    FsPerms, I32Exit, WasiCtxBuilder,
    p1::wasi_snapshot_preview1::{self as p1, WasiSnapshotPreview1},
};
use wiggle::GuestMemory;

const MODULE: &str = "wasi_snapshot_preview1";

/// Numbers of the specification.
mod errno {
    pub(super) const SUCCESS: i32 = 0;
    pub(super) const BADF: i32 = 8;
    pub(super) const INVAL: i32 = 28;
    pub(super) const NOSPC: i32 = 51;
    pub(super) const NOTSUP: i32 = 58;
    pub(super) const PERM: i32 = 63;
    pub(super) const SPIPE: i32 = 70;
}

/// A path may be copied into the host up to this length, and a file read or written up to this much at once.
const LARGEST_TRANSFER: usize = 64 << 20;

/// Opens a workspace for one run.
pub(super) fn files(workspace: Arc<Workspace>, limits: &Limits) -> Result<Files, RunError> {
    let open = |source| WorkspaceError::Open {
        path: workspace.path().to_owned(),
        source,
    };
    let quota =
        Quota::new(&workspace, limits.workspace_bytes, limits.workspace_files).map_err(open)?;
    let mut builder = WasiCtxBuilder::new();
    builder
        .preopened_dir(workspace.path(), abi::WORKSPACE, FsPerms::ReadWrite)
        .map_err(|error| open(std::io::Error::other(error.to_string())))?;
    Ok(Files {
        wasi: builder.build_p1(),
        workspace,
        quota,
    })
}

/// THREAT[ESC-06]: clocks count milliseconds. Random bytes are the recorder's. Nothing polls anything but time.
pub(super) fn add_clock_and_random(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "clock_res_get",
        |mut caller: Caller<'_, State>, _id: u32, at: u32| {
            put(&mut caller, at, &1_000_000_u64.to_le_bytes())
        },
    )?;
    linker.func_wrap(
        MODULE,
        "clock_time_get",
        |mut caller: Caller<'_, State>, id: u32, _precision: u64, at: u32| {
            let recorder = &mut caller.data_mut().recorder;
            // 0 is the wall clock. The others count from the start of the run: neither uptime nor other processes show.
            let millis = if id == 0 {
                recorder.wall_ms()
            } else {
                recorder.elapsed_ms()
            }?;
            put(
                &mut caller,
                at,
                &millis.saturating_mul(1_000_000).to_le_bytes(),
            )
        },
    )?;
    linker.func_wrap(
        MODULE,
        "random_get",
        |mut caller: Caller<'_, State>, at: u32, length: u32| {
            let memory = memory(&mut caller)?;
            let (bytes, state) = memory.data_and_store_mut(&mut caller);
            state.recorder.fill(slice_mut(bytes, at, length)?);
            wasmtime::Result::Ok(errno::SUCCESS)
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "poll_oneoff",
        |mut caller: Caller<'_, State>,
         (subscriptions, events, number, got): (u32, u32, u32, u32)| {
            Box::new(async move { sleep(&mut caller, subscriptions, events, number, got).await })
        },
    )?;
    linker.func_wrap(MODULE, "sched_yield", |_: Caller<'_, State>| errno::SUCCESS)?;
    Ok(())
}

/// One subscription to a clock is how a sleep is spelled. THREAT[DOS-04]: the run's own deadline ends it.
async fn sleep(
    caller: &mut Caller<'_, State>,
    subscriptions: u32,
    events: u32,
    number: u32,
    got: u32,
) -> wasmtime::Result<i32> {
    let memory = memory(caller)?;
    let (bytes, state) = memory.data_and_store_mut(&mut *caller);
    if number != 1 {
        return Ok(errno::NOTSUP);
    }
    // userdata u64, tag u8, then at 16: clock u32, at 24: timeout u64, precision u64, at 40: flags u16.
    let subscription: [u8; 48] = slice(bytes, subscriptions, 48)?.try_into()?;
    if subscription.get(8) != Some(&0) {
        return Ok(errno::NOTSUP);
    }
    let field = |at: usize| -> Option<[u8; 8]> {
        subscription.get(at..at.checked_add(8)?)?.try_into().ok()
    };
    let (Some(user), Some(clock), Some(timeout), Some(flags)) =
        (field(0), field(16), field(24), field(40))
    else {
        return Ok(errno::INVAL);
    };
    let timeout = Duration::from_nanos(u64::from_le_bytes(timeout));
    let wanted = if flags.first().is_some_and(|flags| flags & 1 == 1) {
        let recorder = &mut state.recorder;
        let now = if clock.first() == Some(&0) {
            recorder.wall_ms()
        } else {
            recorder.elapsed_ms()
        }?;
        timeout.saturating_sub(Duration::from_millis(now))
    } else {
        timeout
    };
    let pause = state.recorder.sleep(wanted);
    if !pause.is_zero() {
        // A sleep beyond what the clock can say lasts until the run is ended.
        match Instant::now().checked_add(pause) {
            Some(until) => state.ticker.at(until).await,
            None => std::future::pending().await,
        }
    }
    let mut event = [0; 32];
    if let Some(target) = event.get_mut(..8) {
        target.copy_from_slice(&user);
    }
    slice_mut(bytes, events, 32)?.copy_from_slice(&event);
    slice_mut(bytes, got, 4)?.copy_from_slice(&1_u32.to_le_bytes());
    Ok(errno::SUCCESS)
}

/// THREAT[SEC-01]: no arguments and no environment, and an exit that ends the run and nothing else.
pub(super) fn add_process(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    for name in ["args_sizes_get", "environ_sizes_get"] {
        linker.func_wrap(
            MODULE,
            name,
            |mut caller: Caller<'_, State>, number: u32, size: u32| {
                put(&mut caller, number, &0_u32.to_le_bytes())?;
                put(&mut caller, size, &0_u32.to_le_bytes())
            },
        )?;
    }
    for name in ["args_get", "environ_get"] {
        linker.func_wrap(MODULE, name, |_: Caller<'_, State>, _: u32, _: u32| {
            errno::SUCCESS
        })?;
    }
    linker.func_wrap(
        MODULE,
        "proc_exit",
        |_: Caller<'_, State>, code: i32| -> wasmtime::Result<()> { Err(I32Exit(code).into()) },
    )?;
    Ok(())
}

/// The three standard streams, which are never files of the host; other descriptors are files of the workspace.
pub(super) fn add_streams(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        MODULE,
        "fd_write",
        |mut caller: Caller<'_, State>, (fd, vectors, number, written): (i32, u32, u32, u32)| {
            Box::new(async move {
                let stream = match fd {
                    1 => Stream::Out,
                    2 => Stream::Err,
                    _ => return write_file(&mut caller, fd, vectors, number, written).await,
                };
                let memory = memory(&mut caller)?;
                let (bytes, state) = memory.data_and_store_mut(&mut caller);
                let mut total = 0_u32;
                for (at, length) in vectors_of(bytes, vectors, number)? {
                    state.output.write(stream, slice(bytes, at, length)?)?;
                    total = total.saturating_add(length);
                }
                slice_mut(bytes, written, 4)?.copy_from_slice(&total.to_le_bytes());
                Ok(errno::SUCCESS)
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_read",
        |mut caller: Caller<'_, State>, (fd, vectors, number, got): (i32, i32, i32, i32)| {
            Box::new(async move {
                match fd {
                    0 => read_stdin(
                        &mut caller,
                        vectors.cast_unsigned(),
                        number.cast_unsigned(),
                        got.cast_unsigned(),
                    ),
                    1 | 2 => Ok(errno::BADF),
                    _ => match file(&mut caller)? {
                        Some((mut memory, files)) => {
                            p1::fd_read(&mut files.wasi, &mut memory, fd, vectors, number, got)
                                .await
                        }
                        None => Ok(errno::BADF),
                    },
                }
            })
        },
    )?;
    Ok(())
}

fn read_stdin(
    caller: &mut Caller<'_, State>,
    vectors: u32,
    number: u32,
    got: u32,
) -> wasmtime::Result<i32> {
    let memory = memory(caller)?;
    let (bytes, state) = memory.data_and_store_mut(&mut *caller);
    let mut total = 0_u32;
    for (at, length) in vectors_of(bytes, vectors, number)? {
        let target = slice_mut(bytes, at, length)?;
        let read = state.stdin.read(target.len());
        if let Some(target) = target.get_mut(..read.len()) {
            target.copy_from_slice(read);
        }
        total = total.saturating_add(u32::try_from(read.len())?);
    }
    slice_mut(bytes, got, 4)?.copy_from_slice(&total.to_le_bytes());
    Ok(errno::SUCCESS)
}

/// The (address, length) pairs of a vectored read or write. THREAT[ESC-02]: copied before they are used.
fn vectors_of(memory: &[u8], at: u32, number: u32) -> wasmtime::Result<Vec<(u32, u32)>> {
    const MOST: u32 = 1024;
    if number > MOST {
        return Err(wasmtime::format_err!(
            "the guest passed {number} buffers at once"
        ));
    }
    let pairs = slice(memory, at, number.saturating_mul(8))?.chunks_exact(8);
    Ok(pairs
        .filter_map(|pair| {
            let (at, length) = pair.split_first_chunk::<4>()?;
            Some((
                u32::from_le_bytes(*at),
                u32::from_le_bytes(length.try_into().ok()?),
            ))
        })
        .collect())
}

async fn write_file(
    caller: &mut Caller<'_, State>,
    fd: i32,
    vectors: u32,
    number: u32,
    written: u32,
) -> wasmtime::Result<i32> {
    let Some((mut memory, files)) = file(caller)? else {
        return Ok(errno::BADF);
    };
    let GuestMemory::Unshared(bytes) = &memory else {
        return Ok(errno::NOTSUP);
    };
    let size = vectors_of(bytes, vectors, number)?
        .iter()
        .fold(0_u64, |sum, (_, length)| {
            sum.saturating_add((*length).into())
        });
    if !files.quota.take(&files.workspace, size, 0) {
        return Ok(errno::NOSPC);
    }
    let (vectors, number, written) = (
        vectors.cast_signed(),
        number.cast_signed(),
        written.cast_signed(),
    );
    p1::fd_write(&mut files.wasi, &mut memory, fd, vectors, number, written).await
}

/// The guest's memory beside its files; nothing where the run has none.
fn file<'a>(
    caller: &'a mut Caller<'_, State>,
) -> wasmtime::Result<Option<(GuestMemory<'a>, &'a mut Files)>> {
    let memory = memory(caller)?;
    let (bytes, state) = memory.data_and_store_mut(caller);
    Ok(state.files.as_mut().map(|files| {
        files.wasi.set_hostcall_fuel(LARGEST_TRANSFER);
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
pub(super) fn add_files(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    files_only! { linker:
        fd_fdstat_set_flags(fd: i32, flags: i32) ;
        fd_prestat_get(fd: i32, at: i32) ;
        fd_prestat_dir_name(fd: i32, at: i32, length: i32) ;
        fd_readdir(fd: i32, at: i32, length: i32, cookie: i64, got: i32) await;
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

/// Writes a small answer to where the guest wants it.
fn put(caller: &mut Caller<'_, State>, at: u32, answer: &[u8]) -> wasmtime::Result<i32> {
    let memory = memory(caller)?;
    let bytes = memory.data_mut(caller);
    slice_mut(bytes, at, u32::try_from(answer.len())?)?.copy_from_slice(answer);
    Ok(errno::SUCCESS)
}
