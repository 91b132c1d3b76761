//! The interpreter of this guest: made once before the snapshot, entered by every run.
//! Called by `abi`; what it sets up must not depend on the machine, the time or the user, because it is snapshotted.

use crate::{allocator, bridge};
use rustpython_vm::{Interpreter, Settings, VirtualMachine, compiler::Mode};
use std::cell::OnceCell;

thread_local! {
    static INTERPRETER: OnceCell<Interpreter> = const { OnceCell::new() };
}

/// The Python that is part of the guest, run once before the snapshot, in this order.
const PARTS: [(&str, &str); 5] = [
    ("<sandgate.threads>", include_str!("../python/threads.py")),
    ("<sandgate.absent>", include_str!("../python/absent.py")),
    ("<sandgate.pool>", include_str!("../python/pool.py")),
    ("<sandgate.loop>", include_str!("../python/loop.py")),
    ("<sandgate.prelude>", include_str!("../python/prelude.py")),
];

/// Every run sees the same string hashes: dictionaries of the snapshot are keyed by them. See SECURITY.md.
const HASH_SEED: u32 = 0x5a6d_6761;

/// Makes the interpreter and imports what scripts use most. Called once; the snapshot is taken when it returns.
pub fn initialize() {
    let mut settings = Settings::default();
    settings.hash_seed = Some(HASH_SEED);
    settings.install_signal_handlers = false;
    settings.import_site = false;
    settings.user_site_directory = false;
    settings.ignore_environment = true;
    settings.isolated = true;
    settings.safe_path = true;
    settings.write_bytecode = false;
    settings.utf8_mode = 1;

    let builder = Interpreter::builder(settings);
    let natives = rustpython_stdlib::stdlib_module_defs(&rustpython_vm::Context::genesis().clone());
    let bridge = bridge::module_def(rustpython_vm::Context::genesis());
    let interpreter = builder
        .add_native_modules(&natives)
        .add_native_module(bridge)
        .add_frozen_modules(rustpython_pylib::FROZEN_STDLIB)
        .init_hook(|vm| {
            if let Some(state) = rustpython_vm::common::rc::PyRc::get_mut(&mut vm.state) {
                state.config.paths = Default::default();
            }
        })
        .build();
    interpreter.enter(|vm| {
        let outcome = vm.new_scope_with_main().and_then(|_| {
            PARTS.iter().try_for_each(|(name, source)| {
                let scope = vm.new_scope_with_builtins();
                scope
                    .globals
                    .set_item("__name__", vm.ctx.new_str(*name).into(), vm)?;
                let code = vm
                    .compile(source, Mode::Exec, *name)
                    .map_err(|error| error.into_pyexception(vm, Some(source)))?;
                vm.run_code_obj(code, scope).map(drop)
            })
        });
        if let Err(error) = outcome {
            vm.print_exception(&error);
            std::process::abort();
        }
    });
    INTERPRETER.with(|cell| {
        let _ = cell.set(interpreter);
    });
    allocator::seal();
}

/// Enters the interpreter. Without one (the host did not initialise this module) the guest traps.
pub fn with<R>(run: impl FnOnce(&VirtualMachine) -> R) -> R {
    INTERPRETER.with(|cell| match cell.get() {
        Some(interpreter) => interpreter.enter(run),
        None => std::process::abort(),
    })
}
