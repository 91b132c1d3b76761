//! Contexts of decimal numbers: what Python sets in them, and what `decimal` reads of it. Called by `decimal` and, for its
//! module, by `interpreter`. Which values are allowed is checked by `_pydecimal.Context`, whose methods scripts see.

pub(crate) use _sandgate_context::{
    PYTHON, Python, Rules, getcontext, given, mode, module_def, original, python,
};

#[rustpython_vm::pymodule]
pub(crate) mod _sandgate_context {
    use super::super::number::{self, Limits, Rounding, Signals};
    use rustpython_vm::{
        AsObject, Py, PyObjectRef, PyPayload, PyResult, VirtualMachine,
        builtins::{PyDictRef, PyInt, PyStr, PyTypeRef},
        function::{FuncArgs, OptionalArg},
        types::Constructor,
    };
    use std::cell::{Cell, OnceCell, RefCell};

    /// What Python has of all this, and what is called where it is not enough.
    #[derive(Debug)]
    pub(crate) struct Python {
        pub(crate) decimal: PyTypeRef,
        /// Of the variable that holds the context.
        pub(crate) get: PyObjectRef,
        pub(crate) getcontext: PyObjectRef,
        /// Makes a number of what is not plain.
        pub(crate) make: PyObjectRef,
        /// The functions of `_pydecimal.Decimal`.
        pub(crate) originals: PyDictRef,
        pub(crate) inexact: PyObjectRef,
        pub(crate) rounded: PyObjectRef,
    }

    thread_local! {
        pub(crate) static PYTHON: OnceCell<Python> = const { OnceCell::new() };
    }

    pub(crate) fn python<R>(vm: &VirtualMachine, read: impl FnOnce(&Python) -> R) -> PyResult<R> {
        PYTHON
            .with(|cell| cell.get().map(read))
            .ok_or_else(|| vm.new_system_error("decimal is not complete"))
    }

    /// Has Python's function do it.
    pub(crate) fn original(name: &str, args: impl Into<FuncArgs>, vm: &VirtualMachine) -> PyResult {
        let function = python(vm, |python| python.originals.clone())?.get_item(name, vm)?;
        function.call(args.into(), vm)
    }

    /// A whole number of a context, as it was given and as it counts.
    #[derive(Debug, Default)]
    pub(crate) struct Entry(RefCell<Option<PyObjectRef>>, Cell<i64>);

    impl Entry {
        pub(crate) fn number(&self) -> i64 {
            self.1.get()
        }

        fn set(&self, value: PyObjectRef) {
            let number = value.downcast_ref::<PyInt>();
            let number = number.map(|number| number::nearest(number.as_bigint()));
            self.1.set(number.unwrap_or(0));
            self.0.replace(Some(value));
        }

        fn get(&self, name: &str, vm: &VirtualMachine) -> PyResult {
            self.0.borrow().clone().ok_or_else(|| {
                let words = format!("'decimal.Context' object has no attribute '{name}'");
                vm.new_attribute_error(words)
            })
        }
    }

    #[pyattr]
    #[pyclass(name = "Rules", module = "decimal")]
    #[derive(Debug, Default, PyPayload)]
    pub(crate) struct Rules {
        prec: Entry,
        least: Entry,
        most: Entry,
        pub(crate) capitals: Entry,
        clamp: Entry,
        rounding: Entry,
        mode: Cell<Option<Rounding>>,
        flags: Entry,
        traps: Entry,
        ignored: Entry,
    }

    impl Constructor for Rules {
        type Args = FuncArgs;

        fn py_new(
            _class: &Py<rustpython_vm::builtins::PyType>,
            _args: FuncArgs,
            _vm: &VirtualMachine,
        ) -> PyResult<Self> {
            Ok(Self::default())
        }
    }

    #[pyclass(with(Constructor), flags(BASETYPE))]
    impl Rules {
        #[pygetset(name = "prec")]
        fn prec(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.prec.get("prec", vm)
        }

        #[pygetset(name = "prec", setter)]
        fn set_prec(zelf: &Py<Self>, value: PyObjectRef) {
            zelf.prec.set(value);
        }

        #[pygetset(name = "Emin")]
        fn emin(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.least.get("Emin", vm)
        }

        #[pygetset(name = "Emin", setter)]
        fn set_emin(zelf: &Py<Self>, value: PyObjectRef) {
            zelf.least.set(value);
        }

        #[pygetset(name = "Emax")]
        fn emax(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.most.get("Emax", vm)
        }

        #[pygetset(name = "Emax", setter)]
        fn set_emax(zelf: &Py<Self>, value: PyObjectRef) {
            zelf.most.set(value);
        }

        #[pygetset(name = "capitals")]
        fn capitals(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.capitals.get("capitals", vm)
        }

