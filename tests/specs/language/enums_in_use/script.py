from enum import Enum, IntEnum, Flag, IntFlag, StrEnum, auto, unique

class Color(Enum):
    RED = 1
    GREEN = 2
    CRIMSON = 1

    @property
    def pretty(self):
        return self.name.title()

    @classmethod
    def default(cls):
        return cls.RED

print(Color.RED, repr(Color.RED), Color(2), Color["GREEN"], Color.CRIMSON is Color.RED, list(Color), len(Color))
print(Color.RED.pretty, Color.default().value, Color.RED.name, Color.RED in Color, 1 in Color, 5 in Color)
print({Color.RED: "r"}[Color.CRIMSON], Color.RED == 1, Color.__members__.keys())

class Level(IntEnum):
    LOW = auto()
    HIGH = auto()

print(Level.LOW < Level.HIGH, Level.HIGH + 1, f"{Level.HIGH}", repr(Level.HIGH), sorted(Level, reverse=True), max(Level))

class Perm(Flag):
    R = auto()
    W = auto()
    X = auto()
    RW = R | W

p = Perm.R | Perm.X
print(p, repr(p), Perm.R in p, Perm.W in p, ~p, Perm.RW, list(Perm.RW), bool(Perm(0)), p ^ Perm.R)

class Kind(StrEnum):
    A_ONE = auto()
    B = "bee"

print(Kind.A_ONE, repr(Kind.B), Kind.B == "bee", Kind("bee").name, f"{Kind.A_ONE:>7}", ",".join(Kind), Kind.B.upper())

class Planet(Enum):
    EARTH = (5.976e24, 6.37814e6)
    MARS = (6.421e23, 3.3972e6)

    def __init__(self, mass, radius):
        self.mass, self.radius = mass, radius

    @property
    def gravity(self):
        return 6.67430e-11 * self.mass / self.radius ** 2

print(f"{Planet.EARTH.gravity:.2f} {Planet.MARS.gravity:.2f}")
try:
    @unique
    class Dup(Enum):
        A = 1
        B = 1
except ValueError as error:
    print(error)
try:
    Color.RED = 3
except AttributeError as error:
    print(error)
for bad in (lambda: Color(9), lambda: Color["X"]):
    try:
        bad()
    except (ValueError, KeyError) as error:
        print(type(error).__name__, error)

class Op(Enum):
    ADD = "+"
    def __call__(self, a, b): return a + b
    @classmethod
    def _missing_(cls, value): return cls.ADD
print(Op("plus")(1, 2), Enum("Animal", "CAT DOG").DOG)
