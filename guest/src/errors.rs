//! Puts what `errors.py` completes on the built-in exceptions, which Python itself may not change.
//! Called by `interpreter` once, before the snapshot; scripts cannot reach it.

use rustpython_vm::{
    PyResult, VirtualMachine,
    builtins::{PyStrRef, PyTupleRef, PyTypeRef},
};

/// Sets the attributes that `COMPLETED` of `errors.py` lists, as type, name and function.
pub fn complete(vm: &VirtualMachine) -> PyResult<()> {
    let completed = vm
        .import("_sandgate_errors", 0)?
        .get_attr("COMPLETED", vm)?;
    let completed: Vec<PyTupleRef> = completed.try_to_value(vm)?;
    for entry in completed {
        if let [kind, name, function] = entry.as_slice() {
            let kind: PyTypeRef = kind.to_owned().try_into_value(vm)?;
            let name: PyStrRef = name.to_owned().try_into_value(vm)?;
            kind.set_str_attr(&name.to_string_lossy(), function.to_owned(), &vm.ctx);
        }
    }
    Ok(())
}
