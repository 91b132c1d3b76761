class Registry(type):
    classes = {}

    def __new__(mcls, name, bases, namespace, **options):
        cls = super().__new__(mcls, name, bases, namespace)
        mcls.classes[options.get("key", name.lower())] = cls
        return cls

    def __init__(cls, name, bases, namespace, **options):
        super().__init__(name, bases, namespace)

    def __call__(cls, *args, **kwargs):
        print("making", cls.__name__)
        return super().__call__(*args, **kwargs)

    def __len__(cls):
        return 42

    def __contains__(cls, item):
        return item == "x"

class Base(metaclass=Registry):
    pass

class Child(Base, key="kid"):
    def __init__(self, x):
        self.x = x

print(Registry.classes, Child(3).x, len(Child), "x" in Child, type(Child).__name__)

class Singleton(type):
    _instances = {}

    def __call__(cls, *args):
        if cls not in cls._instances:
            cls._instances[cls] = super().__call__(*args)
        return cls._instances[cls]

class Config(metaclass=Singleton):
    pass

print(Config() is Config())

class Plugin:
    plugins = []

    def __init_subclass__(cls, /, name=None, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.plugins.append(name or cls.__name__)

    def __class_getitem__(cls, item):
        return f"{cls.__name__}[{item}]"

class A(Plugin, name="first"): pass
class B(Plugin): pass
print(Plugin.plugins, Plugin[3])

class X: 
    def who(self): return ["X"]
class Y(X):
    def who(self): return ["Y"] + super().who()
class Z(X):
    def who(self): return ["Z"] + super().who()
class W(Y, Z):
    def who(self): return ["W"] + super().who()
print(W().who(), [c.__name__ for c in W.__mro__])

try:
    class Bad(Y, X, Y): pass
except TypeError as error:
    print(error)
try:
    class Worse(X, Y): pass
except TypeError as error:
    print("no order")

Made = type("Made", (X,), {"value": 5, "double": lambda self: self.value * 2})
print(Made().double(), Made.__name__, Made().who())

class Slotted:
    __slots__ = ("a", "b")
    def __init__(self): self.a = 1

s = Slotted()
print(s.a, hasattr(s, "b"), hasattr(s, "__dict__"))
try:
    s.c = 1
except AttributeError as error:
    print(error)

class Prepared(type):
    @classmethod
    def __prepare__(mcls, name, bases):
        return {"injected": "yes"}

class P(metaclass=Prepared):
    seen = injected

print(P.seen)
print(isinstance(True, int), issubclass(bool, int), type(type))
