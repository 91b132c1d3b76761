//! The interpreter of this guest: made once before the snapshot, entered by every run.
//! Called by `abi`; what it sets up must not depend on the machine, the time or the user, because it is snapshotted.

use crate::{
    allocator, bridge, decimal, errors, localtime, rehearsal, sqlite, streams, sum, zones,
};
use rustpython_vm::{
    Interpreter, PyResult, Settings, VirtualMachine, compiler::Mode, scope::Scope,
};
use std::cell::OnceCell;

thread_local! {
    static INTERPRETER: OnceCell<Interpreter> = const { OnceCell::new() };
}

macro_rules! part {
    ($name:literal) => {
        (
            concat!("_sandgate_", $name),
            concat!("<sandgate.", $name, ">"),
            include_str!(concat!("../python/", $name, ".py")),
        )
    };
}

/// The Python that is part of the guest: modules run once before the snapshot, in this order.
const PARTS: [(&str, &str, &str); 21] = [
    part!("threads"),
    part!("absent"),
    part!("decimals"),
    part!("clock"),
    part!("zones"),
    part!("local"),
    part!("calls"),
    part!("pool"),
    part!("processes"),
    part!("loop"),
    part!("machine"),
    part!("errors"),
    part!("services"),
    part!("profiler"),
    part!("grammar"),
    part!("names"),
    part!("declarations"),
    part!("expat"),
    part!("missing"),
    part!("hints"),
    part!("prelude"),
];

/// Makes the interpreter and imports what scripts use most. Called once; the snapshot is taken when it returns.
pub fn initialize() {
    let mut settings = Settings::default();
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
    let context = rustpython_vm::Context::genesis();
    let bridge = bridge::module_def(context);
    let zones = zones::module_def(context);
    let sqlite = sqlite::module_def(context);
    let streams = streams::module_def(context);
    let sum = sum::module_def(context);
    let decimal = decimal::module_def(context);
    let contexts = decimal::context_module_def(context);
    let interpreter = builder
        .add_native_modules(&natives)
        .add_native_module(bridge)
        .add_native_module(zones)
        .add_native_module(sqlite)
        .add_native_module(streams)
        .add_native_module(sum)
        .add_native_module(decimal)
        .add_native_module(contexts)
        .add_frozen_modules(rustpython_pylib::FROZEN_STDLIB)
        .init_hook(|vm| {
            if let Some(state) = rustpython_vm::common::rc::PyRc::get_mut(&mut vm.state) {
                state.config.paths = Default::default();
            }
        })
        .build();
    localtime::tell_sqlite();
    interpreter.enter(|vm| {
        let outcome = vm
            .new_scope_with_main()
            .and_then(|_| PARTS.iter().try_for_each(|part| run(vm, part)))
            .and_then(|()| errors::complete(vm))
            .and_then(|()| rehearsal::perform(vm));
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

fn run(vm: &VirtualMachine, (name, path, source): &(&str, &str, &str)) -> PyResult<()> {
    let globals = vm.ctx.new_dict();
    let module = vm.new_module(name, globals.clone(), None);
    vm.sys_module
        .get_attr("modules", vm)?
        .set_item(*name, module.into(), vm)?;
    let scope = Scope::with_builtins(None, globals, vm);
    let code = vm
        .compile(source, Mode::Exec, *path)
        .map_err(|error| error.into_pyexception(vm, Some(source)))?;
    vm.run_code_obj(code, scope).map(drop)
}

/// Enters the interpreter. Without one (the host did not initialise this module) the guest traps.
pub fn with<R>(run: impl FnOnce(&VirtualMachine) -> R) -> R {
    INTERPRETER.with(|cell| match cell.get() {
        Some(interpreter) => interpreter.enter(run),
        None => std::process::abort(),
    })
}
