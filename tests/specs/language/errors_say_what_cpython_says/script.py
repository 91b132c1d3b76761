from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum


class Shape(ABC):
    @abstractmethod
    def area(self): ...

    @abstractmethod
    def name(self): ...


@dataclass
class Point:
    x: int
    y: int = 0


class Color(Enum):
    RED = 1


class Slotted:
    __slots__ = ("a",)


class ReadOnly:
    @property
    def value(self):
        return 1


def two(a, b): ...
def keyword_only(a, *, key): ...
def positional_only(a, /): ...


def unbound():
    if not two:
        value = 1
    return value


def recurse(n):
    return recurse(n + 1)


def assign(target, name, value):
    setattr(target, name, value)


def delete(names):
    del names["x"]


d, xs, text = {}, [1, 2], "abc"
for number, function in enumerate((
    lambda: Shape(),
    lambda: Point(),
    lambda: Point(1, 2, 3),
    lambda: Color(9),
    lambda: Color["BLUE"],
    lambda: assign(Slotted(), "b", 1),
    lambda: assign(ReadOnly(), "value", 2),
    lambda: assign(None, "x", 1),
    lambda: two(1),
    lambda: two(),
    lambda: two(1, 2, 3),
    lambda: two(1, a=2),
    lambda: keyword_only(1),
    lambda: positional_only(a=1),
    unbound,
    lambda: recurse(0),
    lambda: d[[1, 2]],
    lambda: {[1]: 2},
    lambda: {[1], 2},
    lambda: hash([]),
    lambda: xs.index(9),
    lambda: xs.remove(9),
    lambda: xs["a"],
    lambda: xs[10],
    lambda: text[10],
    lambda: (1,)[5],
    lambda: xs + (1,),
    lambda: (1,) + xs,
    lambda: text + 1,
    lambda: 1 + text,
    lambda: b"a" + "b",
    lambda: text * text,
    lambda: text - 1,
    lambda: None + 1,
    lambda: None[0],
    lambda: None(),
    lambda: 5(),
    lambda: 5[0],
    lambda: len(5),
    lambda: iter(5),
    lambda: 1 < "a",
    lambda: 3 in 5,
    lambda: delete(d),
    lambda: text.index("z"),
    lambda: text.join([1]),
    lambda: int("12a"),
    lambda: int(""),
    lambda: int(None),
    lambda: float("1,5"),
    lambda: "%d" % "x",
    lambda: "%s %s" % ("x",),
    lambda: "{} {}".format(1),
    lambda: "{a}".format(b=1),
    lambda: f"{text:.2f}",
    lambda: f"{xs:>5}",
    lambda: ord("ab"),
    lambda: chr(-1),
    lambda: range(1.5),
    lambda: sum(["a"]),
    lambda: max([]),
    lambda: [].pop(),
    lambda: {}.popitem(),
    lambda: {1}.remove(2),
    lambda: next(iter([])),
    lambda: 1 / 0,
    lambda: 1 // 0,
    lambda: 1 % 0,
    lambda: 1.0 / 0,
    lambda: 0 ** -1,
    lambda: b"\xff".decode(),
    lambda: "é".encode("ascii"),
    lambda: list(zip([1], [1, 2], strict=True)),
    lambda: isinstance(1, "int"),
    lambda: super().x,
    lambda: print(*None),
    lambda: two(**None),
    lambda: dict([1]),
    lambda: dict([(1, 2, 3)]),
    lambda: open("/nowhere/file.txt") and None,
)):
    try:
        print(number, "gave", function())
    except Exception as error:
        if isinstance(error, OSError):
            print(number, type(error).__name__, error.strerror, error.filename)
        else:
            print(number, f"{type(error).__name__}: {error}".rstrip())
