//! Starts the interpreter once and keeps its memory: from the guest's module to one that begins initialised.
//! Called last. What runs here has no clock, no randomness and no files but an empty directory, in which a script begins;
//! so the result depends on the guest alone.

use crate::files::Files;
use sandgate_wire::abi;
use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
};
use wasmtime::{
    Config, Engine, Instance, Linker, Module, OptLevel, Result, Store, Val, ValType as WasmType,
    bail, format_err,
};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

/// How much of the stack the interpreter may use while it starts; as much as in a run.
const WASM_STACK: usize = 32 << 20;

/// The stack of the thread that starts it: so that host functions have some of it too.
const STACK: usize = WASM_STACK + (16 << 20);

/// How the guest is compiled to be started.
#[derive(Clone, Copy)]
pub enum Compiling {
    /// As quickly as can be.
    Quickly,
    /// As it is for scripts.
    Carefully,
}

/// The module that continues from where the guest's initialisation ended, and the same however the guest was compiled for that.
pub fn snapshot_both_ways(wasm: &[u8]) -> Result<Vec<u8>> {
    let quick = snapshot(wasm, Compiling::Quickly)?;
    if snapshot(wasm, Compiling::Carefully)? != quick {
        bail!("the snapshot depends on how the interpreter was compiled to take it");
    }
    Ok(quick)
}

/// Runs the guest's initialisation and returns the module that continues from there.
pub fn snapshot(wasm: &[u8], compiling: Compiling) -> Result<Vec<u8>> {
    let engine = engine(compiling)?;
    deeply(|| initialise(wasm, &engine))
}

/// Has it done on a thread whose stack is as deep as a run's.
pub fn deeply<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let started = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work);
        started?
            .join()
            .unwrap_or_else(|_| bail!("the thread that started the interpreter panicked"))
    })
}

/// With the proposals that scripts' engines have (`runtime/src/sandbox/engine.rs`), and one "not a number" (NaN), the same on
/// every processor.
pub fn engine(compiling: Compiling) -> Result<Engine> {
    let mut config = Config::new();
    config
        .async_stack_size(STACK)
        .max_wasm_stack(WASM_STACK)
        .cranelift_opt_level(match compiling {
            Compiling::Quickly => OptLevel::None,
            Compiling::Carefully => OptLevel::Speed,
        })
        .cranelift_nan_canonicalization(true)
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_extended_const(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false);
    Engine::new(&config)
}

fn initialise(wasm: &[u8], engine: &Engine) -> Result<Vec<u8>> {
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument(wasm)?;
    let (store, instance) = start(&instrumented, engine, |_| Ok(()))?;
    let mut frozen = Frozen { store, instance };
    at_once(wizer.snapshot(&context, &mut frozen))?
}

/// An interpreter that has just started, with more of the world around it than there is otherwise.
pub fn start(
    wasm: &[u8],
    engine: &Engine,
    more: impl FnOnce(&mut Linker<Written>) -> Result<()>,
) -> Result<(Store<Written>, Instance)> {
    let module = Module::new(engine, wasm)?;
    let mut store = Store::new(engine, Written::default());
    let mut linker = link(engine, &module)?;
    more(&mut linker)?;
    let instance = linker.instantiate(&mut store, &module)?;
    for name in ["_initialize", abi::EXPORT_INITIALIZE] {
        let function = instance.get_typed_func::<(), ()>(&mut store, name)?;
        if let Err(error) = function.call(&mut store, ()) {
            let said = String::from_utf8_lossy(&store.data().output).into_owned();
            bail!("`{name}` failed: {error:#}\n{said}");
        }
    }
    Ok((store, instance))
}

/// What a future comes to that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => bail!("the snapshot waits for something"),
    }
}

/// What the guest imports that is not ours.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// What the interpreter leaves outside of itself.
#[derive(Default)]
pub struct Written {
    /// What it prints while it starts: nothing, unless it fails.
    pub output: Vec<u8>,
    /// Files of the training.
    pub files: Files,
}

