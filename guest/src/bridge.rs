//! The native module `_sandgate`: the script's side of the road. Python code calls it; it calls `abi`.
//! It must never interpret a request: what is allowed is decided by the host.

pub(crate) use _sandgate::module_def;

#[rustpython_vm::pymodule]
mod _sandgate {
    use crate::abi;
    use rustpython_vm::{PyResult, VirtualMachine, builtins::PyStrRef};

    /// Sends one request, as JSON text, and returns the reply, as JSON text.
    #[pyfunction]
    fn call(request: PyStrRef, vm: &VirtualMachine) -> PyResult<String> {
        let reply = abi::call_host(request.as_bytes());
        String::from_utf8(reply).map_err(|_| vm.new_value_error("the reply is not UTF-8"))
    }
}
