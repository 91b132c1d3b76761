//! The functions of `prelude.py`, looked up once before the snapshot. Called by `script`, `value`, `localtime` and
//! `rehearsal`, so that a run searches no module for what every run calls.

use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};
use std::cell::OnceCell;

/// A function of the prelude; its own documentation stands there.
#[derive(Clone, Copy)]
pub enum Prelude {
    Start,
    GoOn,
    Flush,
    RunAsync,
    Describe,
    Plain,
    ShutDown,
    Finish,
    Settle,
    LocalTime,
}

/// In the order of the variants.
const NAMES: [&str; 10] = [
    "start",
    "go_on",
    "flush",
    "run_async",
    "describe",
    "plain",
    "shut_down",
    "finish",
    "settle",
    "localtime",
];

thread_local! {
    static FUNCTIONS: OnceCell<Vec<PyObjectRef>> = const { OnceCell::new() };
}

/// Looks them up.
pub fn find(vm: &VirtualMachine) -> PyResult<()> {
    let module = vm.import("_sandgate_prelude", 0)?;
    let functions = NAMES
        .iter()
        .map(|name| module.get_attr(*name, vm))
        .collect::<PyResult<Vec<_>>>()?;
    FUNCTIONS.with(|cell| {
        let _ = cell.set(functions);
    });
    Ok(())
}

impl Prelude {
    /// Calls it.
    pub fn call(self, vm: &VirtualMachine, arguments: Vec<PyObjectRef>) -> PyResult {
        let function = FUNCTIONS.with(|cell| cell.get()?.get(self as usize).cloned());
        match function {
            Some(function) => function.call(arguments, vm),
            None => Err(vm.new_system_error("the prelude has not been found")),
        }
    }
}
