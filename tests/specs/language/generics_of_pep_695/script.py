from typing import Callable, Iterable, NamedTuple, Protocol, TypedDict, Literal, Optional, Union, Any, get_type_hints, runtime_checkable, overload, Self, Annotated, TypeVar, Generic, cast, Final

type Pair[T] = tuple[T, T]
type Json = dict[str, Json] | list[Json] | str | int | None

class Stack[T]:
    def __init__(self) -> None:
        self.items: list[T] = []

    def push(self, item: T) -> Self:
        self.items.append(item)
        return self

    def pop(self) -> T:
        return self.items.pop()

def first[T, *Ts](items: Iterable[T], default: T | None = None) -> T | None:
    return next(iter(items), default)

def bounded[N: (int, float)](n: N) -> N:
    return n * 2

print(Stack[int]().push(1).push(2).pop(), first([]), first("ab"), bounded(2.5))
print(Pair.__name__, Pair.__type_params__, Stack.__type_params__, Stack[int], Pair[int])
print(Json.__value__)

class Shape(Protocol):
    def area(self) -> float: ...

@runtime_checkable
class Closeable(Protocol):
    def close(self) -> None: ...

class Square:
    def __init__(self, a: float): self.a = a
    def area(self) -> float: return self.a ** 2

def total(shapes: list[Shape]) -> float:
    return sum(s.area() for s in shapes)

import io
print(total([Square(2), Square(3)]), isinstance(io.StringIO(), Closeable), isinstance(3, Closeable))

class Employee(NamedTuple):
    name: str
    id: int = 3

class Movie(TypedDict, total=False):
    title: str
    year: int

e = Employee("Guido")
print(e, e._asdict(), e.id, Movie(title="x"), get_type_hints(Movie), Employee._field_defaults)
print(Optional[int], Union[int, str], int | None, list[int], dict[str, list[int]], Callable[[int], str], Literal["a", 1])

T = TypeVar("T")
class Box(Generic[T]):
    def __init__(self, v: T): self.v = v
print(Box[int](3).v, Box.__parameters__, Box[int].__args__)

def annotated(x: Annotated[int, "positive"], y: "str" = "a", *args: float) -> list["Box"]: ...
print(get_type_hints(annotated), get_type_hints(annotated, include_extras=True)["x"])
print(annotated.__annotations__["x"], isinstance(3, int | str), cast(int, "3"))

def late(x: NotDefinedYet): ...
print(late.__name__)
class NotDefinedYet: ...
print(late.__annotations__)
