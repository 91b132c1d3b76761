from __future__ import annotations
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from pandas import DataFrame

def load(frame: DataFrame, limit: Optional[int] = None) -> dict[str, Undefined]:
    rows: list[Missing] = []
    return {"limit": limit, "rows": rows}

class Tree:
    left: Tree | None = None
    def insert(self, value: int) -> Tree:
        return self

print(load(None, 3), load.__annotations__, Tree.__annotations__, Tree().insert(1).left)
