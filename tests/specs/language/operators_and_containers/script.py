import copy
import operator

class Vector:
    def __init__(self, *xs): self.xs = xs
    def __repr__(self): return f"Vector{self.xs}"
    def __add__(self, other):
        if not isinstance(other, Vector):
            return NotImplemented
        return Vector(*map(operator.add, self.xs, other.xs))
    def __mul__(self, k): return Vector(*(x * k for x in self.xs))
    __rmul__ = __mul__
    def __matmul__(self, other): return sum(map(operator.mul, self.xs, other.xs))
    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __eq__(self, other): return isinstance(other, Vector) and self.xs == other.xs
    def __hash__(self): return hash(self.xs)
    def __len__(self): return len(self.xs)
    def __getitem__(self, i): return Vector(*self.xs[i]) if isinstance(i, slice) else self.xs[i]
    def __iter__(self): return iter(self.xs)
    def __bool__(self): return any(self.xs)
    def __abs__(self): return (self @ self) ** 0.5
    def __contains__(self, x): return x in self.xs
    def __lt__(self, other): return abs(self) < abs(other)
    def __iadd__(self, other): self.xs = tuple(map(operator.add, self.xs, other.xs)); return self
    def __call__(self, f): return Vector(*map(f, self.xs))
    def __round__(self, n=None): return Vector(*(round(x, n) for x in self.xs))
    def __reversed__(self): return iter(self.xs[::-1])

v, w = Vector(1, 2), Vector(3, 4)
print(v + w, v * 2, 2 * v, v @ w, -v, v - w, v == Vector(1, 2), v != w, len(v), v[0], v[-1], v[:1], list(v), bool(Vector(0, 0)), abs(w))
print(2 in v, sorted([w, v]), max(v, w), {v: 1}[Vector(1, 2)], v(lambda x: x * 10), round(Vector(1.26, 2.74), 1), list(reversed(v)), sum([v, w], Vector(0, 0)))
alias = v
v += w
print(v, alias is v)
for bad in (lambda: v + 1, lambda: v < 3, lambda: v ** 2, lambda: ~v, lambda: v["a"]):
    try:
        bad()
    except Exception as error:
        print(type(error).__name__, error)
x, *rest = w
print(x, rest, [*w], operator.add(1, 2))

class Matrix:
    def __init__(self, rows): self.rows = rows
    def __getitem__(self, key):
        i, j = key
        return self.rows[i][j]
    def __setitem__(self, key, value): self.rows[key[0]][key[1]] = value
    def __delitem__(self, key): print("deleting", key)
    def __enter__(self): return self
    def __exit__(self, *a): print("left")
    def __missing__(self, key): return 0
m = Matrix([[1, 2], [3, 4]])
m[0, 1] = 9
del m[1, ...]
print(m[0, 1], m[1, 0])
with m as n: print(n is m)

class Default(dict):
    def __missing__(self, key): return key * 2
print(Default(a=1)["zz"], Default().get("zz"))

class Node:
    def __init__(self, v, children=()): self.v, self.children = v, list(children)
    def __str__(self): return f"{self.v}({', '.join(map(str, self.children))})"
tree = Node(1, [Node(2), Node(3, [Node(4)])])
deep = copy.deepcopy(tree)
shallow = copy.copy(tree)
deep.children[0].v = 99
shallow.children.append(Node(5))
print(tree, deep, shallow is tree)

class Countdown:
    def __init__(self, n): self.n = n
    def __iter__(self): return self
    def __next__(self):
        if self.n <= 0: raise StopIteration
        self.n -= 1
        return self.n + 1
print(list(Countdown(3)), sum(Countdown(4)), dict(zip("ab", Countdown(2))), 2 in Countdown(3))

class Old:
    def __getitem__(self, i):
        if i > 2: raise IndexError
        return i * i
    def __len__(self): return 3
print(list(Old()), 4 in Old(), list(reversed(Old())))
print(repr(type("T", (), {"__repr__": lambda s: "custom"})()), str(object())[:7], [Vector] == [Vector], Vector.__name__, callable(v))
a = b = [1]
a += [2]
b = b + [3]
print(a, b, a is b, 1 is not None, [] is [], (1,) * 3, "ab" * 2, not [])
