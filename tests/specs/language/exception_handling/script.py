import contextlib

def f(kind):
    try:
        if kind == "value":
            raise ValueError("bad", 1)
        if kind == "key":
            {}["missing"]
        if kind == "return":
            return "from try"
    except ValueError as error:
        return f"{error} {error.args}"
    except (KeyError, IndexError) as error:
        return f"{error!r} {error}"
    else:
        return "from else"
    finally:
        print("finally", kind)

for kind in ("value", "key", "return", "none"):
    print(f(kind))

class AppError(Exception):
    """Base."""

class NotFound(AppError):
    def __init__(self, name, *, code=404):
        super().__init__(f"{name} not found")
        self.name, self.code = name, code

try:
    try:
        [][0]
    except IndexError as error:
        raise NotFound("row") from error
except AppError as error:
    print(error, error.code, repr(error), repr(error.__cause__), error.__suppress_context__, type(error).__mro__[1].__doc__)

try:
    raise ExceptionGroup("many", [ValueError("a"), KeyError("b"), ExceptionGroup("inner", [TypeError("c"), ValueError("d")])])
except* ValueError as group:
    print("values", group.exceptions)
except* (KeyError, TypeError) as group:
    print("others", [type(e).__name__ for e in group.exceptions], group.message)

group = ExceptionGroup("g", [ValueError(1), OSError(2)])
match, rest = group.split(ValueError)
print(match, rest, group.subgroup(lambda e: isinstance(e, OSError)))

error = ValueError("x")
error.add_note("first note")
print(error.__notes__)

def chain():
    try:
        raise KeyError("one")
    except KeyError:
        raise RuntimeError("two") from None
try:
    chain()
except RuntimeError as error:
    print(repr(error.__cause__), repr(error.__context__), error.__suppress_context__)

try:
    raise SystemExit(3)
except SystemExit as error:
    print(error.code)
print(issubclass(KeyboardInterrupt, Exception), issubclass(TimeoutError, OSError), IOError is OSError, LookupError.__subclasses__()[:2])
for text in ("int('x')", "[1][5]", "{'a': 1}['b']", "None.x", "1 + 'a'", "'a' + 1", "len(5)", "undefined", "int([])", "float('x')", "[].pop()",
             "(1, 2)[2]", "'abc'.index('z')", "next(iter([]))", "1 / 0", "1 % 0", "1.0 // 0", "int('9' * 5000)", "'%d' % 'x'",
             "'{}'.format()", "open", "chr(-1)", "bytes([256])", "range(0, 5, 0)", "sorted([1, 'a'])", "max([])", "sum(['a'])", "dict([1])",
             "'a'.join([1])", "a, b = 1", "[] < {}", "set([[]])", "print(**{1: 2})", "object() + 1", "-'a'", "int.foo", "'abc'[1.0]",
             "[1, 2][None]", "(lambda: 0)(1)", "(lambda x: x)()", "abs('a')", "round('a')", "ord('ab')", "'a' * 'b'", "complex('x')"):
    try:
        eval(compile(text, "<case>", "single" if "= 1" in text else "eval")) and print(text, "ok")
    except BaseException as error:
        print(f"{text:22} {type(error).__name__}: {error}")
