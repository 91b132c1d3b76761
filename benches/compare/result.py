"""What a comparison came to: as JSON, as a table for people, as a plot.

`__main__.py` writes it. It must say of each row that was asked for what came of it: a ratio, or why there is none.
"""

import json

from measuring import plot

MACHINE = "All of a pair in turns in one process tree, medians of paired ratios; thin line: smallest and largest of all turns."


def short(seconds, unit="s"):
    """Seconds, or bytes, in the unit in which they are read best."""
    if seconds is None:
        return ""
    if unit == "B":
        return f"{seconds / 2**20:.2f} MiB"
    for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1 or factor == 1e6:
            return f"{plot.number(seconds * factor)} {name}"
    return ""


def verdict(row, measured):
    """Whether a row is what it is to be, and otherwise by how much it is not."""
    parts = measured.get("parts", [])
    over = [part["name"] for part in parts if row.most_of_a_part and part["ratio"] > row.most_of_a_part]
    if row.most is None and row.bound is None:
        return ""
    value, most = (measured.get("ratio"), row.most) if row.most is not None else (measured["ours"], row.bound)
    said = f"to be ≤ {most:g}" if row.most is not None else f"to be ≤ {short(most)}"
    met = "met" if value <= most else f"missed by {100 * (value / most - 1):.0f} %"
    if over:
        met += f"; over {row.most_of_a_part:g}: {', '.join(over)}"
    return f"{said}: {met}"


class Result:
    """Rows that were measured, with where and in what."""

    def __init__(self, head):
        self.head = head
        self.rows = []

    def add(self, row, measured):
        about = {"row": row.name, "what": row.what, "rival": row.rival, "unit": row.unit, "at_most": row.most, "ours_at_most": row.bound}
        if "missing" not in measured:
            measured["verdict"] = verdict(row, measured)
        self.rows.append({**about, **measured})

    def json(self):
        return json.dumps({**self.head, "rows": self.rows}, indent=1, ensure_ascii=False) + "\n"

    def table(self):
        """Markdown."""
        head = self.head
        lines = [
            f"# {head['date']}: sandgate beside others",
            "",
            f"`python3 benches/compare{head['arguments']}`; {head['machine']}.",
            f"{head['sandgate']}; {head['build']}. Others: " + ", ".join(f"{name} {version}" for name, version in head["versions"].items()) + ".",
            "",
            f"{MACHINE} A ratio under 1 means that sandgate takes less.",
            "",
            "| what | beside | ours | theirs | ratio | smallest to largest | processor | |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            lines.append(self._line(row))
        for row in self.rows:
            if row.get("parts"):
                lines += ["", f"## {row['what']}, beside {row['rival']}", "", "| | ours | theirs | ratio | processor |", "|---|---|---|---|---|"]
                for part in sorted(row["parts"], key=lambda part: -part["ratio"]):
                    processor = part["processor_ratio"]
                    lines.append(
                        f"| {part['name']} | {short(part['ours'])} | {short(part['theirs'])} | {part['ratio']:.2f} | {f'{processor:.2f}' if processor else ''} |"
                    )
                lines += ["", *(f"Not measured: {failed}" for failed in row.get("failed", []))]
        notes = [f"{row['what']}: {row['note']}." for row in self.rows if "note" in row]
        missing = [f"{name} could not be installed: {why}" for name, why in head["missing"].items()]
        return "\n".join([*lines, "", *notes, *missing]).rstrip() + "\n"

    @staticmethod
    def _line(row):
        if "missing" in row:
            return f"| {row['what']} | {row['rival']} | | | | | | not measured: {row['missing']} |"
        ratio, unit = row.get("ratio"), row["unit"]
        spread = f"{plot.number(row['least'])} to {plot.number(row['most'])}" if "least" in row else ""
        processor = f"{row['processor_ratio']:.2f}" if row.get("processor_ratio") else ""
        cells = [row["what"], row["rival"], short(row.get("ours"), unit), short(row.get("theirs"), unit)]
        return "| " + " | ".join([*cells, f"{ratio:.2f}" if ratio else "", spread, processor, row["verdict"]]) + " |"

    def plot(self):
        """Those that have a ratio."""
        rows = [
            {"what": row["what"], "rival": row["rival"], "ratio": row["ratio"], "least": row.get("least", row["ratio"]), "most": row.get("most", row["ratio"]), "target": row["at_most"]}
            for row in self.rows
            if row.get("ratio")
        ]
        head = self.head
        versions = ", ".join(f"{name} {version}" for name, version in head["versions"].items())
        below = [
            f"{head['date']}, {head['machine']}; {head['sandgate']}, {head['build']}.",
            f"Beside {versions}. {MACHINE}",
            "Monty runs a subset of Python, modebox JavaScript. A call of sandgate's goes to a service on a socket, is decided by a policy and written down; those of others are functions of their host.",
        ]
        return plot.bars("Time and memory of sandgate, divided by another's", rows, below)
