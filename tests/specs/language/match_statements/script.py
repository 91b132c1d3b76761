from dataclasses import dataclass
from enum import Enum

@dataclass
class Circle:
    radius: float

@dataclass
class Rect:
    width: float
    height: float

class Color(Enum):
    RED = 1
    GREEN = 2

def describe(value):
    match value:
        case None:
            return "nothing"
        case True | False:
            return f"flag {value}"
        case int(n) if n < 0:
            return f"negative {n}"
        case int() | float() as n:
            return f"number {n}"
        case "":
            return "empty text"
        case str(text):
            return f"text of {len(text)}"
        case []:
            return "empty list"
        case [only]:
            return f"one {only!r}"
        case [first, *rest] if isinstance(value, list):
            return f"{first!r} and {len(rest)} more"
        case (x, y):
            return f"pair {x},{y}"
        case {"type": "user", "name": str(name), **others}:
            return f"user {name} {sorted(others)}"
        case {"type": kind}:
            return f"a {kind}"
        case Circle(radius=r):
            return f"circle {r}"
        case Rect(w, h) if w == h:
            return f"square {w}"
        case Rect():
            return "rect"
        case Color.RED:
            return "red"
        case _:
            return f"else {value!r}"

for value in (None, True, -3, 2.5, "", "abc", [], [1], [1, 2, 3], (1, 2), {"type": "user", "name": "ada", "age": 3},
              {"type": "dog"}, {}, Circle(2), Rect(2, 2), Rect(1, 2), Color.RED, Color.GREEN, b"x", {1}):
    print(describe(value))

def command(line):
    match line.split():
        case ["go", ("north" | "south") as where]:
            return where
        case ["take", *things] if things:
            return "+".join(things)
        case ["quit" | "exit"]:
            return "bye"
        case other:
            return f"?{len(other)}"

print([command(c) for c in ("go north", "go west", "take a b", "exit", "")])
