#!/usr/bin/env python3
"""One table of what the peers' programs measured, in Markdown, and a chart of it.

table.py ROWS [CHART.svg]; ROWS has a line of JSON for each figure (`src/figures.rs`)."""

import json
import sys
from xml.sax.saxutils import escape

BAR, GAP, LEFT, WIDTH, RIGHT = 16, 14, 250, 480, 190
COLOURS = ["#1b6ca8", "#e08e0b", "#7a5195", "#b04a5a", "#5b8c5a"]


def read(path):
    """The rows by workload and whether signatures were checked, each name once."""
    groups = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            group = groups.setdefault((row["workload"], row["signatures"]), {})
            group.setdefault(row["name"], row)
    return groups


def title(workload, signatures):
    return f"{workload}, signatures {'checked' if signatures else 'checked beforehand'}"


def table(groups):
    yield "| workload | | a second: median (slowest to fastest) | Sealane's is so many times that |"
    yield "| --- | --- | --- | --- |"
    for (workload, signatures), rows in groups.items():
        first = title(workload, signatures)
        for name, row in rows.items():
            spread = f"{row['median']:,.0f} ({row['min']:,.0f} to {row['max']:,.0f})"
            ratio = "" if name == "Sealane" else f"{row['ratio']:.2f}"
            yield f"| {first} | {name} | {spread} | {ratio} |"
            first = ""


def chart(groups):
    """Bars of the medians; each group has a scale of its own."""
    names = list(dict.fromkeys(name for rows in groups.values() for name in rows))
    parts, y = [], 10
    for (workload, signatures), rows in groups.items():
        y += 18
        parts.append(f'<text x="10" y="{y}" font-weight="bold">{escape(title(workload, signatures))}</text>')
        y += 8
        most = max(row["median"] for row in rows.values())
        for name, row in rows.items():
            length = max(1, WIDTH * row["median"] / most)
            colour = COLOURS[names.index(name) % len(COLOURS)]
            note = f"{row['median']:,.0f} a second"
            if name != "Sealane":
                note += f", 1/{row['ratio']:.1f}"
            text = y + BAR - 4
            parts.append(f'<text x="{LEFT - 8}" y="{text}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>')
            parts.append(f'<text x="{LEFT + length + 6:.1f}" y="{text}">{escape(note)}</text>')
            y += BAR + 3
        y += GAP
    width = LEFT + WIDTH + RIGHT
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{width}" height="{y}" fill="white"/>\n{body}\n</svg>\n'
    )


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    groups = read(sys.argv[1])
    print("\n".join(table(groups)))
    if len(sys.argv) == 3:
        with open(sys.argv[2], "w", encoding="utf-8") as out:
            out.write(chart(groups))


main()
