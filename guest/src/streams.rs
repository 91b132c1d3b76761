//! Standard output without layers: what is printed to the stream that a run begins with goes to the host at once, in one
//! piece. Called by `interpreter`; `prelude.py` puts it in place. What is not plain is left to the interpreter's own functions.

pub(crate) use _sandgate_streams::module_def;

#[rustpython_vm::pymodule]
mod _sandgate_streams {
    use num_traits::ToPrimitive;
    use rustpython_vm::{
        AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine,
        builtins::{PyInt, PyStr, PyStrInterned, PyStrRef},
        function::FuncArgs,
    };
    use std::{
        cell::OnceCell,
        fmt::Write as _,
        io::{self, Write},
    };

    /// Most lines are shorter.
    const LINE: usize = 64;

    /// The stream that a run begins with, and the functions whose place is taken.
    struct Replaced {
        stdout: PyObjectRef,
        write: PyObjectRef,
        print: PyObjectRef,
        /// The classes of files that are printed to in one piece.
        kinds: [PyObjectRef; 2],
        /// What `sys` calls the stream, and it what writes: looked up for every line.
        name: &'static PyStrInterned,
        writes: &'static PyStrInterned,
    }

    thread_local! {
        static REPLACED: OnceCell<Replaced> = const { OnceCell::new() };
    }

    /// Says which stream it is, what would write to it and print, and which files write what they are given.
    #[pyfunction]
    fn replace(
        stdout: PyObjectRef,
        write: PyObjectRef,
        print: PyObjectRef,
        text_file: PyObjectRef,
        text_in_memory: PyObjectRef,
        vm: &VirtualMachine,
    ) {
        REPLACED.with(|cell| {
            let _ = cell.set(Replaced {
                stdout,
                write,
                print,
                kinds: [text_file, text_in_memory],
                name: vm.ctx.intern_str("stdout"),
                writes: vm.ctx.intern_str("write"),
            });
        });
    }

    /// Writes text to standard output, and returns its length.
    #[pyfunction]
    fn write(text: PyStrRef, vm: &VirtualMachine) -> PyResult {
        match text.to_str() {
            Some(plain) => {
                put(plain, vm)?;
                Ok(vm.ctx.new_int(text.char_len()).into())
            }
            // It has a lone surrogate, which raises there.
            None => original(vm, |replaced| &replaced.write)?.call((text,), vm),
        }
    }

    /// Prints the values to a stream, or to sys.stdout by default.
    #[pyfunction]
    fn print(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        let (Some(sep), Some(end)) = (given(&args, "sep", " "), given(&args, "end", "\n")) else {
            return original(vm, |replaced| &replaced.print)?.call(args, vm);
        };
        if !goes_to_stdout(&args, vm) {
            if let Some(file) = plain_file(&args, vm)
                && let Some(line) = plain_line(&args, sep, end, vm)?
            {
                vm.call_method(&file, "write", (line,))?;
                return Ok(vm.ctx.none());
            }
            return original(vm, |replaced| &replaced.print)?.call(args, vm);
        }
        let mut line = String::with_capacity(LINE);
        for (at, object) in args.args.iter().enumerate() {
            if at > 0 {
                line.push_str(sep);
            }
            if push_number(&mut line, object, vm) {
                continue;
            }
            if !is_plain(object, vm) {
                // What it prints itself comes after what is before it.
                put(&line, vm)?;
                line.clear();
            }
            let text = object.str(vm)?;
            match text.to_str() {
                Some(plain) => line.push_str(plain),
                None => {
                    put(&line, vm)?;
                    line.clear();
                    original(vm, |replaced| &replaced.write)?.call((text,), vm)?;
                }
            }
        }
        line.push_str(end);
        put(&line, vm)?;
        Ok(vm.ctx.none())
    }

    /// The text of an option; `None` where it is nothing that has a text of its own.
    fn given<'a>(args: &'a FuncArgs, name: &str, otherwise: &'a str) -> Option<&'a str> {
        match args.kwargs.get(name) {
            None => Some(otherwise),
            Some(value) => value.downcast_ref::<PyStr>()?.to_str(),
        }
    }

