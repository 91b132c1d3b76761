//! What is done last before the snapshot, so that a run writes to little of it: every page that a run writes to is a fault
//! when it is written, and a copy when the run has ended. Called by `interpreter` once.

use crate::{
    prelude::{self, Prelude},
    script,
};
use rustpython_vm::{PyResult, VirtualMachine, builtins::PyStr};
use sandgate_wire::{Ending, Script, Session};
use std::collections::BTreeMap;

/// What scripts do most. It leaves nothing behind other than what the interpreter learns.
const SOURCE: &str = include_str!("../python/rehearsal.py");

/// Often enough for the interpreter to have specialised every instruction that it can.
const TIMES: usize = 25;

/// Rehearses runs, uses up what they freed, and keeps what there is.
pub fn perform(vm: &VirtualMachine) -> PyResult<()> {
    prelude::find(vm)?;
    let gc = &vm.state.gc;
    gc.collect_force(2);
    gc.disable(); // it would empty the caches that are filled here
    let script = Script {
        source: SOURCE.into(),
        name: "script.py".into(),
        argv: vec![],
        environment: BTreeMap::new(),
        workspace: true,
        session: Session::None,
    };
    for _ in 0..TIMES {
        if let Ending::Raised { exception } = script::perform(vm, &script) {
            return Err(vm.new_system_error(exception.traceback));
        }
    }
    Prelude::Settle.call(vm, vec![])?;
    gc.enable();
    keep(vm)?;
    gc.freeze();
    Ok(())
}

/// What the snapshot holds is never freed, so nobody need count who refers to it. Text keeps its hash as it is before a run
/// mixes it with its seed.
fn keep(vm: &VirtualMachine) -> PyResult<()> {
    let mut open = vm.state.gc.get_objects(None);
    for object in &open {
        object.make_immortal();
    }
    while let Some(object) = open.pop() {
        for referent in object.gc_get_referents() {
            if referent.downcastable::<PyStr>() {
                referent.hash(vm)?;
            }
            if !referent.is_immortal() {
                referent.make_immortal();
                open.push(referent);
            }
        }
    }
    Ok(())
}
