//! Starts the interpreter once and keeps its memory: from the guest's module to one that begins initialised.
//! Called when an image is prepared. What runs here has no clock, no randomness and no files but an empty directory, in
//! which a script begins; so the result depends on the guest alone.

use super::{ImageError, check_imports, with_threads};
use crate::sandbox::engine;
use sandgate_wire::abi;
use wasmtime::{Engine, Instance, Linker, Module, Store, Val, ValType as WasmType};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

/// Runs the guest's initialisation and returns the module that continues from there. On a thread of its own, because
/// it drives the guest to its end, which a caller inside an executor may not do.
pub(super) fn take(wasm: &[u8]) -> Result<Vec<u8>, ImageError> {
    let engine = engine::once()?;
    let thread = std::thread::scope(|scope| scope.spawn(|| initialise(wasm, &engine)).join());
    thread.unwrap_or_else(|_| {
        Err(ImageError::Prepare(
            "the thread that did it panicked".to_owned(),
        ))
    })
}

fn initialise(wasm: &[u8], engine: &Engine) -> Result<Vec<u8>, ImageError> {
    let failed = |error: wasmtime::Error| ImageError::Prepare(format!("{error:#}"));
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument(wasm).map_err(failed)?;
    let module = with_threads(|| Module::new(engine, &instrumented))?.map_err(failed)?;
    check_imports(
        module
            .imports()
            .map(|import| (import.module(), import.name())),
    )?;

    let mut store = Store::new(engine, Written::default());
    let linker = link(engine, &module).map_err(failed)?;
    let executor = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| ImageError::Prepare(error.to_string()))?;
    executor.block_on(async {
        let instance = linker
            .instantiate_async(&mut store, &module)
            .await
            .map_err(failed)?;
        for name in ["_initialize", abi::EXPORT_INITIALIZE] {
            let function = instance
                .get_typed_func::<(), ()>(&mut store, name)
                .map_err(failed)?;
            if let Err(error) = function.call_async(&mut store, ()).await {
                let said = String::from_utf8_lossy(&store.data().0).into_owned();
                return Err(ImageError::Prepare(format!(
                    "`{name}` failed: {error:#}\n{said}"
                )));
            }
        }
        wizer
            .snapshot(
                &context,
                &mut Frozen {
                    store: &mut store,
                    instance,
                },
            )
            .await
            .map_err(failed)
    })
}

/// What the guest imports that is not ours.
const MODULE: &str = "wasi_snapshot_preview1";

/// What the interpreter prints while it starts: nothing, unless it fails.
#[derive(Default)]
struct Written(Vec<u8>);

/// Every import answers that it is not available, other than random bytes, which are all zero and not kept, output,
/// which explains a failure, and that there is a workspace.
fn link(engine: &Engine, module: &Module) -> wasmtime::Result<Linker<Written>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(MODULE, "random_get", |_: i32, _: i32| 0)?;
    linker.func_wrap(
        MODULE,
        "clock_time_get",
        |mut caller: wasmtime::Caller<'_, Written>, _: i32, _: i64, at: i32| {
            write(&mut caller, at, &[0; 8])?;
            wasmtime::Result::Ok(0)
        },
    )?;
    for name in ["args_sizes_get", "environ_sizes_get"] {
        linker.func_wrap(
            MODULE,
            name,
            |mut caller: wasmtime::Caller<'_, Written>, number: i32, size: i32| {
                write(&mut caller, number, &[0; 4])?;
                write(&mut caller, size, &[0; 4])?;
                wasmtime::Result::Ok(0)
            },
        )?;
    }
    linker.func_wrap(
        MODULE,
        "fd_write",
        |mut caller: wasmtime::Caller<'_, Written>,
         _: i32,
         vectors: i32,
         number: i32,
         written: i32| {
            let mut total = 0_i32;
            for index in 0..number {
                let pair = read(&mut caller, vectors.wrapping_add(index.wrapping_mul(8)), 8)?;
                let (at, length) = pair.split_at_checked(4).ok_or_else(outside)?;
                let (at, length) = (
                    i32::from_le_bytes(at.try_into()?),
                    i32::from_le_bytes(length.try_into()?),
                );
                let bytes = read(&mut caller, at, length)?;
                caller.data_mut().0.extend_from_slice(&bytes);
                total = total.wrapping_add(length);
            }
            write(&mut caller, written, &total.to_le_bytes())?;
            wasmtime::Result::Ok(0)
        },
    )?;
    for (name, size) in [("fd_filestat_get", 64), ("fd_fdstat_get", 24)] {
        linker.func_wrap(
            MODULE,
            name,
            move |mut caller: wasmtime::Caller<'_, Written>, fd: i32, at: i32| {
                if !(0..=2).contains(&fd) {
                    return wasmtime::Result::Ok(BADF);
                }
                write(&mut caller, at, &vec![0; size])?;
                Ok(0)
            },
        )?;
    }
    add_workspace(&mut linker)?;
    for import in module.imports() {
        let wasmtime::ExternType::Func(kind) = import.ty() else {
            continue;
        };
        let numbers = kind
            .results()
            .next()
            .is_some_and(|result| matches!(result, WasmType::I32));
        let name = import.name().to_owned();
        // Defined above: left as it is.
        let _ = linker.func_new(
            import.module(),
            import.name(),
            kind,
            move |_, _, results| {
                match results.first_mut() {
                    Some(result) if numbers => *result = Val::I32(BADF),
                    _ => {
                        return Err(wasmtime::format_err!(
                            "the interpreter called `{name}` while it started"
                        ));
                    }
                }
                Ok(())
            },
        );
    }
    Ok(linker)
}

