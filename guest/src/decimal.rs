//! `Decimal` as CPython has it in C: what is common is computed here, and what is rare by Python's own `_pydecimal`, with
//! numbers and contexts that both understand. Called by `interpreter`; `decimals.py` puts it together.

mod arguments;
mod context;
mod number;

pub(crate) use _sandgate_decimal::module_def;
pub(crate) use context::module_def as context_module_def;

#[rustpython_vm::pymodule]
mod _sandgate_decimal {
    use super::arguments::{Literal, Magnitude, Notation, Only, Operand, Quantum};
    use super::context::{PYTHON, Python, Rules, getcontext, given, mode, original, python};
    use super::number::{self, Coefficient, FAR, Finite, Limits, Outcome, Rounding};
    use malachite_bigint::{BigInt, Sign};
    use rustpython_vm::{
        AsObject, Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine,
        builtins::{PyDictRef, PyInt, PyStr, PyStrRef, PyTypeRef},
        class::StaticType,
        function::{FuncArgs, OptionalArg, PyComparisonValue},
        protocol::PyNumberMethods,
        types::{AsNumber, Comparable, Constructor, Hashable, PyComparisonOp, Representable},
    };

    #[pyattr]
    #[pyclass(name = "Number", module = "decimal")]
    #[derive(Clone, Debug, PyPayload)]
    struct Number {
        value: Value,
    }

    #[derive(Clone, Debug)]
    enum Value {
        Finite(Finite),
        /// Its sign, its letter (`F`, `n` or `N`) and its digits.
        Special(bool, char, String),
    }

    impl Number {
        fn with_sign(&self, negative: bool) -> Value {
            match self.value.clone() {
                Value::Finite(number) => Value::Finite(Finite { negative, ..number }),
                Value::Special(_, letter, digits) => Value::Special(negative, letter, digits),
            }
        }

        fn finite(&self) -> Option<&Finite> {
            match &self.value {
                Value::Finite(finite) => Some(finite),
                Value::Special(..) => None,
            }
        }
    }

    fn wrap(value: Value, vm: &VirtualMachine) -> PyResult {
        let class = python(vm, |python| python.decimal.clone())?;
        Ok(PyRef::new_ref(Number { value }, class, None).into())
    }

