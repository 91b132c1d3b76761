data = [5, 3, 8, 1]
if (n := len(data)) > 3:
    print(n)
print([y for x in data if (y := x * 2) > 6], y)
lines = iter(["a", "b", "", "c"])
while line := next(lines):
    print(line)
print({k: v for k, v in zip("abc", range(3)) if v}, {x % 3 for x in range(9)} == {0, 1, 2})
print([(i, j) for i in range(3) for j in range(i) if (i + j) % 2])
matrix = [[1, 2, 3], [4, 5, 6]]
print([list(row) for row in zip(*matrix)], [x for row in matrix for x in row])
x = "outer"
print([x for x in range(2)], x)
print([[f() for f in [lambda i=i: i for i in range(3)]], [f() for f in [lambda: i for i in range(3)]]])
first, *middle, last = range(6)
print(first, middle, last)
(a, b), [c, *d] = (1, 2), "xyz"
print(a, b, c, d)
print([*range(3), *"ab"], {**{"a": 1}, "b": 2, **{"a": 3}}, (*[1], 2))
print(max((word for word in "the quick brown".split()), key=len), sum(1 for _ in data))
print(any(v > 7 for v in data), all(v > 0 for v in data), sorted(data, reverse=True), data[::-1], data[-2:], data[1:3])
data[1:3] = [30, 80, 90]
del data[::2]
print(data)
print(dict.fromkeys("ab", 0), list(enumerate("ab", 1)), list(map(lambda p, q: p + q, [1, 2], [3, 4])))
print(1 < 2 < 3, 1 < 3 > 2, not 1 == 2, 1 if [] else 2, None or "x", 0 and 1, [] or {} or 5)
i = 0
for i in range(3):
    if i == 5:
        break
else:
    print("no break", i)
for k in range(3):
    try:
        if k == 1:
            continue
        print("k", k)
    finally:
        print("f", k)

def swap(p, q):
    return q, p

p, q = swap(1, 2)
p, q = q, p
print(p, q, (lambda *a, **k: (a, k))(1, *[2], z=3, **{"w": 4}))
print([1, 2] < [1, 3], (1, "a") < (1, "b"), "abc" < "abd", [1] == [1.0], {1, 2} < {1, 2, 3})
print(0.1 + 0.2 == 0.3, 7 // 2, -7 // 2, -7 % 3, 7 % -3, 2 ** -1, 2 ** 10, divmod(-7, 2), 5 / 2, ~5, 6 ^ 3, 1 << 10)
