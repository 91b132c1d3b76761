"""The first script of the README: ordinary Python, run in the sandbox."""

import sys
from dataclasses import dataclass


@dataclass
class Greeting:
    name: str

    def __str__(self):
        return f"Hello, {self.name}!"


names = sys.argv[1:] or ["sandbox"]
for name in names:
    print(Greeting(name))

{"greeted": len(names), "platform": sys.platform}
