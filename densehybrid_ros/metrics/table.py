"""Figures as lines for a terminal, or of Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, all others to the right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return [
        "  ".join([name.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, others, strict=True))])
        for name, *cells in rows
    ]


def markdown_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """The same as a table in Markdown; the first row is the heading."""
    heading, *others = [[markdown_text(cell) for cell in row] for row in rows]
    ruler = ["---", *["---:"] * (len(heading) - 1)]
    return [f"| {' | '.join(row)} |" for row in (heading, ruler, *others)]


def markdown_text(text: str) -> str:
    """As it stands, whatever the text means in Markdown or HTML."""
    return re.sub(r"([\\`*{}\[\]()<>#|!&~]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(text.split()))


def percent_headings(titles: Mapping[str, str]) -> list[str]:
    """As in "AP %"."""
    return [f"{title} %" for title in titles.values()]


Ends = Mapping[str, Sequence[float | None]]
"""Figure → both ends of its interval, in percent."""


def percent_cells(percents: Mapping[str, float | None], intervals: Ends | None = None) -> list[str]:
    """Two decimals, or a dash where a figure is undefined; with the interval, where there are some."""
    ends = intervals or {}
    return [percent_text(value) + interval_text(ends.get(name, ())) for name, value in percents.items()]


def interval_text(ends: Sequence[float | None]) -> str:
    """As in " [88.10, 92.31]"; nothing where there is none."""
    return f" [{', '.join(map(percent_text, ends))}]" if ends else ""


def percents_text(titles: Mapping[str, str], percents: Mapping[str, Any]) -> str:
    """As in "AP 96.00 %, FPR95 - %"."""
    return ", ".join(f"{title} {percent_text(percents[name])} %" for name, title in titles.items())


def percent_text(value: float | None) -> str:
    """A figure with two decimals, or a dash where it is undefined."""
    return "-" if value is None else f"{value:.2f}"
