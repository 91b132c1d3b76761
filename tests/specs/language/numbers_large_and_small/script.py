from decimal import Decimal, getcontext, localcontext, ROUND_HALF_UP, InvalidOperation, DivisionByZero
from fractions import Fraction
import cmath
import math
import statistics

print(2 ** 200, -(3 ** 50) // 7 ** 10, math.factorial(30), 10 ** 30 % 97, pow(3, 1000, 1009), pow(3, -1, 11))
print(int("ff", 16), int("0b101", 0), int(" 42 "), int(-3.9), int("1_000"), hex(-255), bin(10), oct(8), (1000).bit_length(), (5).bit_count())
print(math.gcd(12, 18), math.lcm(4, 6), math.isqrt(10 ** 20), math.comb(50, 25), math.perm(5, 2), math.prod([1, 2, 3]))
print(math.floor(-2.5), math.ceil(2.1), math.trunc(-2.9), round(0.5), round(1.5), round(-2.5), round(1234.567, -2), round(5, -1))
print(math.hypot(3, 4), math.isclose(0.1 + 0.2, 0.3), math.fsum([0.1] * 10), sum([0.1] * 10), math.copysign(1, -0.0), math.inf > 10 ** 400)
print(float("nan") == float("nan"), math.isnan(float("nan")), 1e308 * 10, -1e308 * 10, 5e-324, 0.1.as_integer_ratio(), (0.5).hex())
print(Decimal("0.1") + Decimal("0.2"), Decimal("1.10"), Decimal(1) / Decimal(7), Decimal("2.675").quantize(Decimal("0.01"), ROUND_HALF_UP))
with localcontext() as context:
    context.prec = 50
    print(Decimal(2).sqrt())
print(getcontext().prec, Decimal("1E+3"), Decimal("1E+3").normalize(), f"{Decimal('1234567.891'):,.2f}", Decimal("NaN").is_nan(), Decimal(0.1))
try:
    Decimal(1) / 0
except DivisionByZero as error:
    print("division by zero")
print(sum([Decimal("19.99")] * 3), max(Decimal(1), Decimal("1.5")), int(Decimal("7.9")), Decimal("5") % 3, Decimal("-7") // 2, Decimal(3) == 3)
print(Fraction(1, 3) + Fraction(1, 6), Fraction("0.125"), Fraction(0.5), Fraction(7, 3).limit_denominator(2), float(Fraction(1, 4)), Fraction(6, 4))
print(statistics.mean([1, 2, 3, 4]), statistics.median([3, 1, 2]), statistics.stdev([1, 2, 3, 4]), statistics.mode("aab"), statistics.quantiles([1, 2, 3, 4, 5]))
print((1 + 2j) * (3 - 1j), abs(3 + 4j), (1 + 2j).conjugate(), cmath.sqrt(-1), complex("1+2j"), (2j) ** 2)
print(0.1 + 0.7, 1.1 * 3, 3.0 * 1.1, 1 / 3, 2 / 3, 100 * 1.1, 4.35 * 100, 1e23, 9007199254740993.0, 123456.789e3)
print(divmod(7.5, 2), 7.5 // 2, -7.5 % 2, 2 ** 0.5, 4 ** 0.5, (-8) ** (1 / 3), 0 ** 0, 1e5 == 100000, hash(1.0) == hash(1) == hash(True))
print(int.from_bytes(b"\x01\x02", "big"), (258).to_bytes(2, "little"), True + True, bool("False"), int(True), 10 .real)
print(str(10 ** 25), f"{10 ** 25:e}", float(10 ** 25), int(1e25), 10 ** 25 == 1e25, 2 ** 53 + 1 == float(2 ** 53 + 1))
print(math.log(8, 2), math.log2(1024), math.log10(1000), round(math.exp(1), 12), math.sin(math.pi), math.degrees(math.pi), math.tau, math.e)
