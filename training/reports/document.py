"""What a report says, before it is a page or Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from densehybrid_ros.metrics.table import markdown_lines, markdown_text
from densehybrid_ros.training.evaluation.evidence.frames import DrawnPicture
from densehybrid_ros.training.reports.tables import Table, tables


@dataclass(frozen=True)
class Part:
    """One weights file on one set."""

    title: str
    figures: Mapping[str, Any]
    """As `densehybrid evaluate --json` writes them."""
    pictures: Sequence[DrawnPicture] = ()


@dataclass(frozen=True)
class Document:
    """A report on one part, or on several with what they come to together."""

    title: str
    parts: Sequence[Part]
    overview: Sequence[Table] = ()


def facts_of(figures: Mapping[str, Any]) -> str:
    """What was run on what, in one line."""
    pictures = figures.get("pictures", figures.get("frames"))
    split = f"/{figures['split']}" if figures.get("split") else ""
    counted = "" if pictures is None else f", {pictures} pictures"
    return f"{figures['protocol']}{split}, weights {figures['weights']}{counted}"


def markdown_of(document: Document) -> str:
    """All tables; no curves and no pictures."""
    lines = [f"# {markdown_text(document.title)}", ""]
    for table in document.overview:
        lines += [*markdown_lines(table.rows), ""]
    for part in document.parts:
        lines += [f"## {markdown_text(part.title)}", "", markdown_text(facts_of(part.figures)), ""]
        for table in tables(part.figures):
            lines += [f"### {markdown_text(table.title)}", "", *markdown_lines(table.rows), ""]
    return "\n".join(lines)
