import itertools

def countdown(n):
    while n:
        received = yield n
        if received is not None:
            n = received
        else:
            n -= 1
    return "done"

g = countdown(3)
print(next(g), g.send(10), next(g))
g.close()
print(list(countdown(4)))

def delegating():
    result = yield from countdown(2)
    yield result
    yield from "ab"
    yield from {"k": 1}

print(list(delegating()))

def guarded():
    try:
        yield 1
        yield 2
    except ValueError as error:
        yield f"caught {error}"
    finally:
        print("cleanup")

g = guarded()
next(g)
print(g.throw(ValueError("bad")))
print(next(g, "exhausted"))

def flatten(items):
    for item in items:
        if isinstance(item, (list, tuple)):
            yield from flatten(item)
        else:
            yield item

print(list(flatten([1, [2, (3, [4])], []])))

def primes():
    sieve = {}
    for n in itertools.count(2):
        if n not in sieve:
            yield n
            sieve[n * n] = [n]
        else:
            for p in sieve.pop(n):
                sieve.setdefault(n + p, []).append(p)

print(list(itertools.islice(primes(), 10)))
print(sum(x * x for x in range(5)), (x for x in ()).__class__.__name__)

def pipeline(lines):
    stripped = (line.strip() for line in lines)
    numbers = (int(line) for line in stripped if line)
    return (n * 2 for n in numbers)

print(list(pipeline([" 1 ", "", "2"])))

def accumulate():
    total = count = 0
    average = None
    while True:
        total += yield average
        count += 1
        average = total / count

a = accumulate()
next(a)
print([a.send(x) for x in (10, 20, 30)])
try:
    next(iter([]))
except StopIteration as stop:
    print(repr(stop), stop.value)

class Tree:
    def __init__(self, value, left=None, right=None):
        self.value, self.left, self.right = value, left, right

    def __iter__(self):
        if self.left:
            yield from self.left
        yield self.value
        if self.right:
            yield from self.right

print(list(Tree(2, Tree(1), Tree(3))))