        #[pygetset(name = "capitals", setter)]
        fn set_capitals(zelf: &Py<Self>, value: PyObjectRef) {
            zelf.capitals.set(value);
        }

        #[pygetset(name = "clamp")]
        fn clamp(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.clamp.get("clamp", vm)
        }

        #[pygetset(name = "clamp", setter)]
        fn set_clamp(zelf: &Py<Self>, value: PyObjectRef) {
            zelf.clamp.set(value);
        }

        #[pygetset(name = "rounding")]
        fn rounding(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.rounding.get("rounding", vm)
        }

        #[pygetset(name = "rounding", setter)]
        fn set_rounding(zelf: &Py<Self>, value: PyObjectRef) {
            let name = value.downcast_ref::<PyStr>().and_then(|name| name.to_str());
            zelf.mode.set(name.and_then(mode));
            zelf.rounding.set(value);
        }

        #[pygetset(name = "flags")]
        fn flags(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.flags.get("flags", vm)
        }

        #[pygetset(name = "flags", setter)]
        fn set_flags(zelf: &Py<Self>, value: PyObjectRef) {
            zelf.flags.set(value);
        }

        #[pygetset(name = "traps")]
        fn traps(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.traps.get("traps", vm)
        }

        #[pygetset(name = "traps", setter)]
        fn set_traps(zelf: &Py<Self>, value: PyObjectRef) {
            zelf.traps.set(value);
        }

        #[pygetset(name = "_ignored_flags")]
        fn ignored_flags(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.ignored.get("_ignored_flags", vm)
        }

        #[pygetset(name = "_ignored_flags", setter)]
        fn set_ignored_flags(zelf: &Py<Self>, value: PyObjectRef) {
            zelf.ignored.set(value);
        }
    }

    pub(crate) fn mode(name: &str) -> Option<Rounding> {
        Some(match name {
            "ROUND_DOWN" => Rounding::Down,
            "ROUND_HALF_UP" => Rounding::HalfUp,
            "ROUND_HALF_EVEN" => Rounding::HalfEven,
            "ROUND_CEILING" => Rounding::Ceiling,
            "ROUND_FLOOR" => Rounding::Floor,
            "ROUND_UP" => Rounding::Up,
            "ROUND_HALF_DOWN" => Rounding::HalfDown,
            "ROUND_05UP" => Rounding::ZeroFiveUp,
            _ => return None,
        })
    }

    impl Rules {
        pub(crate) fn limits(&self) -> Option<Limits> {
            Some(Limits {
                precision: self.prec.number(),
                least: self.least.number(),
                most: self.most.number(),
                rounding: self.mode.get()?,
                clamped: self.clamp.number() != 0,
            })
        }

        /// Sets the flags. `false` where Python has to, because one is trapped or not to be touched.
        pub(crate) fn say(&self, signals: Signals, vm: &VirtualMachine) -> PyResult<bool> {
            if signals == Signals::default() {
                return Ok(true);
            }
            let ignored = self.ignored.get("_ignored_flags", vm)?;
            if ignored.length(vm)? > 0 {
                return Ok(false);
            }
            let said = python(vm, |python| {
                [
                    signals.inexact.then(|| python.inexact.clone()),
                    signals.rounded.then(|| python.rounded.clone()),
                ]
            })?;
            let dictionary =
                |entry: PyObjectRef| entry.downcast::<rustpython_vm::builtins::PyDict>();
            let (Ok(traps), Ok(flags)) = (
                dictionary(self.traps.get("traps", vm)?),
                dictionary(self.flags.get("flags", vm)?),
            ) else {
                return Ok(false);
            };
            for signal in said.iter().flatten() {
                match traps.get_item_opt(&**signal, vm)? {
                    Some(trap) if !trap.try_to_bool(vm)? => {}
                    _ => return Ok(false),
                }
            }
            for signal in said.iter().flatten() {
                flags.set_item(&**signal, vm.ctx.new_int(1).into(), vm)?;
            }
            Ok(true)
        }
    }

    /// The context of what runs.
    #[pyfunction]
    pub(crate) fn getcontext(vm: &VirtualMachine) -> PyResult {
        let (get, otherwise) =
            python(vm, |python| (python.get.clone(), python.getcontext.clone()))?;
        match get.call((), vm) {
            Err(error) if error.fast_isinstance(vm.ctx.exceptions.lookup_error) => {
                otherwise.call((), vm)
            }
            outcome => outcome,
        }
    }

    pub(crate) fn given(context: OptionalArg<PyObjectRef>, vm: &VirtualMachine) -> PyResult {
        match context.into_option() {
            Some(context) if !vm.is_none(&context) => Ok(context),
            _ => getcontext(vm),
        }
    }
}
