from dataclasses import dataclass, field, asdict, astuple, replace, fields, KW_ONLY, InitVar
from functools import total_ordering
from typing import ClassVar

@dataclass(order=True, slots=True)
class Version:
    major: int
    minor: int = 0
    tags: list[str] = field(default_factory=list, compare=False, repr=False)

    def __post_init__(self):
        if self.major < 0:
            raise ValueError("major must not be negative")

    @classmethod
    def parse(cls, text):
        return cls(*map(int, text.split(".")))

versions = [Version.parse(v) for v in ("1.10", "1.2", "0.9")]
print(sorted(versions))
print(max(versions), min(versions), Version(1, 2) == Version(1, 2, ["x"]))
print(asdict(Version(1, 2, ["lts"])), astuple(Version(3)))
print([f.name for f in fields(Version)], replace(Version(1), minor=7))

@dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0
    dimensions: ClassVar[int] = 2
    _: KW_ONLY
    label: str = ""

    @property
    def norm(self):
        return (self.x ** 2 + self.y ** 2) ** 0.5

p = Point(3, 4, label="p")
print(p, p.norm, hash(p) == hash(Point(3, 4, label="p")), {p: 1}[Point(3, 4, label="p")])
try:
    p.x = 1
except Exception as error:
    print(type(error).__name__, error)
try:
    Version(-1)
except ValueError as error:
    print(error)

@dataclass
class Account:
    owner: str
    opening: InitVar[int]
    balance: int = field(init=False)

    def __post_init__(self, opening):
        self.balance = opening * 100

@dataclass
class Savings(Account):
    rate: float = 0.02

print(Savings("ada", 5), Savings("ada", 5, 0.1) != Savings("ada", 5))
match Point(0, 5):
    case Point(0, y):
        print("on the axis at", y)
