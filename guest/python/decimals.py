"""`Decimal` and `Context` over the interpreter's own numbers and contexts. Run once before the snapshot.

`_pydecimal` stays as it is and does what is rare; its class and those of its functions that are common are put aside here,
and the guest's `decimal.rs` calls them where it does not know the answer.
"""

import numbers

import _pydecimal
from _pydecimal import ConversionSyntax, FloatOperation, Inexact, Rounded, _signals
from _sandgate_context import Rules, getcontext
from _sandgate_decimal import Number, from_triple, install

_OLD, _OLD_CONTEXT = _pydecimal.Decimal, _pydecimal.Context
# What is another function now, by the name that it has for scripts.
_NEW = {
    "__add__": "add", "__radd__": "add", "__sub__": "sub", "__rsub__": "rsub", "__mul__": "mul", "__rmul__": "mul",
    "__truediv__": "truediv", "__rtruediv__": "rtruediv", "__floordiv__": "floordiv", "__rfloordiv__": "rfloordiv",
    "__mod__": "mod", "__rmod__": "rmod", "__divmod__": "divmod", "__rdivmod__": "rdivmod", "__neg__": "neg",
    "__pos__": "pos", "__abs__": "abs", "__str__": "text", "__format__": "format",
}
_OWN = (
    "__new__", "__slots__", "_exp", "_int", "_sign", "_is_special", "__dict__", "__weakref__", "__eq__", "__lt__", "__le__",
    "__gt__", "__ge__", "__hash__", "__bool__", "__int__", "__float__", "__repr__", "_isnan", "_fix",
    "_rescale", "adjusted", "copy_abs", "copy_negate", "quantize",
)


def _make(value, context):
    """A number of what is not plain, as `_pydecimal` makes it, with its words for what is none."""
    if isinstance(value, str):
        found = _pydecimal._parser(value.strip().replace("_", ""))
        if found is None:
            if context is None:
                context = getcontext()
            return context._raise_error(ConversionSyntax, "Invalid literal for Decimal: %r" % value)
        sign = int(found["sign"] == "-")
        if found["int"] is not None:
            part = found["frac"] or ""
            return from_triple(sign, str(int(found["int"] + part)), int(found["exp"] or "0") - len(part))
        if found["diag"] is not None:
            digits = str(int(found["diag"] or "0")).lstrip("0")
            return from_triple(sign, digits, "N" if found["signal"] else "n", True)
        return from_triple(sign, "0", "F", True)
    if isinstance(value, _pydecimal._WorkRep):
        return from_triple(value.sign, str(value.int), int(value.exp))
    if isinstance(value, (list, tuple)):
        if len(value) != 3:
            raise ValueError(
                "Invalid tuple size in creation of Decimal from list or tuple.  "
                "The list or tuple should have exactly three elements."
            )
        sign, digits, exponent = value
        if not (isinstance(sign, int) and sign in (0, 1)):
            raise ValueError(
                "Invalid sign.  The first value in the tuple should be an integer; "
                "either 0 for a positive number or 1 for a negative number."
            )
        if exponent == "F":
            return from_triple(sign, "0", "F", True)
        digits = list(digits)
        if not all(isinstance(digit, int) and 0 <= digit <= 9 for digit in digits):
            raise ValueError(
                "The second value in the tuple must be composed of integers in the range 0 through 9."
            )
        text = "".join(str(int(digit)) for digit in digits).lstrip("0")
        if exponent in ("n", "N"):
            return from_triple(sign, text, exponent, True)
        if isinstance(exponent, int):
            return from_triple(sign, text or "0", exponent)
        raise ValueError("The third value in the tuple must be an integer, or one of the strings 'F', 'n', 'N'.")
    if isinstance(value, float):
        if context is None:
            context = getcontext()
        context._raise_error(FloatOperation, "strict semantics for mixing floats and Decimals are enabled")
        return Decimal.from_float(value)
    raise TypeError("Cannot convert %r to Decimal" % value)


def _represent(self):
    """Show the current context."""
    said = ", ".join(f"{name}={getattr(self, name)}" for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp"))
    flags, traps = (
        ", ".join(signal.__name__ for signal, set_ in signals.items() if set_) for signals in (self.flags, self.traps)
    )
    return f"Context({said}, flags=[{flags}], traps=[{traps}])"


_body = {name: value for name, value in vars(_OLD).items() if name not in _OWN and name not in _NEW}
_body |= {name: vars(Number)[ours] for name, ours in _NEW.items()}
Decimal = type("Decimal", (Number,), _body | {"__slots__": (), "__module__": "decimal"})
_body = {name: value for name, value in vars(_OLD_CONTEXT).items() if name not in ("__dict__", "__weakref__")}
Context = type("Context", (Rules,), _body | {"__repr__": _represent, "__module__": "decimal"})
_old_getcontext = _pydecimal.getcontext

install(Decimal, _pydecimal._current_context_var.get, _old_getcontext, _make, dict(vars(_OLD)), Inexact, Rounded)
_pydecimal.Decimal, _pydecimal.Context = Decimal, Context
_pydecimal._dec_from_triple = from_triple
_pydecimal.getcontext = getcontext
numbers.Number.register(Decimal)

# What there was already, of the new kinds.
_default = _pydecimal.DefaultContext
_pydecimal.DefaultContext = Context(
    _default.prec, _default.rounding, _default.Emin, _default.Emax, _default.capitals, _default.clamp, [],
    [signal for signal in _signals if _default.traps[signal]],
)
for _name in ("BasicContext", "ExtendedContext"):
    _old = getattr(_pydecimal, _name)
    setattr(_pydecimal, _name, Context(
        _old.prec, _old.rounding, _old.Emin, _old.Emax, _old.capitals, _old.clamp, [],
        [signal for signal in _signals if _old.traps[signal]],
    ))
_pydecimal._Infinity, _pydecimal._NegativeInfinity, _pydecimal._NaN = Decimal("Inf"), Decimal("-Inf"), Decimal("NaN")
_pydecimal._Zero, _pydecimal._One, _pydecimal._NegativeOne = Decimal(0), Decimal(1), Decimal(-1)
_pydecimal._SignedInfinity = (_pydecimal._Infinity, _pydecimal._NegativeInfinity)