    /// What an operand stands for; the outer `None` is what is no number, the inner one what is not finite.
    fn operand(object: &PyObject) -> Option<Option<std::borrow::Cow<'_, Finite>>> {
        use std::borrow::Cow::{Borrowed, Owned};
        if let Some(number) = object.downcast_ref::<Number>() {
            return Some(number.finite().map(Borrowed));
        }
        let number = object.downcast_ref::<PyInt>()?;
        Some(Some(Owned(Finite::from(number.as_bigint()))))
    }

    /// As an object of which Python's functions can ask everything.
    fn decimal(object: &PyObject, vm: &VirtualMachine) -> PyResult {
        match object.downcast_ref::<PyInt>() {
            Some(number) => wrap(Value::Finite(Finite::from(number.as_bigint())), vm),
            None => Ok(object.to_owned()),
        }
    }

    type Binary = fn(&Finite, &Finite, &Limits) -> Outcome;

    fn apply(
        name: &str,
        (one, two): (&PyObject, &PyObject),
        context: OptionalArg<PyObjectRef>,
        compute: Binary,
        vm: &VirtualMachine,
    ) -> PyResult {
        let (Some(first), Some(second)) = (operand(one), operand(two)) else {
            return Ok(vm.ctx.not_implemented());
        };
        let context = given(context, vm)?;
        if let (Some(first), Some(second)) = (first, second)
            && let Some(rules) = context.downcast_ref::<Rules>()
            && let Some(limits) = rules.limits()
            && let Some((number, signals)) = compute(&first, &second, &limits)
            && rules.say(signals, vm)?
        {
            return wrap(Value::Finite(number), vm);
        }
        original(
            name,
            vec![decimal(one, vm)?, decimal(two, vm)?, context],
            vm,
        )
    }

    fn slot(
        name: &str,
        one: &PyObject,
        two: &PyObject,
        compute: Binary,
        vm: &VirtualMachine,
    ) -> PyResult {
        apply(name, (one, two), OptionalArg::Missing, compute, vm)
    }

    fn both(
        one: &PyObject,
        two: &PyObject,
        context: OptionalArg<PyObjectRef>,
        vm: &VirtualMachine,
    ) -> PyResult {
        let (Some(first), Some(second)) = (operand(one), operand(two)) else {
            return Ok(vm.ctx.not_implemented());
        };
        let context = given(context, vm)?;
        if let (Some(first), Some(second)) = (first, second)
            && let Some(rules) = context.downcast_ref::<Rules>()
            && let Some(limits) = rules.limits()
            && let Some((quotient, rest)) = first.divide_whole(&second, &limits)
            && let Some((rest, signals)) = rest.fixed(&limits)
            && rules.say(signals, vm)?
        {
            let pair = vec![
                wrap(Value::Finite(quotient), vm)?,
                wrap(Value::Finite(rest), vm)?,
            ];
            return Ok(vm.ctx.new_tuple(pair).into());
        }
        original(
            "__divmod__",
            vec![decimal(one, vm)?, decimal(two, vm)?, context],
            vm,
        )
    }

    fn power(one: &PyObject, two: &PyObject, three: &PyObject, vm: &VirtualMachine) -> PyResult {
        let (Some(first), Some(second)) = (operand(one), operand(two)) else {
            return Ok(vm.ctx.not_implemented());
        };
        if vm.is_none(three)
            && let (Some(first), Some(second)) = (first, second)
            && second.exponent == 0
            && !second.negative
            && let Coefficient::Small(times) = second.digits
            && let Ok(times) = u64::try_from(times)
        {
            let context = getcontext(vm)?;
            if let Some(rules) = context.downcast_ref::<Rules>()
                && let Some(limits) = rules.limits()
                && let Some((number, signals)) = first.raised(times, &limits)
                && rules.say(signals, vm)?
            {
                return wrap(Value::Finite(number), vm);
            }
        }
        original(
            "__pow__",
            vec![decimal(one, vm)?, decimal(two, vm)?, three.to_owned()],
            vm,
        )
    }

    /// With another sign or none, as the context has it.
    fn signed(
        name: &str,
        zelf: &PyObject,
        context: OptionalArg<PyObjectRef>,
        sign: fn(bool) -> bool,
        vm: &VirtualMachine,
    ) -> PyResult {
        let context = given(context, vm)?;
        if let Some(Some(number)) = operand(zelf)
            && let Some(rules) = context.downcast_ref::<Rules>()
            && let Some(limits) = rules.limits()
        {
            let mut number = number.into_owned();
            let positive = number.is_zero() && limits.rounding != Rounding::Floor;
            number.negative = !positive && sign(number.negative);
            if let Some((number, signals)) = number.fixed(&limits)
                && rules.say(signals, vm)?
            {
                return wrap(Value::Finite(number), vm);
            }
        }
        let mut args = FuncArgs::from(vec![zelf.to_owned()]);
        args.kwargs.insert("context".into(), context);
        original(name, args, vm)
    }

    impl AsNumber for Number {
        fn as_number() -> &'static PyNumberMethods {
            static METHODS: PyNumberMethods = PyNumberMethods {
                add: Some(|a, b, vm| slot("__add__", a, b, Finite::add, vm)),
                subtract: Some(|a, b, vm| slot("__sub__", a, b, Finite::subtract, vm)),
                multiply: Some(|a, b, vm| slot("__mul__", a, b, Finite::multiply, vm)),
                true_divide: Some(|a, b, vm| slot("__truediv__", a, b, Finite::divide, vm)),
                floor_divide: Some(|a, b, vm| slot("__floordiv__", a, b, Finite::floor_divide, vm)),
                remainder: Some(|a, b, vm| slot("__mod__", a, b, Finite::remainder, vm)),
                divmod: Some(|a, b, vm| both(a, b, OptionalArg::Missing, vm)),
                power: Some(power),
                negative: Some(|a, vm| {
                    signed(
                        "__neg__",
                        a.as_object(),
                        OptionalArg::Missing,
                        |sign| !sign,
                        vm,
                    )
                }),
                positive: Some(|a, vm| {
                    signed(
                        "__pos__",
                        a.as_object(),
                        OptionalArg::Missing,
                        |sign| sign,
                        vm,
                    )
                }),
                absolute: Some(|a, vm| {
                    signed(
                        "__abs__",
                        a.as_object(),
                        OptionalArg::Missing,
                        |_| false,
                        vm,
                    )
                }),
                boolean: Some(|a, _vm| {
                    let number = a.as_object().downcast_ref::<Number>();
                    Ok(!number
                        .and_then(|number| number.finite())
                        .is_some_and(Finite::is_zero))
                }),
                int: Some(|a, vm| whole(a.as_object(), vm)),
                float: Some(|a, vm| float(a.as_object(), vm)),
                ..PyNumberMethods::NOT_IMPLEMENTED
            };
            &METHODS
        }
    }

    fn whole(zelf: &PyObject, vm: &VirtualMachine) -> PyResult {
        if let Some(number) = zelf
            .downcast_ref::<Number>()
            .and_then(|number| number.finite())
            && let Some(digits) = number.whole()
        {
            let sign = if number.negative {
                Sign::Minus
            } else {
                Sign::Plus
            };
            return Ok(vm
                .ctx
                .new_bigint(&BigInt::from_biguint(sign, digits.big()))
                .into());
        }
        original("__int__", vec![zelf.to_owned()], vm)
    }

    fn float(zelf: &PyObject, vm: &VirtualMachine) -> PyResult {
        if let Some(number) = zelf
            .downcast_ref::<Number>()
            .and_then(|number| number.finite())
            && let Ok(float) = number.text(true).parse::<f64>()
        {
            return Ok(vm.ctx.new_float(float).into());
        }
        original("__float__", vec![zelf.to_owned()], vm)
    }

    impl Comparable for Number {
        fn cmp(
            zelf: &Py<Self>,
            other: &PyObject,
            op: PyComparisonOp,
            vm: &VirtualMachine,
        ) -> PyResult<PyComparisonValue> {
            if let (Some(own), Some(Some(other))) = (zelf.finite(), operand(other))
                && let Some(order) = own.order(&other)
            {
                return Ok(PyComparisonValue::Implemented(op.eval_ord(order)));
            }
            let (name, negated) = match op {
                PyComparisonOp::Eq => ("__eq__", false),
                PyComparisonOp::Ne => ("__eq__", true),
                PyComparisonOp::Lt => ("__lt__", false),
                PyComparisonOp::Le => ("__le__", false),
                PyComparisonOp::Gt => ("__gt__", false),
                PyComparisonOp::Ge => ("__ge__", false),
            };
            let args = vec![zelf.as_object().to_owned(), decimal(other, vm)?];
            let answer = original(name, args, vm)?;
            if answer.is(&vm.ctx.not_implemented) {
                return Ok(PyComparisonValue::NotImplemented);
            }
            Ok(PyComparisonValue::Implemented(
                answer.try_to_bool(vm)? != negated,
            ))
        }
    }

    impl Hashable for Number {
        fn hash(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<i64> {
            if let Some(hash) = zelf.finite().and_then(Finite::hash) {
                return Ok(hash);
            }
            let hash = original("__hash__", vec![zelf.as_object().to_owned()], vm)?;
            hash.try_to_value(vm)
        }
    }

    impl Representable for Number {
        fn repr_str(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<String> {
            Ok(format!("Decimal('{}')", written(zelf, vm)?))
        }
    }

    fn written(zelf: &Py<Number>, vm: &VirtualMachine) -> PyResult<String> {
        match &zelf.value {
            Value::Finite(number) => {
                let capital = number.exponent <= 0 && number.adjusted() > -7 || capitals(vm)?;
                Ok(number.text(capital))
            }
            Value::Special(negative, letter, digits) => {
                let name = match letter {
                    'F' => return Ok(if *negative { "-Infinity" } else { "Infinity" }.to_owned()),
                    'n' => "NaN",
                    _ => "sNaN",
                };
                Ok(format!(
                    "{}{name}{digits}",
                    if *negative { "-" } else { "" }
                ))
            }
        }
    }

    fn capitals(vm: &VirtualMachine) -> PyResult<bool> {
        let context = getcontext(vm)?;
        Ok(context
            .downcast_ref::<Rules>()
            .is_none_or(|rules| rules.capitals.number() != 0))
    }

    impl Constructor for Number {
        type Args = Literal;

        fn slot_new(class: PyTypeRef, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
            let Literal { value, context } = args.bind(vm)?;
            let value = value.unwrap_or_else(|| vm.ctx.new_int(0).into());
            let plain = if let Some(text) = value.downcast_ref::<PyStr>() {
                text.to_str()
                    .map(str::trim_ascii)
                    .and_then(number::parse)
                    .map(Value::Finite)
            } else if let Some(number) = value.downcast_ref::<PyInt>() {
                Some(Value::Finite(Finite::from(number.as_bigint())))
            } else if let Some(number) = value.downcast_ref::<Number>() {
                Some(number.value.clone())
            } else {
                None
            };
            let value = match plain {
                Some(plain) => plain,
                None => {
                    let make = python(vm, |python| python.make.clone())?;
                    let made = make.call((value, context.unwrap_or_else(|| vm.ctx.none())), vm)?;
                    match made.downcast_ref::<Number>() {
                        Some(number) => number.value.clone(),
                        None => return Ok(made),
                    }
                }
            };
            Number { value }
                .into_ref_with_type(vm, class)
                .map(Into::into)
        }

        fn py_new(
            _class: &Py<rustpython_vm::builtins::PyType>,
            _args: Literal,
            vm: &VirtualMachine,
        ) -> PyResult<Self> {
            Err(vm.new_system_error("made by its slot"))
        }
    }

    #[pyclass(
        with(Constructor, AsNumber, Comparable, Hashable, Representable),
        flags(BASETYPE)
    )]
    impl Number {
        #[pygetset]
        fn _sign(zelf: &Py<Self>) -> u8 {
            match &zelf.value {
                Value::Finite(number) => number.negative.into(),
                Value::Special(negative, ..) => (*negative).into(),
            }
        }

        #[pygetset]
        fn _int(zelf: &Py<Self>) -> String {
            match &zelf.value {
                Value::Finite(number) => number.digits.text(),
                Value::Special(_, _, digits) => digits.clone(),
            }
        }

        #[pygetset]
        fn _exp(zelf: &Py<Self>, vm: &VirtualMachine) -> PyObjectRef {
            match &zelf.value {
                Value::Finite(number) => vm.ctx.new_int(number.exponent).into(),
                Value::Special(_, letter, _) => vm.ctx.new_str(letter.to_string()).into(),
            }
        }

        #[pygetset]
        fn _is_special(zelf: &Py<Self>) -> bool {
            matches!(zelf.value, Value::Special(..))
        }

        #[pymethod]
        fn _isnan(zelf: &Py<Self>) -> u8 {
            match &zelf.value {
                Value::Special(_, 'n', _) => 1,
                Value::Special(_, 'N', _) => 2,
                _ => 0,
            }
        }

        #[pymethod]
        fn adjusted(zelf: &Py<Self>) -> i64 {
            zelf.finite().map_or(0, Finite::adjusted)
        }

        #[pymethod]
        fn copy_abs(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            wrap(zelf.with_sign(false), vm)
        }

        #[pymethod]
        fn copy_negate(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            wrap(zelf.with_sign(Self::_sign(zelf) == 0), vm)
        }

        #[pymethod]
        fn add(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            apply(
                "__add__",
                (zelf.as_object(), &args.other),
                args.context,
                Finite::add,
                vm,
            )
        }

        #[pymethod]
        fn sub(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            apply(
                "__sub__",
                (zelf.as_object(), &args.other),
                args.context,
                Finite::subtract,
                vm,
            )
        }

        #[pymethod]
        fn rsub(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            apply(
                "__sub__",
                (&args.other, zelf.as_object()),
                args.context,
                Finite::subtract,
                vm,
            )
        }

        #[pymethod]
        fn mul(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            apply(
                "__mul__",
                (zelf.as_object(), &args.other),
                args.context,
                Finite::multiply,
                vm,
            )
        }

        #[pymethod]
        fn truediv(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            apply(
                "__truediv__",
                (zelf.as_object(), &args.other),
                args.context,
                Finite::divide,
                vm,
            )
        }

        #[pymethod]
        fn rtruediv(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            apply(
                "__truediv__",
                (&args.other, zelf.as_object()),
                args.context,
                Finite::divide,
                vm,
            )
        }

        #[pymethod]
        fn floordiv(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            apply(
                "__floordiv__",
                (zelf.as_object(), &args.other),
                args.context,
                Finite::floor_divide,
                vm,
            )
        }

        #[pymethod]
        fn rfloordiv(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            apply(
                "__floordiv__",
                (&args.other, zelf.as_object()),
                args.context,
                Finite::floor_divide,
                vm,
            )
        }

        #[pymethod(name = "mod")]
        fn modulo(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            apply(
                "__mod__",
                (zelf.as_object(), &args.other),
                args.context,
                Finite::remainder,
                vm,
            )
        }

        #[pymethod]
        fn rmod(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            apply(
                "__mod__",
                (&args.other, zelf.as_object()),
                args.context,
                Finite::remainder,
                vm,
            )
        }

        #[pymethod]
        fn divmod(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            both(zelf.as_object(), &args.other, args.context, vm)
        }

        #[pymethod]
        fn rdivmod(zelf: &Py<Self>, args: Operand, vm: &VirtualMachine) -> PyResult {
            both(&args.other, zelf.as_object(), args.context, vm)
        }

        #[pymethod]
        fn neg(zelf: &Py<Self>, args: Only, vm: &VirtualMachine) -> PyResult {
            signed("__neg__", zelf.as_object(), args.context, |sign| !sign, vm)
        }

        #[pymethod]
        fn pos(zelf: &Py<Self>, args: Only, vm: &VirtualMachine) -> PyResult {
            signed("__pos__", zelf.as_object(), args.context, |sign| sign, vm)
        }

        #[pymethod]
        fn abs(zelf: &Py<Self>, args: Magnitude, vm: &VirtualMachine) -> PyResult {
            match args.round.into_option() {
                Some(round) if !round.try_to_bool(vm)? => Self::copy_abs(zelf, vm),
                _ => signed("__abs__", zelf.as_object(), args.context, |_| false, vm),
            }
        }

        #[pymethod]
        fn text(zelf: &Py<Self>, args: Notation, vm: &VirtualMachine) -> PyResult {
            let plain = match (&args.eng, &args.context) {
                (OptionalArg::Present(eng), _) if eng.clone().try_to_bool(vm)? => false,
                (_, OptionalArg::Present(context)) => vm.is_none(context),
                _ => true,
            };
            if plain {
                return Ok(vm.ctx.new_str(written(zelf, vm)?).into());
            }
            let arguments = [args.eng.into_option(), args.context.into_option()];
            let rest = arguments.map(|argument| argument.unwrap_or_else(|| vm.ctx.none()));
            let [eng, context] = rest;
            original(
                "__str__",
                vec![zelf.as_object().to_owned(), eng, context],
                vm,
            )
        }

        #[pymethod]
        fn quantize(zelf: &Py<Self>, args: Quantum, vm: &VirtualMachine) -> PyResult {
            let rounding = args
                .rounding
                .into_option()
                .filter(|rounding| !vm.is_none(rounding));
            let named = match &rounding {
                None => Some(None),
                Some(name) => name
                    .downcast_ref::<PyStr>()
                    .and_then(|name| mode(name.to_str()?))
                    .map(Some),
            };
            let context = given(args.context, vm)?;
            if let (Some(own), Some(Some(quantum)), Some(named)) =
                (zelf.finite(), operand(&args.exp), named)
                && let Some(rules) = context.downcast_ref::<Rules>()
                && let Some(limits) = rules.limits()
            {
                let rounding = named.unwrap_or(limits.rounding);
                if let Some((number, signals)) = own.quantized(quantum.exponent, rounding, &limits)
                    && rules.say(signals, vm)?
                {
                    return wrap(Value::Finite(number), vm);
                }
            }
            let rounding = rounding.unwrap_or_else(|| vm.ctx.none());
            let args = vec![zelf.as_object().to_owned(), args.exp, rounding, context];
            original("quantize", args, vm)
        }

        #[pymethod]
        fn _fix(zelf: &Py<Self>, context: PyObjectRef, vm: &VirtualMachine) -> PyResult {
            if let Some(number) = zelf.finite()
                && let Some(rules) = context.downcast_ref::<Rules>()
                && let Some(limits) = rules.limits()
                && let Some((number, signals)) = number.clone().fixed(&limits)
                && rules.say(signals, vm)?
            {
                return wrap(Value::Finite(number), vm);
            }
            original("_fix", vec![zelf.as_object().to_owned(), context], vm)
        }

        #[pymethod]
        fn _rescale(
            zelf: &Py<Self>,
            exponent: PyObjectRef,
            rounding: PyStrRef,
            vm: &VirtualMachine,
        ) -> PyResult {
            if let Some(number) = zelf.finite()
                && let Some(target) = exponent.downcast_ref::<PyInt>()
                && let target = number::nearest(target.as_bigint())
                && target.abs() < FAR
                && let Some(rounding) = rounding.to_str().and_then(mode)
                && let Some((number, _)) = number.rescaled(target, rounding)
            {
                return wrap(Value::Finite(number), vm);
            }
            original(
                "_rescale",
                vec![zelf.as_object().to_owned(), exponent, rounding.into()],
                vm,
            )
        }

        #[pymethod]
        fn format(zelf: &Py<Self>, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
            if let (Some(number), [specifier]) = (zelf.finite(), args.args.as_slice())
                && args.kwargs.is_empty()
                && let Some(specifier) = specifier.downcast_ref::<PyStr>()
                && let Some(specifier) = specifier.to_str()
            {
                let context = getcontext(vm)?;
                if let Some(limits) = context
                    .downcast_ref::<Rules>()
                    .and_then(|rules| rules.limits())
                    && let Some(text) = number.formatted(specifier, limits.rounding)
                {
                    return Ok(vm.ctx.new_str(text).into());
                }
            }
            let mut all = args;
            all.args.insert(0, zelf.as_object().to_owned());
            original("__format__", all, vm)
        }
    }

    /// A number from its parts, as `_pydecimal` makes it.
    #[pyfunction]
    fn from_triple(
        sign: PyObjectRef,
        coefficient: PyStrRef,
        exponent: PyObjectRef,
        special: OptionalArg<PyObjectRef>,
        vm: &VirtualMachine,
    ) -> PyResult {
        let negative = sign.try_to_bool(vm)?;
        let digits = coefficient.to_str().unwrap_or_default();
        let special = match special.into_option() {
            Some(special) => special.try_to_bool(vm)?,
            None => false,
        };
        if special {
            let letter = exponent
                .downcast_ref::<PyStr>()
                .and_then(|letter| letter.to_str()?.chars().next())
                .unwrap_or('n');
            return wrap(Value::Special(negative, letter, digits.to_owned()), vm);
        }
        let exponent = exponent.try_index(vm)?;
        let exponent = number::nearest(exponent.as_bigint());
        let digits = Coefficient::parse(digits)
            .ok_or_else(|| vm.new_value_error("a coefficient has digits and nothing else"))?;
        wrap(Value::Finite(Finite::new(negative, digits, exponent)), vm)
    }

    /// Takes what Python has, and gives the class the slots of this module.
    #[pyfunction]
    fn install(
        decimal: PyTypeRef,
        get: PyObjectRef,
        getcontext: PyObjectRef,
        make: PyObjectRef,
        originals: PyDictRef,
        inexact: PyObjectRef,
        rounded: PyObjectRef,
    ) {
        let (to, from) = (&decimal.slots, &Number::static_type().slots);
        macro_rules! take {
            ($($slot:ident),*) => {
                $(to.as_number.$slot.store(from.as_number.$slot.load());)*
            };
        }
        take!(
            add,
            right_add,
            subtract,
            right_subtract,
            multiply,
            right_multiply,
            true_divide,
            right_true_divide,
            floor_divide,
            right_floor_divide,
            remainder,
            right_remainder,
            divmod,
            right_divmod,
            power,
            right_power,
            negative,
            positive,
            absolute
        );
        to.str
            .store(Some(|zelf, vm| match zelf.downcast_ref::<Number>() {
                Some(number) => Ok(vm.ctx.new_str(written(number, vm)?)),
                None => zelf.repr(vm),
            }));
        PYTHON.with(|cell| {
            let _ = cell.set(Python {
                decimal,
                get,
                getcontext,
                make,
                originals,
                inexact,
                rounded,
            });
        });
    }
}
