//! What is done last before the snapshot, so that a run writes to little of it: every page that a run writes to is a fault
//! when it is written, and a copy when the run has ended. Called by `interpreter` once.

use crate::{
    prelude::{self, Prelude},
    script,
};
use rustpython_vm::{
    AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine,
    builtins::{PyCode, PyDict, PyFrozenSet, PyFunction, PySet, PyStr},
};
use sandgate_wire::{Ending, Script, Session};
use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashSet},
};

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
/// mixes it with its seed, and so do the tables whose keys are text. Code is specialised once a run calls it often.
fn keep(vm: &VirtualMachine) -> PyResult<()> {
    vm.ctx.settle_names();
    let mut open = vm.state.gc.get_objects(None);
    let mut seen: HashSet<usize> = open.iter().map(AsObject::get_id).collect();
    while let Some(object) = open.pop() {
        object.make_immortal();
        rest(vm, &object);
        for referent in referents(vm, &object)? {
            if referent.downcastable::<PyStr>() {
                referent.hash(vm)?;
            }
            if seen.insert(referent.get_id()) {
                open.push(referent);
            }
        }
    }
    Ok(())
}

/// What an object refers to, also in ways that the garbage collector need not know of.
fn referents(vm: &VirtualMachine, object: &PyObject) -> PyResult<Vec<PyObjectRef>> {
    let mut referents = object.gc_get_referents();
    referents.push(object.class().to_owned().into());
    if object.downcastable::<PyFunction>() {
        referents.push(object.get_attr("__code__", vm)?);
    } else if let Some(code) = object.downcast_ref::<PyCode>() {
        let constants = code.code.constants.iter();
        referents.extend(constants.map(|constant| Borrow::<PyObject>::borrow(constant).to_owned()));
    }
    Ok(referents)
}

/// Has using what the snapshot holds write nothing, as far as that can be.
fn rest(vm: &VirtualMachine, object: &PyObject) {
    if let Some(dict) = object.downcast_ref::<PyDict>() {
        dict.keep_hashes(vm);
    } else if let Some(set) = object.downcast_ref::<PySet>() {
        set.keep_hashes(vm);
    } else if let Some(set) = object.downcast_ref::<PyFrozenSet>() {
        set.keep_hashes(vm);
    } else if let Some(code) = object.downcast_ref::<PyCode>() {
        code.rest();
    }
}
