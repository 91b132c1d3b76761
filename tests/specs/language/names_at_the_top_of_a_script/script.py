class Upper(dict):
    def __missing__(self, key):
        if key.isupper():
            return f"made {key}"
        raise KeyError(key)


class Watched(dict):
    def __getitem__(self, key):
        print("asked", key)
        return super().__getitem__(key)


exec("print(HELLO)", {}, Upper())
exec("print(len('abc'))", {}, Watched(x=1))
exec("print(x)", {"x": 1}, Watched(x=2))
exec("print(x, len('ab'))", {"x": 1, "len": lambda text: "mine"})
try:
    exec("print(missing)", {}, Watched())
except NameError as error:
    print(error)
try:
    exec("print(missing)")
except NameError as error:
    print(error)


class Meta(type):
    @classmethod
    def __prepare__(mcs, name, bases):
        return Upper()


class Made(metaclass=Meta):
    value = NAME
    size = len("four")


print(Made.value, Made.size)
x = "global"


class Body:
    y = x
    x = "class"
    z = x
    del x
    w = x


print(Body.y, Body.z, Body.w)
import builtins

builtins.added = 7
print(added)
len = lambda text: "shadowed"
print(len("abc"))
del len
print(len("abc"))
try:
    nothing
except NameError as error:
    print(error, error.name)
exec("print(added, __name__)", {"__builtins__": {"print": print, "added": 8}, "__name__": "own"})


class Globals(dict):
    def __getitem__(self, key):
        if key == "special":
            return "from globals"
        return super().__getitem__(key)


try:
    exec("print(special)", Globals(print=print))
except NameError as error:
    print(error)
