x = "global"

def outer():
    x = "outer"
    def inner():
        return x
    def rebind():
        nonlocal x
        x = "rebound"
    def use_global():
        global x
        x = "changed"
    before = inner()
    rebind()
    use_global()
    return before, inner()

print(outer(), x)

class Scope:
    x = "class"
    y = [x for _ in range(1)]
    z = x
    def method(self):
        return x
    nested = (lambda: x)()

print(Scope.y, Scope.z, Scope().method(), Scope.nested)

def unbound():
    try:
        print(value)
        value = 1
    except UnboundLocalError as error:
        return str(error)
print(unbound())

def free():
    def inner():
        return later
    try:
        inner()
    except NameError as error:
        print(error)
    later = 1
    return inner()
print(free())

try:
    1 / 0
except ZeroDivisionError as e:
    pass
print("e" in globals())

exec("made = 5\ndef added(n): return n + made")
print(made, added(1), eval("made * 2", {"made": 7}), eval("a + b", {}, {"a": 1, "b": 2}))
namespace = {}
exec(compile("z = [i for i in range(3)]", "x", "exec"), namespace)
print(namespace["z"], sorted(k for k in namespace if not k.startswith("__")))

def locals_of(a, b=2):
    c = a + b
    return locals()
print(locals_of(1), vars(Scope)["z"], __name__, callable(print))

def fill(n, memo={}):
    return memo.setdefault(n, n * 2)
fill(1), fill(2)
print(fill.__defaults__, fill.__code__.co_varnames, (lambda: None).__name__)
del x
try:
    x
except NameError as error:
    print(error)
if __name__ == "__main__":
    print("main")
print([print.__name__, __builtins__.__class__.__name__ in ("module", "dict")])
for i in range(2): pass
print(i)
def gen():
    i = "local"
    return [i for _ in range(1)], [i for i in range(1)], i
print(gen())
