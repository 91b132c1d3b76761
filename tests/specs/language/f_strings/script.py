import datetime
import math

name, value, width = "ada", 3.14159265, 12
print(f"{name}, {name!r}, {name!s:>6}|{name:^9}|{name:*<8}|")
print(f"{value:.2f} {value:10.3f}| {value:<{width}.1f}| {value:+} {value:e} {value:%}")
print(f"{1234567:,} {1234567:_} {255:x} {255:#X} {255:08b} {255:o} {-5:05d} {5:+d}")
print(f"{1e10} {1e16} {1e-5} {0.1 + 0.2} {100.0} {1e22} {1.0e100} {float('inf')} {-0.0}")
print(f"{value = } {name = !s} {1 + 1 = }")
print(f"{'nested ' + f'{name.upper()!r}'}")
print(f"{{literal}} {{{name}}}")
print(f"{name:{'>'}{width}}|{value:{width}.{2}}|")
items = {"a": [1, 2], "b": {"c": 3}}
print(f"{items["a"][0]} {items['b']["c"]} {'\n'.join(['x', 'y'])!r}")
print(f"{[x * 2 for x in range(3)]} {(lambda x: x + 1)(4)} {'yes' if value > 3 else 'no'}")
print(f"{datetime.date(2024, 2, 29):%d.%m.%Y} {datetime.datetime(2024, 1, 2, 3, 4):%H:%M}")
print(f"""multi
{name}
  {value:.1f}""")
print(f"{True} {None} {...} {b'x'} {print}"[:24])
print(f"{'é':>4}|{'日本':<5}|{'x' * 3}")
print(f"{1_000_000:>15,.2f}|{0.000123:.3g}|{123456789:.3g}|{12.5:g}|{1e6:g}")
print(f"{3 + 4j} {complex(1, -1):.1f}")
print("%s %5.2f %-6s| %03d %x %r %%" % ("a", 1.005, "b", 7, 255, "q"))
print("%(n)s is %(v).1f" % {"n": name, "v": value})
print("{} {1} {0}".replace("{} ", "").format("a", "b"), "{:>{w}}".format("x", w=4), "{0[a]} {1.real}".format({"a": 1}, 5))
print("{:,}".format(9876543.21), format(0.5, ".0%"), format(10**20, ","), format("x", "^5"))

class Money:
    def __init__(self, n): self.n = n
    def __format__(self, spec): return f"${self.n:{spec or '.2f'}}"
    def __repr__(self): return f"Money({self.n})"

print(f"{Money(5)} {Money(5):.0f} {Money(5)!r}")
print(f"{round(2.5)} {round(3.5)} {round(2.675, 2)} {math.pi:.10f}")
print(str(1/3), repr(0.1), 1e15, 123456789012345678)
