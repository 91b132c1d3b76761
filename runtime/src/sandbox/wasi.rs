//! WASI preview 1 as a guest has it. Clock, random bytes and sleep come from the recorder, the three standard streams
//! from the run, files from `files` below. Called by `linker`.
//!
//! Numbers from the guest are checked before they are used, and nothing of the host is named in what goes back.

mod errno;
mod files;

pub(super) use files::{add_files, listed, open};

use super::{
    linker::{memory, slice, slice_mut},
    state::State,
};
use crate::output::Stream;
use files::{answer, read_file, write_file};
use std::time::{Duration, Instant};
use wasmtime::{Caller, Linker};

const MODULE: &str = "wasi_snapshot_preview1";

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
    linker.func_wrap_async(
        MODULE,
        "random_get",
        |mut caller: Caller<'_, State>, (at, length): (u32, u32)| {
            Box::new(async move {
                let memory = memory(&mut caller)?;
                let (bytes, state) = memory.data_and_store_mut(&mut caller);
                let mut pieces = slice_mut(bytes, at, length)?.chunks_mut(usize::try_from(PIECE)?);
                if let Some(first) = pieces.next() {
                    state.recorder.fill(first);
                }
                for piece in pieces {
                    tokio::task::yield_now().await;
                    state.recorder.fill(piece);
                }
                Ok(errno::SUCCESS)
            })
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

/// How much is done for a guest between two looks at the clock.
const PIECE: u32 = 1 << 20;

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
        let asleep = async {
            // A sleep beyond what the clock can say lasts until the run is ended.
            match Instant::now().checked_add(pause) {
                Some(until) => state.ticker.at(until).await,
                None => std::future::pending().await,
            }
        };
        match &state.session {
            Some(session) => {
                tokio::select! {
                    () = asleep => {}
                    // What is left of the script may be over before the next tick.
                    () = session.scripts.interrupt().asked() => session.pass_interrupt_on(bytes)?,
                }
            }
            None => asleep.await,
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

/// The guest ended itself, as `os._exit` does.
#[derive(Debug, thiserror::Error)]
#[error("the guest exited with {0}")]
pub(super) struct ProcessExit(pub(super) i32);

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
        |_: Caller<'_, State>, code: i32| -> wasmtime::Result<()> { Err(ProcessExit(code).into()) },
    )?;
    Ok(())
}

/// The three standard streams, which are never files of the host; other descriptors are files of the workspace.
pub(super) fn add_streams(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        MODULE,
        "fd_write",
        |mut caller: Caller<'_, State>, (fd, vectors, number, written): (u32, u32, u32, u32)| {
            Box::new(async move {
                let stream = match fd {
                    1 => Stream::Out,
                    2 => Stream::Err,
                    _ => {
                        let written = write_file(&mut caller, fd, vectors, number, written);
                        return answer(written.await);
                    }
                };
                let memory = memory(&mut caller)?;
                let (bytes, state) = memory.data_and_store_mut(&mut caller);
                let mut total = 0_u32;
                for (at, length) in vectors_of(bytes, vectors, number)? {
                    state.output.write(stream, slice(bytes, at, length)?)?;
                    total = total.saturating_add(length);
                }
                slice_mut(bytes, written, 4)?.copy_from_slice(&total.to_le_bytes());
                if let Some(full) = state.output.full() {
                    full.drained().await;
                }
                Ok(errno::SUCCESS)
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_read",
        |mut caller: Caller<'_, State>, (fd, vectors, number, got): (u32, u32, u32, u32)| {
            Box::new(async move {
                match fd {
                    0 => read_stdin(&mut caller, vectors, number, got).await,
                    1 | 2 => Ok(errno::BADF),
                    _ => answer(read_file(&mut caller, fd, vectors, number, got).await),
                }
            })
        },
    )?;
    Ok(())
}

async fn read_stdin(
    caller: &mut Caller<'_, State>,
    vectors: u32,
    number: u32,
    got: u32,
) -> wasmtime::Result<i32> {
    let memory = memory(caller)?;
    let (bytes, state) = memory.data_and_store_mut(&mut *caller);
    let mut total = 0_u32;
    let pause = state.road.pause().clone();
    let _person = state.stdin.is_typed().then(|| pause.typing());
    for (at, length) in vectors_of(bytes, vectors, number)? {
        if total > 0 && length > 0 {
            // What is there is enough: the next might be waited for.
            break;
        }
        let Ok(read) = state.stdin.read(slice_mut(bytes, at, length)?).await else {
            return Ok(errno::IO);
        };
        total = total.saturating_add(u32::try_from(read)?);
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

/// Writes a small answer to where the guest wants it.
fn put(caller: &mut Caller<'_, State>, at: u32, answer: &[u8]) -> wasmtime::Result<i32> {
    let memory = memory(caller)?;
    let bytes = memory.data_mut(caller);
    slice_mut(bytes, at, u32::try_from(answer.len())?)?.copy_from_slice(answer);
    Ok(errno::SUCCESS)
}
