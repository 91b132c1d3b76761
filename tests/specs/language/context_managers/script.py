import contextlib
import io

class Managed:
    def __init__(self, name, swallow=False):
        self.name, self.swallow = name, swallow

    def __enter__(self):
        print("enter", self.name)
        return self

    def __exit__(self, kind, value, traceback):
        print("exit", self.name, kind and kind.__name__, value)
        return self.swallow

with Managed("a") as a, Managed("b", swallow=True) as b:
    print(a.name, b.name)
    raise KeyError("inside")
print("after")

with (
    Managed("c"),
    Managed("d"),
):
    pass

@contextlib.contextmanager
def tag(name):
    print(f"<{name}>")
    try:
        yield name.upper()
    except ValueError as error:
        print("handled", error)
    finally:
        print(f"</{name}>")

with tag("p") as upper:
    print(upper)
    raise ValueError("oops")

@tag("decorated")
def speak():
    print("speaking")

speak()

with contextlib.ExitStack() as stack:
    names = [stack.enter_context(tag(n)) for n in "xy"]
    stack.callback(print, "callback")
    print(names)

with contextlib.suppress(ZeroDivisionError):
    1 / 0

buffer = io.StringIO()
with contextlib.redirect_stdout(buffer):
    print("captured")
print(repr(buffer.getvalue()))

with contextlib.closing(io.StringIO("text")) as f:
    print(f.read())
print(f.closed)

try:
    with tag("outer"), tag("inner"):
        raise RuntimeError("not handled")
except RuntimeError as error:
    print("outside", error)

with contextlib.nullcontext(5) as five:
    print(five)

import asyncio

@contextlib.asynccontextmanager
async def session():
    print("open")
    yield "s"
    print("close")

async def main():
    async with session() as s:
        print(s)

asyncio.run(main())
