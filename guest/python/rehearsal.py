"""What scripts do most. The guest's `rehearsal.rs` runs it before the snapshot, as a script; what it makes is forgotten.

Each call of a service is answered with one text (`snapshot/src/initialise.rs`), which is also what the service offers.
"""

import datetime, json, math, re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from services import crm


@dataclass
class Deal:
    name: str
    value: float = 0.0
    tags: list = field(default_factory=list)

    def worth(self, factor=1):
        return self.value * factor


@dataclass(order=True)
class Point:
    x: int
    y: int = 2


class Pipeline:
    def __init__(self, deals):
        self.deals = deals

    def total(self):
        return sum(deal.worth(factor=2) for deal in self.deals)

    def __len__(self):
        return len(self.deals)


def called():
    contacts = crm.contact_list(limit=20)
    contact = crm.contact_add("Ada", email=None)
    return [crm.contact_list(number) for number in range(3)], contacts["summary"], contact["methods"]


def dated():
    day = datetime.date(2026, 1, 31) + datetime.timedelta(days=29)
    return day.isoformat(), str(max([Point(x) for x in range(10)]))


def main():
    called()
    dated()
    deals = [Deal(f"deal {number}", number * 1.5, ["a", "b"]) for number in range(20)]
    pipeline = Pipeline(deals)
    by_tag = defaultdict(list)
    for index, deal in enumerate(sorted(deals, key=lambda deal: -deal.value)):
        for tag in deal.tags:
            by_tag[tag].append(deal.name)
        if index % 2 and deal.value > 3:
            continue
    text = json.dumps({"total": pipeline.total(), "names": by_tag, "count": len(pipeline)}, indent=2)
    words = Counter(re.findall(r"\w+", text.lower()))
    rows = {key: value for key, value in json.loads(text).items() if key != "names"}
    try:
        rows["missing"]
    except KeyError as error:
        print(error, rows.get("total"), math.sqrt(4), words.most_common(2), end="")
    print(*[f"{deal.name:<10} {deal.value:>8.2f}" for deal in deals[:3]], sep=", ", end="")
    while len(deals) > 1:
        deals.pop()
    return " ".join(part.strip() for part in "a, b, c".split(","))


if __name__ == "__main__":
    main()
    import _sandgate_services

    _sandgate_services.forget()
