"""Scores of several weights on several sets, side by side: a row for each score of each weights, columns by set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densehybrid_ros.metrics.components import Components
from densehybrid_ros.metrics.open_set import OpenSet
from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.segmentation import Segmentation
from densehybrid_ros.metrics.table import interval_text, percent_text
from densehybrid_ros.training.evaluation.evidence.frames import DrawnPicture
from densehybrid_ros.training.evaluation.validate import HYBRID, SCORE_PARTS
from densehybrid_ros.training.reports.tables import Table, figure_text

SECTIONS = ("scores", "components", "open_set")
"""Of the figures, those by score."""
FIGURES: dict[str, str] = {
    **Ranking.titles(),
    **Components.titles(),
    **Segmentation.titles(),
    **{name: title for name, title in OpenSet.titles().items() if title not in Segmentation.titles().values()},
}
"""That can be compared, and what readers call them."""
UNDEFINED = percent_text(None)


@dataclass(frozen=True)
class Compared:
    """Weights on a set."""

    weights: str
    """As readers call them."""
    dataset: str
    figures: Mapping[str, Any]
    """As `densehybrid evaluate --json` writes them."""
    pictures: Sequence[DrawnPicture] = ()
    """The best and the worst."""


@dataclass(frozen=True)
class Column:
    """One figure on one set."""

    dataset: str
    name: str
    title: str

    def text(self, figures: Mapping[str, Any], score: str) -> str:
        """In percent, with its interval if there is one; a dash where it is undefined or was not computed."""
        for section in SECTIONS:
            if self.name in figures.get(section, {}).get(score, {}):
                return figure_text(figures, section, score, self.name)
        return percent_text(figures.get(self.name)) + interval_text(figures.get("intervals", {}).get(self.name, ()))


def comparison_table(results: Sequence[Compared], names: Sequence[str] = tuple(FIGURES)) -> Table:
    """Figures that nobody has are left out; the name of the set stands above its figures if there are several.

    Args:
        names: of FIGURES, in the order of the columns.
    """
    by_place = {(each.weights, each.dataset): each.figures for each in results}
    datasets = list(dict.fromkeys(each.dataset for each in results))
    columns = [column for dataset in datasets for column in _columns(results, dataset, names)]
    rows = [["weights", "score", *(_heading(column, len(datasets) > 1) for column in columns)]]
    for weights, score in _methods(results):
        rows.append([weights, score, *(column.text(by_place[weights, column.dataset], score) for column in columns)])
    several_weights = len({each.weights for each in results}) > 1
    return Table("Comparison", rows if several_weights else [row[1:] for row in rows])


def hybrid_gain_table(results: Sequence[Compared]) -> Table | None:
    """What the hybrid score adds to the better of its parts, in points of AP; None where they are never known."""
    rows = [["weights", "better part", "its AP %", "hybrid AP %", "gain"]]
    for each in results:
        ap = {name: found["ap"] for name, found in each.figures["scores"].items()}
        known = [ap.get(name) for name in (HYBRID, *SCORE_PARTS)]
        if None in known:
            continue
        part = max(SCORE_PARTS, key=ap.__getitem__)
        numbers = f"{ap[part]:.2f}", f"{ap[HYBRID]:.2f}", f"{ap[HYBRID] - ap[part]:+.2f}"
        rows.append([each.weights, part, *numbers])
    return Table("What the hybrid score adds", rows) if len(rows) > 1 else None


def distinct_names(paths: Sequence[str]) -> list[str]:
    """The stem of each file, or its path where several have that stem."""
    stems = [Path(path).stem for path in paths]
    return [stem if Counter(stems)[stem] == 1 else path for stem, path in zip(stems, paths, strict=True)]


def _methods(results: Sequence[Compared]) -> list[tuple[str, str]]:
    """Weights and score, by weights; "-" for the segmentation of weights without a score."""
    found = [(each.weights, score) for each in results for score in each.figures["scores"] or ["-"]]
    order = list(dict.fromkeys(each.weights for each in results))
    return sorted(dict.fromkeys(found), key=lambda method: order.index(method[0]))


def _columns(results: Sequence[Compared], dataset: str, names: Sequence[str]) -> list[Column]:
    columns = [Column(dataset, name, FIGURES[name]) for name in names]
    here = [each.figures for each in results if each.dataset == dataset]
    return [
        column
        for column in columns
        if any(column.text(figures, score) != UNDEFINED for figures in here for score in figures["scores"] or ["-"])
    ]


def _heading(column: Column, several: bool) -> str:
    return f"{column.dataset} {column.title} %" if several else f"{column.title} %"
