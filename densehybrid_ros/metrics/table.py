"""Figures as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, all others to the right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return [
        "  ".join([name.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, others, strict=True))])
        for name, *cells in rows
    ]


def percent_headings(titles: Mapping[str, str]) -> list[str]:
    """As in "AP %"."""
    return [f"{title} %" for title in titles.values()]


def percent_cells(percents: Mapping[str, float | None]) -> list[str]:
    """Two decimals, or a dash where a figure is undefined."""
    return [percent_text(value) for value in percents.values()]


def percents_text(titles: Mapping[str, str], percents: Mapping[str, Any]) -> str:
    """As in "AP 96.00 %, FPR95 - %"."""
    return ", ".join(f"{title} {percent_text(percents[name])} %" for name, title in titles.items())


def percent_text(value: float | None) -> str:
    """A figure with two decimals, or a dash where it is undefined."""
    return "-" if value is None else f"{value:.2f}"
