//! Everything that a guest can reach, in one list. Called once per sandbox. What is not here does not exist for a
//! script, whatever it does to the interpreter.

use super::{
    image::{ImageError, check_imports},
    state::{RunsNow, SessionState, State},
    wasi,
};
use sandgate_wire::{Ending, Script, Session, abi};
use std::{collections::BTreeMap, time::Duration};
use wasmtime::{Caller, Engine, Extern, InstancePre, Linker, Memory, Module};

/// Links a guest. THREAT[ESC-01]: its imports are compared with the committed list before anything is linked.
pub(super) fn link(engine: &Engine, module: &Module) -> Result<InstancePre<State>, ImageError> {
    check_imports(
        module
            .imports()
            .map(|import| (import.module(), import.name())),
    )?;
    let mut linker = Linker::new(engine);
    add_pause(&mut linker)
        .and_then(|()| add_road(&mut linker))
        .and_then(|()| wasi::add_clock_and_random(&mut linker))
        .and_then(|()| wasi::add_process(&mut linker))
        .and_then(|()| wasi::add_streams(&mut linker))
        .and_then(|()| wasi::add_files(&mut linker))
        .and_then(|()| linker.instantiate_pre(module))
        .map_err(|error| ImageError::Guest(format!("{error:#}")))
}

/// What takes the snapshot has the guest call it; none of the guest's sources does.
const PAUSE: &str = "pause";

/// `pause`: where the guest gives way, every so many rounds of its loops. Nothing happens unless the clock has ticked since;
/// then whoever drives the run looks at its limits, and others have their turn. THREAT[DOS-01]
fn add_pause(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        abi::IMPORT_MODULE,
        PAUSE,
        |mut caller: Caller<'_, State>, (): ()| {
            let ticks = caller.data().ticker.ticks();
            let is_due = std::mem::replace(&mut caller.data_mut().turn, ticks) != ticks;
            Box::new(async move {
                if is_due {
                    pass_interrupt_on(&mut caller)?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            })
        },
    )?;
    Ok(())
}

/// Has what runs in a session raise a `KeyboardInterrupt`, where one was asked for.
fn pass_interrupt_on(caller: &mut Caller<'_, State>) -> wasmtime::Result<()> {
    if caller.data().session.is_none() {
        return Ok(());
    }
    let memory = memory(caller)?;
    let (bytes, state) = memory.data_and_store_mut(caller);
    match &state.session {
        Some(session) => session.pass_interrupt_on(bytes),
        None => Ok(()),
    }
}

/// The one way out: `begin` sends a request down the road, `wait` and `collect` wait for what comes back, `call` does both,
/// `reply` fetches it. And `next`, by which the scripts of a session come in.
fn add_road(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        abi::IMPORT_MODULE,
        abi::IMPORT_BEGIN,
        |mut caller: Caller<'_, State>, at: u32, length: u32| {
            let memory = memory(&mut caller)?;
            let (bytes, state) = memory.data_and_store_mut(&mut caller);
            let State { road, recorder, .. } = state;
            road.begin(slice(bytes, at, length)?, recorder)
        },
    )?;
    linker.func_wrap_async(
        abi::IMPORT_MODULE,
        abi::IMPORT_CALL,
        |mut caller: Caller<'_, State>, (at, length): (u32, u32)| {
            Box::new(async move {
                let memory = memory(&mut caller)?;
                let (bytes, state) = memory.data_and_store_mut(&mut caller);
                let State { road, recorder, .. } = &mut *state;
                let reply = road.call(slice(bytes, at, length)?, recorder).await?;
                let length = u32::try_from(reply.len())?;
                state.reply = Some(reply);
                Ok(length)
            })
        },
    )?;
    linker.func_wrap_async(
        abi::IMPORT_MODULE,
        abi::IMPORT_WAIT,
        |mut caller: Caller<'_, State>, (milliseconds,): (i64,)| {
            Box::new(async move {
                let State { road, recorder, .. } = caller.data_mut();
                let longest = u64::try_from(milliseconds).ok().map(Duration::from_millis);
                road.wait(recorder, longest).await
            })
        },
    )?;
    linker.func_wrap_async(
        abi::IMPORT_MODULE,
        abi::IMPORT_COLLECT,
        |mut caller: Caller<'_, State>, (call,): (u32,)| {
            Box::new(async move {
                let state = caller.data_mut();
                let reply = state.road.collect(call).await?;
                let length = u32::try_from(reply.len())?;
                state.reply = Some(reply);
                Ok(length)
            })
        },
    )?;
    linker.func_wrap_async(
        abi::IMPORT_MODULE,
        abi::IMPORT_NEXT,
        |mut caller: Caller<'_, State>, (at, length): (u32, u32)| {
            Box::new(async move { next_script(&mut caller, at, length).await })
        },
    )?;
    linker.func_wrap(
        abi::IMPORT_MODULE,
        abi::IMPORT_REPLY,
        |mut caller: Caller<'_, State>, at: u32| {
            let memory = memory(&mut caller)?;
            let (bytes, state) = memory.data_and_store_mut(&mut caller);
            let reply = state
                .reply
                .take()
                .ok_or_else(|| wasmtime::format_err!("there is no reply to fetch"))?;
            slice_mut(bytes, at, u32::try_from(reply.len())?)?.copy_from_slice(&reply);
            Ok(())
        },
    )?;
    Ok(())
}

