"""A little of everything that scripts compute: what tests count the instructions of."""

import json
import re
from collections import Counter


class Account:
    def __init__(self, owner):
        self.owner = owner
        self.entries = []

    def add(self, amount, **notes):
        self.entries.append({"amount": amount, **notes})
        return self

    @property
    def balance(self):
        return sum(entry["amount"] for entry in self.entries)


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def squares(n):
    for i in range(n):
        yield i * i


accounts = [Account(f"owner {n % 7}") for n in range(50)]
for n in range(500):
    accounts[n % 50].add(n, day=n % 31, open=n % 3 == 0)
text = json.dumps([{"owner": a.owner, "balance": a.balance} for a in accounts])
found = Counter(re.findall(r"owner \d", text)).most_common(2)
try:
    {}["missing"]
except KeyError as error:
    found.append(str(error))
ordered = sorted(json.loads(text), key=lambda a: (-a["balance"], a["owner"]))
words = " ".join(str(n) for n in range(500)).split()
print(fib(12), sum(squares(300)), found, ordered[0]["balance"], len({w: len(w) for w in words}))
