# What is computed of decimals, by CPython's own answers: a digest of each kind, of numbers drawn at random.
import hashlib, operator, random, statistics
from decimal import *

draw = random.Random(20)
context = getcontext()
MODES = (ROUND_DOWN, ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_CEILING, ROUND_FLOOR, ROUND_UP, ROUND_HALF_DOWN, ROUND_05UP)


def number():
    digits = draw.choice((1, 2, 3, 5, 9, 17, 28, 29, 38, 39, 40, 57, 80))
    kind = draw.random()
    if kind < 0.04:
        return Decimal(draw.choice(("0", "-0", "0.00", "-0E+3", "0E-9")))
    if kind < 0.08:
        return Decimal(draw.choice(("NaN", "-sNaN7", "Infinity", "-Inf", "NaN123")))
    text = str(draw.randrange(10 ** digits))
    if kind < 0.3:
        text += "5" + "0" * draw.randrange(12)
    return Decimal(f"{draw.choice(('', '-'))}{text}E{draw.randint(-45, 20)}")


def attempt(function, *given):
    context.clear_flags()
    try:
        answer = function(*given)
    except Exception as error:
        answer = type(error).__name__
    if function is divmod:
        return repr(answer if isinstance(answer, tuple) else "raised")  # which of its two errors, C says otherwise
    return f"{answer!r} {sorted(signal.__name__ for signal, set_ in context.flags.items() if set_)}"


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, divmod, Decimal.quantize]
BINARY += [operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge, Decimal.compare, Decimal.max, Decimal.min]
BINARY += [Decimal.remainder_near, Decimal.same_quantum, Decimal.copy_sign, Decimal.compare_total]
UNARY = [operator.neg, operator.pos, abs, str, repr, int, float, bool, round, hash, Decimal.as_tuple, Decimal.normalize]
UNARY += [Decimal.to_integral_value, Decimal.to_integral_exact, Decimal.to_eng_string, Decimal.sqrt, Decimal.adjusted]
UNARY += [Decimal.is_zero, Decimal.is_signed, Decimal.is_nan, Decimal.is_infinite, Decimal.copy_abs, Decimal.copy_negate]
UNARY += [Decimal.as_integer_ratio, Decimal.next_plus, Decimal.logb]

for precision, traps in ((28, True), (9, False), (50, False), (3, False), (1, False)):
    context.prec = precision
    for signal in (InvalidOperation, DivisionByZero, Overflow):
        context.traps[signal] = traps
    said = []
    for functions, count in ((BINARY, 2), (UNARY, 1)):
        for function in functions:
            digest = hashlib.sha256()
            for _ in range(120):
                context.rounding = draw.choice(MODES)
                given = [number() for _ in range(count)]
                if count == 2 and draw.random() < 0.2:
                    given[1] = draw.randint(-1000, 10 ** 20) if function in BINARY[:7] + BINARY[8:14] else given[1]
                if function is hash and given[0].is_nan():
                    continue
                digest.update(attempt(function, *given).encode())
            said.append(f"{function.__name__.strip('_')}:{digest.hexdigest()[:6]}")
    print(precision, *said)

context.prec, context.rounding = 28, ROUND_HALF_EVEN
for signal in (InvalidOperation, DivisionByZero, Overflow):
    context.traps[signal] = True

# Limits of a context: what is out of range, subnormal, folded down.
for clamp in (0, 1):
    small = Context(prec=5, Emin=-10, Emax=10, clamp=clamp, traps=[])
    for one, two in (("9E9", "9E9"), ("1E-9", "1E-4"), ("1.2345E-9", "1E-3"), ("1E10", "1"), ("0E20", "1"), ("12345", "100001")):
        for name in ("add", "subtract", "multiply", "divide", "quantize"):
            small.clear_flags()
            answer = getattr(small, name)(Decimal(one), Decimal(two))
            print(name, one, two, answer, sorted(s.__name__ for s, set_ in small.flags.items() if set_))

# What is made of what.
for value in ("1.50", " 2 ", "1_000.5", "\u0663.\u0661", "+.5", "5.", "-0", "1e5", "1E-7", "0.000001", "0.0000001", "nan", "sNaN12", "-Infinity"):
    print(repr(Decimal(value)), Decimal(value).as_tuple())
for value in ("", ".", "1e", "1 2", "abc", "1.2.3", "e5"):
    try: print(Decimal(value))
    except InvalidOperation: print("no number", repr(value))
for value in (True, 10 ** 60, -5, 0.1, (0, (1, 2, 3), -2), (1, (0, 0), 3), (0, (1,), "n"), Decimal("1.10")):
    print(repr(Decimal(value)))
for value in (None, [], (2, (1,), 0), (0, (11,), 0), (0, (1,), "x"), 1j):
    try: print(Decimal(value))
    except (TypeError, ValueError) as error: print(type(error).__name__)


class Money(Decimal):
    def __new__(cls, value, currency="EUR"):
        self = super().__new__(cls, value)
        self.currency = currency
        return self

    def __add__(self, other):
        return Money(super().__add__(other), self.currency)


price = Money("1.10") + 2
print(price, type(price).__name__, price.currency, type(price * 2).__name__, isinstance(price, Decimal), sum([price, Decimal(1)]))
for specifier in ("", ".2f", ",.2f", ".0f", "10.3f", "<8", "e", ".3e", "%", ".1%", "g", "+.2f", "08.2f", ",", ".30f"):
    print(*[f"{Decimal(text):{specifier}}" for text in ("1234567.885", "-0.005", "0", "1E+5")])
with localcontext() as inner:
    inner.prec = 6
    print(Decimal(1) / 7, getcontext().prec, Decimal(2).sqrt())
print(Decimal(1) / 7, repr(getcontext()).split(", flags")[0])
print(round(Decimal("2.675"), 2), round(Decimal("-2.5")), Decimal("1.21").sqrt(), Decimal(2) ** Decimal("0.5"), Decimal("1.0500") ** 10)
print(Decimal("1.1") ** 3, Decimal(3) ** -2, Decimal(10) ** 30, pow(Decimal(7), 5, 11), 2 ** Decimal(3), Decimal("0.5") ** 200)
print(Decimal(2).ln(), Decimal(2).log10(), Decimal(1).exp(), 5 - Decimal("1.5"), 7 // Decimal(2), 1 / Decimal(8), divmod(7, Decimal(2)))
print(statistics.mean([Decimal("1.1"), Decimal("2.2")]), max(Decimal(3), 2), sorted([Decimal(3), 1, 2.5]), {Decimal("1.0"): 1}[1])
for act in (lambda: Decimal(1) / 0, lambda: Decimal(0) / 0, lambda: Decimal("1") + 1.5, lambda: Decimal("sNaN") + 1, lambda: Decimal("NaN") < 1):
    try: print(act())
    except Exception as error: print(type(error).__name__, isinstance(error, ArithmeticError))
import copy, pickle
for value in (Decimal("1.25"), price, Decimal("NaN")):
    print(repr(copy.copy(value)), repr(pickle.loads(pickle.dumps(value))) if value is not price else "")
print(Decimal("1.1") == 1.1, Decimal("0.5") == 0.5, Decimal(3) == 3 + 0j, hash(Decimal("0.5")) == hash(0.5), hash(Decimal(10) ** 40) == hash(10 ** 40))