/// The next script of a session, for which the run's time does not pass.
async fn next_script(
    caller: &mut Caller<'_, State>,
    at: u32,
    length: u32,
) -> wasmtime::Result<u32> {
    let memory = memory(caller)?;
    let (bytes, state) = memory.data_and_store_mut(&mut *caller);
    let ended: Ending = serde_json::from_slice(slice(bytes, at, length)?)?;
    let Some(session) = &mut state.session else {
        return Ok(0);
    };
    let next = if let Some(next) = session.past.pop_front() {
        // What it wrote and came to was told to whoever gave it.
        state.road.between(std::future::ready(())).await;
        next
    } else {
        if session.runs == RunsNow::Script {
            state.road.note(&mut state.recorder);
            let interrupted = session.scripts.interrupt().was_told();
            let record = state.road.record();
            record.script_ended(interrupted, state.output.totals());
        }
        let next = session.scripts.next(ended, session.longest);
        let Some(next) = state.road.between(next).await else {
            return Ok(0);
        };
        session.runs = RunsNow::Script;
        state.road.record().script(&next.name, &next.source);
        next
    };
    let script = Script {
        source: next.source.into(),
        name: next.name.into(),
        argv: vec![],
        environment: BTreeMap::new(),
        workspace: state.files.is_some(),
        session: shown(session),
    };
    let reply = serde_json::to_vec(&script)?;
    let length = u32::try_from(reply.len())?;
    state.reply = Some(reply);
    Ok(length)
}

/// What the guest is told of a session.
pub(super) fn shown(session: &SessionState) -> Session {
    if session.scripts.are_shown() {
        Session::Shown
    } else {
        Session::Values
    }
}

/// The guest's memory. Whoever made the instance has said which it is; otherwise it is looked for by its name, once.
pub(super) fn memory(caller: &mut Caller<'_, State>) -> wasmtime::Result<Memory> {
    if let Some(memory) = caller.data().guest_memory {
        return Ok(memory);
    }
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => {
            caller.data_mut().guest_memory = Some(memory);
            Ok(memory)
        }
        _ => Err(wasmtime::format_err!("the guest has no memory")),
    }
}

/// THREAT[ESC-02]: a range of the guest's memory that lies inside it, or a trap.
pub(super) fn slice(memory: &[u8], at: u32, length: u32) -> wasmtime::Result<&[u8]> {
    range(at, length)
        .and_then(|range| memory.get(range))
        .ok_or_else(outside)
}

pub(super) fn slice_mut(memory: &mut [u8], at: u32, length: u32) -> wasmtime::Result<&mut [u8]> {
    range(at, length)
        .and_then(|range| memory.get_mut(range))
        .ok_or_else(outside)
}

fn range(at: u32, length: u32) -> Option<std::ops::Range<usize>> {
    let at = usize::try_from(at).ok()?;
    Some(at..at.checked_add(usize::try_from(length).ok()?)?)
}

fn outside() -> wasmtime::Error {
    wasmtime::format_err!("the guest gave an address outside its memory")
}