    /// Whether nothing but text is asked for, and it goes to a stream whose `write` is the one above.
    fn goes_to_stdout(args: &FuncArgs, vm: &VirtualMachine) -> bool {
        let known = |name: &str| matches!(name, "sep" | "end" | "flush");
        if !args
            .kwargs
            .keys()
            .all(|name| name.as_str().is_ok_and(known))
        {
            return false;
        }
        let Some(stdout) = stdout(vm) else {
            return false;
        };
        REPLACED.with(|cell| {
            let ours = cell.get().filter(|own| own.stdout.is(&stdout));
            ours.zip(stdout.dict())
                .is_some_and(|(own, names)| names.contains_key(own.writes, vm))
        })
    }

    /// The stream that is printed to where no other is named.
    fn stdout(vm: &VirtualMachine) -> Option<PyObjectRef> {
        let name = REPLACED.with(|cell| cell.get().map(|own| own.name))?;
        vm.sys_module.dict().get_item_opt(name, vm).ok()?
    }

    /// The file that is printed to, where it is of the interpreter's own kinds and nothing else is asked of it.
    fn plain_file(args: &FuncArgs, vm: &VirtualMachine) -> Option<PyObjectRef> {
        let known = |name: &str| matches!(name, "sep" | "end" | "file");
        if !args
            .kwargs
            .keys()
            .all(|name| name.as_str().is_ok_and(known))
        {
            return None;
        }
        let file = match args.kwargs.get("file") {
            Some(file) => file.clone(),
            None => stdout(vm)?,
        };
        let class = file.class();
        let ours = REPLACED.with(|cell| {
            let kinds = cell.get().map(|own| &own.kinds);
            kinds.is_some_and(|kinds| kinds.iter().any(|kind| class.is(kind)))
        });
        let changed = file
            .dict()
            .is_some_and(|names| names.contains_key("write", vm));
        (ours && !changed).then_some(file)
    }

    /// What is printed, where it is such that every file takes all of it or nothing.
    fn plain_line(
        args: &FuncArgs,
        sep: &str,
        end: &str,
        vm: &VirtualMachine,
    ) -> PyResult<Option<String>> {
        let mut line = String::with_capacity(LINE);
        for (at, object) in args.args.iter().enumerate() {
            if at > 0 {
                line.push_str(sep);
            }
            if push_number(&mut line, object, vm) {
                continue;
            }
            if !is_plain(object, vm) {
                return Ok(None);
            }
            match object.str(vm)?.to_str() {
                Some(text) => line.push_str(text),
                None => return Ok(None),
            }
        }
        line.push_str(end);
        Ok(line.is_ascii().then_some(line))
    }

    /// Adds the text of a number of up to 64 bits, where it is one: no object is made of that text.
    fn push_number(line: &mut String, object: &PyObject, vm: &VirtualMachine) -> bool {
        let number = object.downcast_ref_if_exact::<PyInt>(vm);
        let number = number.and_then(|number| number.as_bigint().to_i64());
        number.is_some_and(|number| write!(line, "{number}").is_ok())
    }

    /// Whether asking for its text runs nothing of the script.
    fn is_plain(object: &PyObject, vm: &VirtualMachine) -> bool {
        let (class, types) = (object.class(), &vm.ctx.types);
        [
            types.str_type,
            types.int_type,
            types.float_type,
            types.bool_type,
        ]
        .iter()
        .any(|plain| class.is(*plain))
    }

    fn original(
        vm: &VirtualMachine,
        which: impl FnOnce(&Replaced) -> &PyObjectRef,
    ) -> PyResult<PyObjectRef> {
        REPLACED
            .with(|cell| cell.get().map(|replaced| which(replaced).clone()))
            .ok_or_else(|| vm.new_system_error("nothing was replaced"))
    }

    fn put(text: &str, vm: &VirtualMachine) -> PyResult<()> {
        if text.is_empty() {
            return Ok(());
        }
        // Whole lines are passed on without being copied.
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|error| vm.new_os_error(error.to_string()))
    }
}
