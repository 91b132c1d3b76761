"""Plots as SVG, written by hand: ratios as bars, and what grows as lines. Both scales are logarithmic.

Both commands draw with it. A plot must be readable on a light and on a dark page, and say what, when and where was measured.
"""

import math
import textwrap
from xml.sax.saxutils import escape

STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .small { font-size: 11px; fill: #59636e; } .title { font-size: 15px; font-weight: 600; }
  .better { fill: #1a7f37; stroke: #1a7f37; } .worse { fill: #bc4c00; stroke: #bc4c00; }
  .grid { stroke: #d1d9e0; } .one { stroke: #59636e; stroke-width: 1.5; } .target { stroke: #0969da; stroke-width: 3; }
  .s0 { stroke: #0969da; fill: #0969da; } .s1 { stroke: #bc4c00; fill: #bc4c00; } .s2 { stroke: #1a7f37; fill: #1a7f37; } .s3 { stroke: #8250df; fill: #8250df; }
  .s4 { stroke: #6e7781; fill: #6e7781; }
  path { fill: none !important; stroke-width: 2; } .page { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; } .page { fill: #0d1117; } .grid { stroke: #3d444d; } .one { stroke: #9198a1; }
    .better { fill: #3fb950; stroke: #3fb950; } .worse { fill: #f0883e; stroke: #f0883e; } .target { stroke: #4493f8; }
    .s0 { stroke: #4493f8; fill: #4493f8; } .s1 { stroke: #f0883e; fill: #f0883e; } .s2 { stroke: #3fb950; fill: #3fb950; } .s3 { stroke: #ab7df8; fill: #ab7df8; } .s4 { stroke: #9198a1; fill: #9198a1; }
  }
"""
WIDTH = 860


class Picture:
    """Elements one after the other."""

    def __init__(self, title, height):
        self.title = title
        self.height = height
        self.parts = []

    def text(self, x, y, words, kind="", anchor="start"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(str(words))}</text>')

    def line(self, x1, y1, x2, y2, kind):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>')

    def svg(self):
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" height="{self.height}" role="img">'
        page = f'<rect class="page" width="{WIDTH}" height="{self.height}"/>'
        return "\n".join([head, f"<title>{escape(self.title)}</title>", f"<style>{STYLE}</style>", page, *self.parts, "</svg>"]) + "\n"


def wrapped(sentences):
    """What stands below a plot, in lines that are no wider than it."""
    return [line for sentence in sentences for line in textwrap.wrap(sentence, 140)]


def caption(picture, lines, y):
    for number, line in enumerate(lines):
        picture.text(16, y + 15 * number, line, "small")


def number(value):
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def bars(title, rows, below):
    """Ratios: rows are what, whom it is compared with, the ratio, its least and most, and what it is to be at most."""
    step, top, left, right = 24, 70, 430, 60
    below = wrapped(below)
    low = min([0.1, *(row["ratio"] for row in rows)]) / 1.15
    high = max([10, *(row["ratio"] for row in rows)]) * 1.15
    picture = Picture(title, top + step * len(rows) + 40 + 15 * len(below))
    place = lambda ratio: left + (WIDTH - left - right) * math.log(min(max(ratio, low), high) / low) / math.log(high / low)
    picture.text(16, 26, title, "title")
    picture.text(16, 46, "← sandgate takes less · the other takes less → (1 is the same; a blue mark is what it is to be at most)", "small")
    bottom = top + step * len(rows)
    for tick in (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100):
        if low <= tick <= high:
            picture.line(place(tick), top - 6, place(tick), bottom, "one" if tick == 1 else "grid")
            picture.text(place(tick), bottom + 14, f"{tick:g}", "small", "middle")
    for index, row in enumerate(rows):
        y = top + step * index
        picture.text(16, y + 14, row["what"])
        picture.text(left - 14, y + 14, f"/ {row['rival']}", "small", "end")
        start, end = sorted((place(1), place(row["ratio"])))
        kind = "better" if row["ratio"] <= 1 else "worse"
        picture.parts.append(f'<rect x="{start:.1f}" y="{y + 4}" width="{max(end - start, 1.5):.1f}" height="13" rx="2" class="{kind}" fill-opacity="0.75"/>')
        picture.line(place(row["least"]), y + 10.5, place(row["most"]), y + 10.5, "one")
        if row.get("target"):
            picture.line(place(row["target"]), y + 1, place(row["target"]), y + 20, "target")
        picture.text(WIDTH - 12, y + 14, number(row["ratio"]), "", "end")
    caption(picture, below, bottom + 38)
    return picture.svg()


def _ticks(low, high):
    return [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) if low <= 10.0**power <= high]


def lines(title, across, up, series, below):
    """What grows: each series is a name and its points, both of whose coordinates are more than nothing."""
    top, left, right, height = 60, 80, 190, 300
    below = wrapped(below)
    xs = [x for _, points in series for x, _ in points]
    ys = [y for _, points in series for _, y in points]
    low_x, high_x, low_y, high_y = min(xs), max(xs), min(ys) / 1.3, max(ys) * 1.3
    picture = Picture(title, top + height + 60 + 15 * len(below))
    part = lambda value, low, high: math.log(value / low) / math.log(high / low) if high > low else 0.5
    at_x = lambda x: left + (WIDTH - left - right) * part(x, low_x, high_x)
    at_y = lambda y: top + height * (1 - part(y, low_y, high_y))
    picture.text(16, 26, title, "title")
    picture.text(16, 46, up, "small")
    for tick in _ticks(low_y, high_y):
        picture.line(left, at_y(tick), WIDTH - right, at_y(tick), "grid")
        picture.text(left - 8, at_y(tick) + 4, f"{tick:,g}", "small", "end")
    for tick in sorted(set(xs)):
        picture.line(at_x(tick), top, at_x(tick), top + height, "grid")
        picture.text(at_x(tick), top + height + 16, f"{tick:,g}", "small", "middle")
    picture.text((left + WIDTH - right) / 2, top + height + 34, across, "small", "middle")
    taken = []
    for index, (name, points) in enumerate(series):
        kind = f"s{index % 5}"
        path = " ".join(f"{'M' if n == 0 else 'L'}{at_x(x):.1f},{at_y(y):.1f}" for n, (x, y) in enumerate(points))
        picture.parts.append(f'<path d="{path}" class="{kind}"/>')
        for x, y in points:
            picture.parts.append(f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3" class="{kind}"/>')
        # Names that would lie upon each other go below.
        y = at_y(points[-1][1]) + 4
        while any(abs(y - other) < 30 for other in taken):
            y += 6
        taken.append(y)
        picture.text(at_x(points[-1][0]) + 8, y, name)
        picture.text(at_x(points[-1][0]) + 8, y + 14, f"{number(points[0][1])} to {number(points[-1][1])}", "small")
    caption(picture, below, top + height + 58)
    return picture.svg()
