"""The scripts that several are given alike: what they compute, what they import, how they call their host.

Rows name them. Each must be the same text for all, but for the name of the function that is the host's.
"""

# Each measures itself, so that starting, which has a row of its own, does not count.
TIMED = """import time
{prepare}
def measured():
{body}
begun = time.perf_counter()
measured()
print(time.perf_counter() - begun)
"""

COMPUTE = {
    "fib(24)": ("def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)", "fib(24)"),
    "loop of 10⁶": ("", "total = 0\nfor i in range(1000000):\n    total += i"),
    "200,000 words": (
        "words = [f'w{i % 5000}' for i in range(200000)]",
        "counts = {}\nfor word in words:\n    counts[word] = counts.get(word, 0) + 1",
    ),
    "JSON, 1 MB": (
        "import json\ndata = [{'id': i, 'name': f'name {i}', 'tags': ['a', 'b'], 'price': i * 0.5} for i in range(14000)]",
        "text = json.dumps(data)\njson.loads(text)",
    ),
    "sort 200,000": ("values = [(i * 7919 % 200003) * 0.5 for i in range(200000)]", "sorted(values)\nsorted(values, reverse=True)"),
    "regex, 1 MB": (
        "import re\ntext = 'John Smith <john.smith@example.org> on 2024-03-01; ' * 20000",
        "re.findall(r'[a-z.]+@[a-z.]+', text)\nre.sub(r'\\d+-\\d+-\\d+', 'x', text)",
    ),
}

IMPORTS = """import collections, datetime, json, re
from dataclasses import dataclass

@dataclass(order=True)
class Point:
    x: int
    y: int = 2

points = [Point(i) for i in range(10)]
counts = collections.Counter(re.findall(r"[a-z]+", "the quick brown fox jumps over the lazy dog"))
day = datetime.date(2026, 1, 31) + datetime.timedelta(days=29)
print(json.dumps({"points": len(points), "most": counts.most_common(1), "day": day.isoformat(), "largest": str(max(points))}))
"""

PRINT = "print(1+1)"
PRINTS = "for i in range(300000):\n    print(i)\n"
CALLS = 1000


def timed(name):
    prepare, body = COMPUTE[name]
    return TIMED.format(prepare=prepare, body="\n".join("    " + line for line in body.splitlines()))
