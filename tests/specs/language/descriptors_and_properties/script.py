class Positive:
    def __set_name__(self, owner, name):
        self.public, self.name = name, "_" + name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        return getattr(instance, self.name, 0)

    def __set__(self, instance, value):
        if value <= 0:
            raise ValueError(f"{self.public} must be positive, not {value}")
        setattr(instance, self.name, value)

class Item:
    price = Positive()
    amount = Positive()

    def __init__(self, price, amount):
        self.price, self.amount = price, amount

    @property
    def total(self):
        """Price of all."""
        return self.price * self.amount

    @total.setter
    def total(self, value):
        self.price = value / self.amount

    @total.deleter
    def total(self):
        print("deleted")

item = Item(3, 4)
item.total = 20
print(item.total, item.price, item.__dict__)
del item.total
try:
    item.price = -1
except ValueError as error:
    print(error)
print(type(Item.price).__name__, Item.total.__doc__)

class Lazy:
    def __init__(self, function):
        self.function = function
        self.name = function.__name__

    def __get__(self, instance, owner):
        print("computing", self.name)
        value = instance.__dict__[self.name] = self.function(instance)
        return value

class Report:
    @Lazy
    def rows(self):
        return [1, 2, 3]

r = Report()
print(r.rows, r.rows)

class Dynamic:
    def __getattr__(self, name):
        if name.startswith("get_"):
            return lambda: name[4:]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name, value):
        super().__setattr__(name, value * 2)

d = Dynamic()
d.x = 4
print(d.x, d.get_color(), hasattr(d, "y"), getattr(d, "y", "default"))

class Temperature:
    def __init__(self):
        self._c = 0

    fahrenheit = property(lambda self: self._c * 9 / 5 + 32)

print(Temperature().fahrenheit)
try:
    Temperature().fahrenheit = 3
except AttributeError as error:
    print(error)

class Meta:
    @staticmethod
    def s(x):
        return x

    @classmethod
    def c(cls):
        return cls.__name__

class Sub(Meta):
    pass

print(Sub.s(1), Sub().c(), Meta.c())
