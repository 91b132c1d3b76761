//! Has an instrumented guest run scripts, and keeps what it counted: the profile that the guest is compiled by.
//! Called by `guest/build.sh --profile`. Nothing of the machine must be in the profile: scripts see what the interpreter sees
//! when its snapshot is taken, a clock that stands still and no randomness, and files in memory.

use crate::{
    files,
    initialise::{self, Compiling, Written},
};
use sandgate_wire::abi;
use wasmtime::{Instance, Result, Store, error::Context as _, format_err};

/// What the instrumented guest exports for it.
const EXPORT: &str = "sandgate_profile";

/// Runs each line of `scripts`, which is one as the host hands it over, and returns what was counted.
pub fn profile(wasm: &[u8], scripts: &[u8]) -> Result<Vec<u8>> {
    let engine = initialise::engine(Compiling::Carefully)?;
    initialise::deeply(|| {
        let (mut store, instance) = initialise::start(wasm, &engine, files::add)?;
        for script in scripts.split(|byte| *byte == b'\n') {
            if script.is_empty() {
                continue;
            }
            let ending = run(&mut store, &instance, script)?;
            if !ending.starts_with(b"{\"ok\"") {
                let beginning = |bytes: &[u8]| {
                    String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes)).into_owned()
                };
                eprintln!("training: {}\n  {}", beginning(script), beginning(&ending));
            }
            store.data_mut().output.clear();
        }
        let written = instance
            .get_typed_func::<(), i64>(&mut store, EXPORT)?
            .call(&mut store, ())?;
        bytes_at(&mut store, &instance, written)
    })
}

/// Runs one script and returns how it ended.
fn run(store: &mut Store<Written>, instance: &Instance, script: &[u8]) -> Result<Vec<u8>> {
    let at = instance
        .get_typed_func::<i32, i32>(&mut *store, abi::EXPORT_BUFFER)?
        .call(&mut *store, i32::try_from(script.len())?)?;
    memory(store, instance)?.write(&mut *store, usize::try_from(at.cast_unsigned())?, script)?;
    let ending = instance
        .get_typed_func::<(), i64>(&mut *store, abi::EXPORT_RUN)?
        .call(&mut *store, ())
        .with_context(|| String::from_utf8_lossy(script).into_owned())?;
    bytes_at(store, instance, ending)
}

/// What lies where an address in the upper half, and a length in the lower, say.
fn bytes_at(store: &mut Store<Written>, instance: &Instance, place: i64) -> Result<Vec<u8>> {
    let place = place.cast_unsigned();
    let (at, length) = (
        usize::try_from(place >> 32)?,
        usize::try_from(place & u64::from(u32::MAX))?,
    );
    Ok(memory(store, instance)?
        .data(&*store)
        .get(at..)
        .and_then(|rest| rest.get(..length))
        .ok_or_else(|| format_err!("the guest gave an address outside its memory"))?
        .to_vec())
}

fn memory(store: &mut Store<Written>, instance: &Instance) -> Result<wasmtime::Memory> {
    instance
        .get_memory(store, "memory")
        .ok_or_else(|| format_err!("the guest has no memory"))
}
