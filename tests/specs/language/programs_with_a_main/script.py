import argparse
import logging
import sys
from abc import ABC, abstractmethod
from typing import Iterator

logging.basicConfig(level=logging.INFO, format="%(levelname)s:%(name)s:%(message)s", stream=sys.stdout)
logger = logging.getLogger("shop")

class Shape(ABC):
    def __init__(self, name: str) -> None:
        self.name = name

    @property
    @abstractmethod
    def area(self) -> float: ...

    @abstractmethod
    def scale(self, factor: float) -> "Shape": ...

    def __str__(self) -> str:
        return f"{self.name} with area {self.area:.2f}"

class Square(Shape):
    def __init__(self, side: float):
        super().__init__("square")
        self.side = side

    @property
    def area(self):
        return self.side ** 2

    def scale(self, factor):
        return Square(self.side * factor)

class Inventory:
    def __init__(self):
        self._items: dict[str, int] = {}

    def add(self, name: str, amount: int = 1) -> None:
        if amount <= 0:
            raise ValueError("amount must be positive")
        self._items[name] = self._items.get(name, 0) + amount
        logger.info("added %d %s", amount, name)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        yield from sorted(self._items.items())

    def __len__(self):
        return sum(self._items.values())

def parse_args(argv=None):
    parser = argparse.ArgumentParser(prog="shop", description="Keeps a shop.")
    parser.add_argument("items", nargs="*", default=["apple"])
    parser.add_argument("-n", "--amount", type=int, default=2, help="how many (default: %(default)s)")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--mode", choices=["fast", "slow"], default="fast")
    return parser.parse_args(argv)

def main(argv=None) -> int:
    args = parse_args(argv)
    print(args)
    inventory = Inventory()
    for item in args.items:
        inventory.add(item, args.amount)
    try:
        inventory.add("bad", 0)
    except ValueError as error:
        logger.warning("refused: %s", error)
    print(list(inventory), len(inventory))
    try:
        Shape("x")
    except TypeError as error:
        print(error)
    print(Square(2).scale(3))
    return 0

if __name__ == "__main__":
    main([])
    main(["pear", "fig", "-n", "5", "--verbose"])
    try:
        parse_args(["--mode", "none"])
    except SystemExit as stop:
        print("exit", stop.code)
    parser_help = argparse.ArgumentParser(prog="t", usage="t [x]")
    parser_help.add_argument("x", help="the x")
    print(parser_help.format_help())