/// A run begins in a workspace, so the snapshot does: nothing of it is asked for but that it is there.
fn add_workspace(linker: &mut Linker<Written>) -> wasmtime::Result<()> {
    const FIRST: i32 = 3;
    linker.func_wrap(
        MODULE,
        "fd_prestat_get",
        |mut caller: wasmtime::Caller<'_, Written>, fd: i32, at: i32| {
            if fd != FIRST {
                return wasmtime::Result::Ok(BADF);
            }
            // A directory, and how long its name is.
            let length = u32::try_from(abi::WORKSPACE.len())?;
            write(&mut caller, at, &[0; 4])?;
            write(&mut caller, at.wrapping_add(4), &length.to_le_bytes())?;
            Ok(0)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "fd_prestat_dir_name",
        |mut caller: wasmtime::Caller<'_, Written>, _: i32, at: i32, length: i32| {
            let length = usize::try_from(length)?;
            let name = abi::WORKSPACE
                .as_bytes()
                .get(..length)
                .ok_or_else(outside)?;
            write(&mut caller, at, name)?;
            wasmtime::Result::Ok(0)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "path_filestat_get",
        |mut caller: wasmtime::Caller<'_, Written>,
         fd: i32,
         _: i32,
         path: i32,
         length: i32,
         at: i32| {
            if fd != FIRST || read(&mut caller, path, length)? != b"." {
                return wasmtime::Result::Ok(BADF);
            }
            let mut stat = [0; 64];
            if let Some(kind) = stat.get_mut(16) {
                *kind = DIRECTORY;
            }
            write(&mut caller, at, &stat)?;
            Ok(0)
        },
    )?;
    linker.func_wrap(abi::IMPORT_MODULE, abi::IMPORT_OPEN_FILES, || 0)?;
    Ok(())
}

/// WASI's number for the kind of file that a directory is.
const DIRECTORY: u8 = 3;

/// WASI's number for a descriptor that does not exist.
const BADF: i32 = 8;

fn read(
    caller: &mut wasmtime::Caller<'_, Written>,
    at: i32,
    length: i32,
) -> wasmtime::Result<Vec<u8>> {
    let memory = memory(caller)?;
    let (at, length) = (
        usize::try_from(at.cast_unsigned())?,
        usize::try_from(length.cast_unsigned())?,
    );
    let end = at.checked_add(length).ok_or_else(outside)?;
    Ok(memory
        .data(caller)
        .get(at..end)
        .ok_or_else(outside)?
        .to_vec())
}

fn write(
    caller: &mut wasmtime::Caller<'_, Written>,
    at: i32,
    bytes: &[u8],
) -> wasmtime::Result<()> {
    let memory = memory(caller)?;
    Ok(memory.write(caller, usize::try_from(at.cast_unsigned())?, bytes)?)
}

fn memory(caller: &mut wasmtime::Caller<'_, Written>) -> wasmtime::Result<wasmtime::Memory> {
    caller
        .get_export("memory")
        .and_then(wasmtime::Extern::into_memory)
        .ok_or_else(outside)
}

fn outside() -> wasmtime::Error {
    wasmtime::format_err!("the interpreter gave an address outside its memory")
}

/// The instance whose state is taken.
struct Frozen<'a> {
    store: &'a mut Store<Written>,
    instance: Instance,
}

impl InstanceState for Frozen<'_> {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let value = self
            .instance
            .get_global(&mut *self.store, name)
            .map(|global| global.get(&mut *self.store));
        match value {
            Some(Val::I64(value)) => SnapshotVal::I64(value),
            Some(Val::F32(value)) => SnapshotVal::F32(value),
            Some(Val::F64(value)) => SnapshotVal::F64(value),
            Some(Val::V128(value)) => SnapshotVal::V128(value.as_u128()),
            Some(Val::I32(value)) => SnapshotVal::I32(value),
            // Wizer names only the numeric globals that it has exported itself.
            _ => SnapshotVal::I32(0),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        if let Some(memory) = self.instance.get_memory(&mut *self.store, name) {
            contents(memory.data(&*self.store));
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use crate::sandbox::image::{artefact, interruptible};

    #[test]
    fn the_snapshot_does_not_depend_on_how_the_interpreter_was_compiled_to_take_it() {
        let wasm = interruptible::rewrite(&artefact::unpack().unwrap()).unwrap();
        let quick = take(&wasm).unwrap();
        let careful = initialise(&wasm, &engine::once_carefully().unwrap()).unwrap();
        // Tens of megabytes, which nobody wants to see.
        assert!(quick == careful);
    }
}
