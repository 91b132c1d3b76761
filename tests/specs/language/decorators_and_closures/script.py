import functools
import time

def logged(prefix="call"):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            wrapper.calls += 1
            print(f"{prefix} {function.__name__}{args}{kwargs or ''}")
            return function(*args, **kwargs)
        wrapper.calls = 0
        return wrapper
    return decorate

@logged("->")
def add(a, b=2):
    """Adds."""
    return a + b

print(add(1), add(1, b=5), add.calls, add.__name__, add.__doc__, add.__wrapped__(1, 1))

def retry(times, exceptions=(Exception,)):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for attempt in range(1, times + 1):
                try:
                    return function(*args, **kwargs)
                except exceptions as error:
                    print(f"attempt {attempt}: {error}")
                    if attempt == times:
                        raise
        return wrapper
    return decorate

attempts = iter([1, 1, 0])

@retry(3, (ValueError,))
def flaky():
    if next(attempts):
        raise ValueError("not yet")
    return "fine"

print(flaky())

def counter():
    count = 0
    def increment(by=1):
        nonlocal count
        count += by
        return count
    return increment

one, two = counter(), counter()
print(one(), one(), two(10), one.__closure__[0].cell_contents)

class CountCalls:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function, self.count = function, 0
    def __call__(self, *args):
        self.count += 1
        return self.function(*args)
    def __get__(self, instance, owner):
        return functools.partial(self, instance)

class Greeter:
    @CountCalls
    def hi(self, name):
        return f"hi {name}"

print(Greeter().hi("a"), Greeter().hi("b"), Greeter.__dict__["hi"].count)

def bold(f): return lambda *a: f"<b>{f(*a)}</b>"
def italic(f): return lambda *a: f"<i>{f(*a)}</i>"

@bold
@italic
def text(t): return t
print(text("x"))

def compose(*functions):
    return functools.reduce(lambda f, g: lambda x: g(f(x)), functions)
print(compose(str.strip, str.title, len)("  some words "))

def defaults(item, seen=[]):
    seen.append(item)
    return seen
print(defaults(1), defaults(2))

def signature(a, b, /, c, *args, d, e=5, **kwargs):
    return a, b, c, args, d, e, kwargs
print(signature(1, 2, 3, 4, d=6, z=7))
import inspect
print(inspect.signature(signature), inspect.signature(add))

@property
def odd(self): pass
print(type(odd).__name__)
