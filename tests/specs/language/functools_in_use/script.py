import functools
from functools import cache, cached_property, lru_cache, partial, reduce, singledispatch, singledispatchmethod, total_ordering

@cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(80), fib.cache_info())

@lru_cache(maxsize=2)
def square(x):
    print("computing", x)
    return x * x
print([square(x) for x in (1, 2, 1, 3, 2)], square.cache_info())
square.cache_clear()
print(square.cache_info())

class Data:
    def __init__(self, xs): self.xs = xs
    @cached_property
    def mean(self):
        print("mean")
        return sum(self.xs) / len(self.xs)
d = Data([1, 2, 3])
print(d.mean, d.mean, "mean" in d.__dict__)

power = partial(pow, exp=2)
print(power(5), partial(print, "a", sep="-")("b"), reduce(lambda a, b: a * b, range(1, 6)), reduce(max, [], 0))

@singledispatch
def show(value): return f"object {value}"
@show.register
def _(value: int): return f"int {value}"
@show.register(list)
def _(value): return f"list of {len(value)}"
print(show(1), show([1]), show("x"), show(True), show.dispatch(float) is show.dispatch(object))

class Formatter:
    @singledispatchmethod
    def format(self, v): return "?"
    @format.register
    def _(self, v: str): return v.upper()
print(Formatter().format("a"), Formatter().format(1))

@total_ordering
class Size:
    order = "SML"
    def __init__(self, s): self.s = s
    def __eq__(self, other): return self.s == other.s
    def __lt__(self, other): return self.order.index(self.s) < self.order.index(other.s)
    def __repr__(self): return self.s
print(sorted(map(Size, "LSM")), Size("S") <= Size("M"), Size("L") >= Size("M"))
print(sorted(["b", "A", "c"], key=functools.cmp_to_key(lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))))
