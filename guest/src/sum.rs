//! `sum` as CPython has it since 3.12: what is lost in adding floats is kept aside and added at the end.
//! Called by `interpreter`; `machine.py` puts it in place of the interpreter's own, which loses it.

pub(crate) use _sandgate_sum::module_def;

#[rustpython_vm::pymodule]
mod _sandgate_sum {
    use num_traits::ToPrimitive;
    use rustpython_vm::{
        AsObject, FromArgs, PyObjectRef, PyResult, VirtualMachine,
        builtins::{PyFloat, PyInt},
        function::ArgIterable,
    };

    #[derive(FromArgs)]
    struct Arguments {
        #[pyarg(positional)]
        iterable: ArgIterable,
        #[pyarg(any, default = 0)]
        start: PyObjectRef,
    }

    enum Sum {
        Int(i64),
        /// The sum, and what it has lost so far.
        Float(f64, f64),
        Other(PyObjectRef),
    }

    /// Return the sum of a 'start' value (default: 0) plus an iterable of numbers
    #[pyfunction]
    fn sum(Arguments { iterable, start }: Arguments, vm: &VirtualMachine) -> PyResult {
        let refused = [
            (
                start.fast_isinstance(vm.ctx.types.str_type),
                "strings",
                "''",
            ),
            (
                start.fast_isinstance(vm.ctx.types.bytes_type),
                "bytes",
                "b''",
            ),
            (
                start.fast_isinstance(vm.ctx.types.bytearray_type),
                "bytearray",
                "b''",
            ),
        ];
        if let Some((_, what, with)) = refused.iter().find(|(is, ..)| *is) {
            return Err(vm.new_type_error(format!(
                "sum() can't sum {what} [use {with}.join(seq) instead]"
            )));
        }
        // What nothing is added to is given back as it is, also where it is a truth.
        let truth = start.class().is(vm.ctx.types.bool_type);
        let mut sum = if truth {
            Sum::Other(start)
        } else if let Some(number) = small(&start, vm) {
            Sum::Int(number)
        } else if let Some(number) = float(&start, vm) {
            Sum::Float(number, 0.0)
        } else {
            Sum::Other(start)
        };
        for item in iterable.iter(vm)? {
            let item: PyObjectRef = item?;
            match &mut sum {
                Sum::Int(total) => {
                    if let Some(next) =
                        small(&item, vm).and_then(|number| total.checked_add(number))
                    {
                        *total = next;
                        continue;
                    }
                }
                Sum::Float(total, lost) => {
                    if let Some(number) = float(&item, vm).or_else(|| whole(&item)) {
                        let next = *total + number;
                        *lost += if total.abs() >= number.abs() {
                            (*total - next) + number
                        } else {
                            (number - next) + *total
                        };
                        *total = next;
                        continue;
                    }
                }
                Sum::Other(_) => {}
            }
            let counted = matches!(sum, Sum::Int(_));
            let next = vm._add(&object(sum, vm), &item)?;
            sum = match float(&next, vm) {
                Some(number) if counted => Sum::Float(number, 0.0),
                _ => match small(&next, vm) {
                    Some(number) => Sum::Int(number),
                    None => Sum::Other(next),
                },
            };
        }
        Ok(object(sum, vm))
    }

    fn small(object: &PyObjectRef, vm: &VirtualMachine) -> Option<i64> {
        let class = object.class();
        if !class.is(vm.ctx.types.int_type) && !class.is(vm.ctx.types.bool_type) {
            return None;
        }
        object.downcast_ref::<PyInt>()?.as_bigint().to_i64()
    }

    fn float(object: &PyObjectRef, vm: &VirtualMachine) -> Option<f64> {
        object
            .downcast_ref_if_exact::<PyFloat>(vm)
            .map(|float| float.to_f64())
    }

    fn whole(object: &PyObjectRef) -> Option<f64> {
        let number = object.downcast_ref::<PyInt>()?.as_bigint().to_i64()?;
        Some(number as f64)
    }

    fn object(sum: Sum, vm: &VirtualMachine) -> PyObjectRef {
        match sum {
            Sum::Int(number) => vm.ctx.new_int(number).into(),
            Sum::Float(total, lost) if lost != 0.0 && lost.is_finite() => {
                vm.ctx.new_float(total + lost).into()
            }
            Sum::Float(total, _) => vm.ctx.new_float(total).into(),
            Sum::Other(object) => object,
        }
    }
}
