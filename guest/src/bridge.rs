//! The native module `_sandgate`: the script's side of the road. `services.py` and `loop.py` call it; it calls `abi`.
//! It must never interpret a request: what is allowed is decided by the host.

pub(crate) use _sandgate::module_def;

#[rustpython_vm::pymodule]
mod _sandgate {
    use crate::{abi, allocator, value};
    use rustpython_vm::{
        AsObject, PyObjectRef, PyResult, VirtualMachine, builtins::PyStrRef, function::OptionalArg,
    };
    use sandgate_wire::{PACKAGES, RefusalCode};

    /// Where the files of a run are.
    #[pyattr]
    const WORKSPACE: &str = sandgate_wire::abi::WORKSPACE;

    /// What the host refuses because of its length is not worth copying to it.
    const LONGEST_PARAMS: usize = 1 << 20;

    /// Parameters as JSON text.
    #[pyfunction]
    fn encode(params: PyObjectRef, vm: &VirtualMachine) -> PyResult<String> {
        if let Some(json) = value::json(vm, &params, LONGEST_PARAMS) {
            return Ok(json);
        }
        let error = vm.new_value_error(
            "only what JSON has a form for can be sent to a service: numbers of 64 bits, strings, lists, \
             dictionaries, dates, data classes; not deeper than 64, not longer than 1 MiB",
        );
        // As the host would refuse it, if it could get there.
        let code = vm.ctx.new_str(RefusalCode::ArgumentsMalformed.as_str());
        error.as_object().set_attr("code", code, vm)?;
        Err(error)
    }

    /// Starts a call, as JSON text, and returns its number at once.
    #[pyfunction]
    fn begin(request: PyStrRef) -> u32 {
        abi::begin_call(request.as_bytes())
    }

    /// Waits until a call is done, and returns its number; 0 where so many milliseconds pass before that.
    #[pyfunction]
    fn wait(milliseconds: OptionalArg<i64>) -> u32 {
        abi::wait_for_any(milliseconds.unwrap_or(-1))
    }

    /// Waits until that call is done, and returns its reply, as JSON text.
    #[pyfunction]
    fn collect(number: u32, vm: &VirtualMachine) -> PyResult<String> {
        text(abi::collect_reply(number), vm)
    }

    /// Makes a call, as JSON text, and returns its reply, as JSON text.
    #[pyfunction]
    fn call(request: PyStrRef, vm: &VirtualMachine) -> PyResult<String> {
        text(abi::make_call(request.as_bytes()), vm)
    }

    fn text(reply: Vec<u8>, vm: &VirtualMachine) -> PyResult<String> {
        String::from_utf8(reply).map_err(|_| vm.new_value_error("the reply is not UTF-8"))
    }

    /// Makes a thread that begins with this function, in this context if there is one, and returns its number.
    #[pyfunction]
    fn thread(function: PyObjectRef, context: Option<PyObjectRef>, vm: &VirtualMachine) -> u32 {
        vm.green_new(function, context)
    }

    /// Switches to a thread; the interpreter sees to it where `threads.py` calls it. Anywhere else that is impossible.
    #[pyfunction]
    fn switch(_number: u32) -> bool {
        false
    }

    /// What `next` does, for the interpreter to do without a frame of its own in between.
    #[pyfunction]
    fn resume(iterator: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        vm.call_method(&iterator, "__next__", ())
    }

    /// Tells the interpreter which functions these two are.
    #[pyfunction]
    fn know(switch: PyObjectRef, resume: PyObjectRef, vm: &VirtualMachine) {
        vm.green_know(switch, resume);
    }

    /// Whether that thread could go on where the caller stands.
    #[pyfunction]
    fn can_switch(number: u32, vm: &VirtualMachine) -> bool {
        vm.green_can_enter(number)
    }

    /// Replaces the contexts that the thread is in, innermost last, and returns those that it was in.
    #[pyfunction]
    fn enter_contexts(contexts: Vec<PyObjectRef>, vm: &VirtualMachine) -> Vec<PyObjectRef> {
        vm.context_stack.replace(contexts)
    }

    /// What to use in the place of packages that cannot be here, by the name that they are imported by.
    #[pyfunction]
    fn packages(vm: &VirtualMachine) -> Vec<PyObjectRef> {
        PACKAGES
            .iter()
            .map(|package| vm.new_tuple((package.module, package.instead)).into())
            .collect()
    }

    /// How many files and directories are open.
    #[pyfunction]
    fn open_files() -> u32 {
        abi::count_open_files()
    }

    /// How many bytes are in use, and the most there were since `forget_peak`.
    #[pyfunction]
    fn memory() -> (usize, usize) {
        allocator::used()
    }

    /// Forgets how much was once in use.
    #[pyfunction]
    fn forget_peak() {
        allocator::reset_highest();
    }
}
