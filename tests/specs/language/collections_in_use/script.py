from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple, UserDict
import heapq, bisect

c = Counter("mississippi")
print(c, c.most_common(2), c["z"], c + Counter("mm"), c - Counter("ssss"), c & Counter("sip"), c.total(), sorted(c.elements())[:3])
c.update("zz"); c.subtract({"i": 10})
print(+c, dict(c))
groups = defaultdict(list)
for word in "the cat sat on the mat".split():
    groups[len(word)].append(word)
print(groups, dict(groups), groups[99], defaultdict(int, {"a": 1}))
d = deque([1, 2, 3], maxlen=3)
d.append(4); d.appendleft(0); d.rotate(1)
print(d, d[0], d.pop(), d.popleft(), list(d), deque("ab") + deque("c"))
Point = namedtuple("Point", "x y z", defaults=[0])
p = Point(1, 2)
print(p, p.x, p[1], p._replace(x=5), p._asdict(), Point._fields, Point(*[1, 2, 3]), p == (1, 2, 0), [*p])
o = OrderedDict(a=1, b=2); o.move_to_end("a"); print(o, o.popitem(last=False), ChainMap({"a": 1}, {"a": 2, "b": 3})["b"])
h = [5, 2, 8, 1]
heapq.heapify(h); heapq.heappush(h, 0)
print(h, [heapq.heappop(h) for _ in range(3)], heapq.nlargest(2, [1, 5, 3]), heapq.nsmallest(2, ["bb", "a", "ccc"], key=len), list(heapq.merge([1, 4], [2, 3])), heapq.heappushpop(h, 3))
xs = [1, 3, 3, 7]
print(bisect.bisect(xs, 3), bisect.bisect_left(xs, 3), bisect.insort(xs, 4), xs)

def dijkstra(graph, start):
    distance, queue = {start: 0}, [(0, start)]
    while queue:
        cost, node = heapq.heappop(queue)
        for other, weight in graph.get(node, {}).items():
            if cost + weight < distance.get(other, float("inf")):
                distance[other] = cost + weight
                heapq.heappush(queue, (cost + weight, other))
    return distance
print(dijkstra({"a": {"b": 1, "c": 5}, "b": {"c": 2}}, "a"))

d = {"b": 1, "a": 2}
print(sorted(d), sorted(d.items(), key=lambda kv: kv[1]), d | {"c": 3}, {**d, "a": 9}, d.get("z", 0), d.setdefault("q", []), d.pop("b"), list(reversed(d)), d.keys() & {"a"}, d.items())
try:
    for k in d:
        d[k + "x"] = 1
except RuntimeError as error:
    print(error)
records = [("x", 2), ("y", 1), ("z", 2), ("w", 1)]
print(sorted(records, key=lambda r: r[1]), sorted(records, key=lambda r: r[1], reverse=True), sorted(records, key=lambda r: (-r[1], r[0])))
print({1, 2} | {3}, {1, 2, 3} - {2}, {1, 2} ^ {2, 3}, frozenset([1]) | {2}, {1} <= {1, 2}, {1}.isdisjoint({2}), set("aab") == {"a", "b"})
a = [[0] * 2] * 2
a[0][0] = 1
b = [[0] * 2 for _ in range(2)]
b[0][0] = 1
print(a, b, [1, 2].index(2), [3, 1].sort(), list("abc")[::-1], [1, 2, 3].count(2), [0] * 3, [[]] + [1])

class Upper(UserDict):
    def __setitem__(self, k, v): super().__setitem__(k.upper(), v)
u = Upper(a=1); u["b"] = 2; print(u, "A" in u)

class LRU(OrderedDict):
    def __init__(self, size): super().__init__(); self.size = size
    def __setitem__(self, k, v):
        super().__setitem__(k, v)
        if len(self) > self.size: self.popitem(last=False)
l = LRU(2)
for k in "abc": l[k] = 1
print(l)