/// Every import answers that it is not available, other than random bytes, which are all zero and not kept, output,
/// which explains a failure, and that there are a workspace and a service.
fn link(engine: &Engine, module: &Module) -> Result<Linker<Written>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(MODULE, "random_get", |_: i32, _: i32| 0)?;
    linker.func_wrap(
        MODULE,
        "clock_time_get",
        |mut caller: wasmtime::Caller<'_, Written>, _: i32, _: i64, at: i32| {
            write(&mut caller, at, &[0; 8])?;
            Result::Ok(0)
        },
    )?;
    for name in ["args_sizes_get", "environ_sizes_get"] {
        linker.func_wrap(
            MODULE,
            name,
            |mut caller: wasmtime::Caller<'_, Written>, number: i32, size: i32| {
                write(&mut caller, number, &[0; 4])?;
                write(&mut caller, size, &[0; 4])?;
                Result::Ok(0)
            },
        )?;
    }
    linker.func_wrap(
        MODULE,
        "fd_write",
        |mut caller: wasmtime::Caller<'_, Written>,
         file: i32,
         vectors: i32,
         number: i32,
         written: i32| {
            let mut total = 0_i32;
            for (at, length) in pieces(&mut caller, vectors, number)? {
                let bytes = read(&mut caller, at, length)?;
                let Written { output, files } = caller.data_mut();
                if !files.write(file, &bytes) {
                    output.extend_from_slice(&bytes);
                }
                total = total.wrapping_add(length);
            }
            write(&mut caller, written, &total.to_le_bytes())?;
            Result::Ok(0)
        },
    )?;
    for (name, size) in [("fd_filestat_get", 64), ("fd_fdstat_get", 24)] {
        linker.func_wrap(
            MODULE,
            name,
            move |mut caller: wasmtime::Caller<'_, Written>, fd: i32, at: i32| {
                if !(0..=2).contains(&fd) {
                    return Result::Ok(BADF);
                }
                write(&mut caller, at, &vec![0; size])?;
                Ok(0)
            },
        )?;
    }
    add_workspace(&mut linker)?;
    add_service(&mut linker)?;
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
                        return Err(format_err!(
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
fn add_workspace(linker: &mut Linker<Written>) -> Result<()> {
    const FIRST: i32 = 3;
    linker.func_wrap(
        MODULE,
        "fd_prestat_get",
        |mut caller: wasmtime::Caller<'_, Written>, fd: i32, at: i32| {
            if fd != FIRST {
                return Result::Ok(BADF);
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
            Result::Ok(0)
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
                return Result::Ok(BADF);
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

/// What every call of the rehearsal is answered with: the interface of a service, which is as good a result as any.
const REPLY: &[u8] = br#"{"ok":{"service":"crm","summary":"Contacts.","types":{"Contact":"{id: int, name: str}"},"methods":[
{"n":"contact_list","m":"contact.list","d":"Lists contacts.","e":"read","t":"list[Contact]","p":[{"n":"limit","t":"int","d":"How many.","v":10}]},
{"n":"contact_add","m":"contact.add","d":"Adds a contact.","e":"write","t":"Contact","p":[{"n":"name","r":true,"t":"str"},{"n":"email","t":"str | None"}]}
]}}"#;

/// A run often calls a service, so the rehearsal does.
fn add_service(linker: &mut Linker<Written>) -> Result<()> {
    linker.func_wrap(
        abi::IMPORT_MODULE,
        abi::IMPORT_CALL,
        |_: i32, _: i32| -> Result<i32> { Ok(i32::try_from(REPLY.len())?) },
    )?;
    linker.func_wrap(
        abi::IMPORT_MODULE,
        abi::IMPORT_REPLY,
        |mut caller: wasmtime::Caller<'_, Written>, at: i32| write(&mut caller, at, REPLY),
    )?;
    Ok(())
}

/// WASI's number for the kind of file that a directory is.
pub const DIRECTORY: u8 = 3;

/// WASI's number for a descriptor that does not exist.
pub const BADF: i32 = 8;

pub fn read(caller: &mut wasmtime::Caller<'_, Written>, at: i32, length: i32) -> Result<Vec<u8>> {
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

/// Where the pieces are that are to be read or written, and how long.
pub fn pieces(
    caller: &mut wasmtime::Caller<'_, Written>,
    vectors: i32,
    number: i32,
) -> Result<Vec<(i32, i32)>> {
    (0..number)
        .map(|index| {
            let pair = read(caller, vectors.wrapping_add(index.wrapping_mul(8)), 8)?;
            let (at, length) = pair.split_at_checked(4).ok_or_else(outside)?;
            Ok((
                i32::from_le_bytes(at.try_into()?),
                i32::from_le_bytes(length.try_into()?),
            ))
        })
        .collect()
}

pub fn write(caller: &mut wasmtime::Caller<'_, Written>, at: i32, bytes: &[u8]) -> Result<()> {
    let memory = memory(caller)?;
    Ok(memory.write(caller, usize::try_from(at.cast_unsigned())?, bytes)?)
}

fn memory(caller: &mut wasmtime::Caller<'_, Written>) -> Result<wasmtime::Memory> {
    caller
        .get_export("memory")
        .and_then(wasmtime::Extern::into_memory)
        .ok_or_else(outside)
}

fn outside() -> wasmtime::Error {
    format_err!("the interpreter gave an address outside its memory")
}

/// The instance whose state is taken.
struct Frozen {
    store: Store<Written>,
    instance: Instance,
}

impl InstanceState for Frozen {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let value = self
            .instance
            .get_global(&mut self.store, name)
            .map(|global| global.get(&mut self.store));
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
        if let Some(memory) = self.instance.get_memory(&mut self.store, name) {
            contents(memory.data(&self.store));
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use wasm_encoder::{
        CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
        GlobalSection, GlobalType, ImportSection, Instruction, MemorySection, MemoryType,
        TypeSection,
    };

    /// A guest with one import, whose result it keeps in its memory and in a global when it is initialised; `kept` gives both.
    fn guest(import: &str, name: &str) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        types.ty().function([], [wasm_encoder::ValType::I32]);
        let mut imports = ImportSection::new();
        imports.import(import, name, EntityType::Function(1));
        let mut functions = FunctionSection::new();
        functions.function(0).function(0).function(1);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut globals = GlobalSection::new();
        let kind = GlobalType {
            val_type: wasm_encoder::ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(kind, &wasm_encoder::ConstExpr::i32_const(1));
        let mut exports = ExportSection::new();
        exports
            .export("memory", ExportKind::Memory, 0)
            .export("_initialize", ExportKind::Func, 1)
            .export(abi::EXPORT_INITIALIZE, ExportKind::Func, 2)
            .export("kept", ExportKind::Func, 3);
        let at = wasm_encoder::MemArg {
            offset: 4096,
            align: 2,
            memory_index: 0,
        };
        let mut code = CodeSection::new();
        code.function(&body(&[
            Instruction::I32Const(30),
            Instruction::GlobalSet(0),
        ]));
        code.function(&body(&[
            Instruction::I32Const(0),
            Instruction::Call(0),
            Instruction::I32Store(at),
        ]));
        code.function(&body(&[
            Instruction::I32Const(0),
            Instruction::I32Load(at),
            Instruction::GlobalGet(0),
            Instruction::I32Add,
        ]));
        let mut module = wasm_encoder::Module::new();
        module.section(&types).section(&imports).section(&functions);
        module.section(&memories).section(&globals);
        module.section(&exports).section(&code);
        module.finish()
    }

    fn body(instructions: &[Instruction<'_>]) -> Function {
        let mut function = Function::new([]);
        for instruction in instructions {
            function.instruction(instruction);
        }
        function.instruction(&Instruction::End);
        function
    }

    #[test]
    fn a_snapshot_goes_on_where_initialisation_ended_and_cannot_be_initialised_again() {
        let snapshot = snapshot_both_ways(&guest(MODULE, "sched_yield")).unwrap();
        let engine = engine(Compiling::Quickly).unwrap();
        let module = Module::new(&engine, snapshot).unwrap();
        let mut exports: Vec<&str> = module.exports().map(|export| export.name()).collect();
        exports.sort_unstable();
        assert_eq!(exports, ["kept", "memory"]);
        let mut linker = Linker::new(&engine);
        linker.func_wrap(MODULE, "sched_yield", || 0).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let kept = instance
            .get_typed_func::<(), i32>(&mut store, "kept")
            .unwrap();
        assert_eq!(kept.call(&mut store, ()).unwrap(), 30 + BADF);
    }

    #[test]
    fn what_is_asked_for_while_the_guest_starts_is_not_there() {
        // Only what answers with a number can say so.
        let mut store = Store::new(&engine(Compiling::Quickly).unwrap(), Written::default());
        let module =
            Module::new(store.engine(), guest(abi::IMPORT_MODULE, abi::IMPORT_BEGIN)).unwrap();
        let linker = link(store.engine(), &module).unwrap();
        let call = linker
            .get(&mut store, abi::IMPORT_MODULE, abi::IMPORT_BEGIN)
            .unwrap();
        let call = call.into_func().unwrap();
        let mut answer = [Val::I32(0)];
        call.call(&mut store, &[], &mut answer).unwrap();
        assert_eq!(answer.map(|answer| answer.unwrap_i32()), [BADF]);
    }
}
