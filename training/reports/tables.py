"""The tables of a report, of the figures that `densehybrid evaluate --json` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from densehybrid_ros.metrics.components import Components
from densehybrid_ros.metrics.open_set import OpenSet
from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.segmentation import Segmentation
from densehybrid_ros.metrics.table import Ends, interval_text, percent_cells, percent_headings, percent_text


@dataclass(frozen=True)
class Table:
    """The first of the rows is the heading."""

    title: str
    rows: Sequence[Sequence[str]]


def figure_text(figures: Mapping[str, Any], section: str, score: str, name: str) -> str:
    """A figure of a score with two decimals, and its interval where `figures` has one: 90.12 [88.10, 92.31]."""
    intervals = figures.get("intervals", {}).get(section, {}).get(score, {})
    overall = intervals[0] if isinstance(intervals, list) else intervals  # by range: all pixels come first
    ends = overall.get(name)
    return percent_text(figures[section][score].get(name)) + interval_text(ends or ())


def scores_table(figures: Mapping[str, Any]) -> Table | None:
    rows = [[score, *_texts(figures, "scores", score, Ranking.titles())] for score in figures["scores"]]
    return _table("Scores", ["score", *percent_headings(Ranking.titles())], rows)


def components_table(figures: Mapping[str, Any]) -> Table | None:
    titles = {"pixel_f1": "F1 of pixels"} | Components.titles()
    rows = [
        [score, *_texts(figures, "components", score, titles), f"{found['threshold']:.3f}"]
        for score, found in figures.get("components", {}).items()
    ]
    return _table("Whole things", ["score", *percent_headings(titles), "threshold"], rows)


def open_set_table(figures: Mapping[str, Any]) -> Table | None:
    titles, found = OpenSet.titles(), figures.get("open_set", {})
    rows = [[score, *_texts(figures, "open_set", score, titles)] for score in found]
    return _table("Open set", ["score", *percent_headings(titles)], rows)


def segmentation_table(figures: Mapping[str, Any]) -> Table | None:
    """The mean first, then every class; no table for sets without classes."""
    drawn = figures.get("intervals", {})
    known = {name: figures.get(name) for name in Segmentation.titles()}
    rows = [
        [Segmentation.titles()[name], percent_text(value) + interval_text(drawn.get(name, ()))]
        for name, value in known.items()
        if value is not None
    ]
    by_class = drawn.get("iou", {})
    rows += [
        [name, percent_text(value) + interval_text(by_class.get(name, ()))]
        for name, value in figures.get("iou", {}).items()
    ]
    return _table("Segmentation", ["class", "IoU %"], rows)


def calibration_table(figures: Mapping[str, Any]) -> Table | None:
    rows = [
        [
            each["score"],
            *(f"{100 * each[name]:.2f}" for name in ("target_tpr", "tpr", "fpr")),
            f"{each['threshold']:.3f}",
        ]
        for each in figures.get("target_tpr", [])
    ]
    return _table("Calibration", ["score", "promised TPR %", "TPR %", "FPR %", "threshold"], rows)


def range_tables(figures: Mapping[str, Any]) -> list[Table]:
    """One for each score, where distances were read."""
    heading = ["range m", *percent_headings(Ranking.titles()), "inlier px", "anomalous px"]
    drawn = figures.get("intervals", {}).get("scores", {})
    tables = [
        _table(f"By range: {score}", heading, _range_rows(found, drawn.get(score, ())))
        for score, found in figures["scores"].items()
        if found.get("by_range")
    ]
    return [table for table in tables if table is not None]


def extremes_table(figures: Mapping[str, Any]) -> Table | None:
    rows = [
        [each["name"], each["among"], *percent_cells(_of(each, Ranking.titles()))]
        for each in figures.get("extremes", [])
    ]
    return _table("Best and worst pictures", ["picture", "among", *percent_headings(Ranking.titles())], rows)


def tables(figures: Mapping[str, Any]) -> list[Table]:
    """All that the figures have."""
    makers = (scores_table, components_table, open_set_table, segmentation_table, calibration_table, extremes_table)
    made = [make(figures) for make in makers]
    return [table for table in made if table is not None] + range_tables(figures)


def _table(title: str, heading: list[str], rows: list[list[str]]) -> Table | None:
    return Table(title, [heading, *rows]) if rows else None


def _texts(figures: Mapping[str, Any], section: str, score: str, titles: Mapping[str, str]) -> list[str]:
    return [figure_text(figures, section, score, name) for name in titles]


def _range_rows(found: Mapping[str, Any], drawn: Sequence[Ends]) -> list[list[str]]:
    """All pixels first, then each bin; `drawn` in the same order, where there are intervals."""
    bins = found["by_range"]
    names = ["all", *(f"{each['low']:g}-{each['high']:g}" for each in bins)]
    return list(map(_range_row, names, [found, *bins], drawn or [{}] * len(names)))


def _range_row(name: str, found: Mapping[str, Any], ends: Ends) -> list[str]:
    counts = [str(found["inlier_pixels"]), str(found["anomalous_pixels"])]
    return [name, *percent_cells(_of(found, Ranking.titles()), ends), *counts]


def _of(found: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, float | None]:
    return {name: found[name] for name in names}
