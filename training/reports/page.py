"""A report as one HTML file that needs nothing else: style, script, curves and pictures are in it.

A policy in its head forbids browsers to load anything and to run any script but its own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.training.evaluation.evidence.frames import DrawnPicture
from densehybrid_ros.training.reports.charts import (
    Axis,
    Series,
    histogram_chart,
    line_chart,
    logarithmic_percent_axis,
    percent_axis,
    swatch,
)
from densehybrid_ros.training.reports.document import Document, Part, facts_of
from densehybrid_ros.training.reports.elements import Markup, element, joined
from densehybrid_ros.training.reports.tables import (
    Table,
    calibration_table,
    components_table,
    extremes_table,
    open_set_table,
    range_tables,
    scores_table,
    segmentation_table,
)

LEAST_SHOWN_FPR = 1e-4
"""Where the axis of the false-positive rate begins: on most sets all that matters is far below 1."""

PICTURES_TEXT = (
    "Ranked by the AP of each picture alone. First the classes, red where the score reaches the threshold; then the "
    "score, brighter where more anomalous and dimmed where truth is ignored. White outlines: true anomalies."
)


def page_of(document: Document) -> str:
    """The whole file."""
    body = joined(
        element("header", element("h1", document.title)),
        *map(table_of, document.overview),
        *(_section(part, number) for number, part in enumerate(document.parts, 1)),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", document.title),
        element("style", Markup(_file("page.css"))),
    )
    script = element("script", Markup(_file("page.js")))
    page = element("html", head, element("body", element("main", body), script), lang="en")
    return f"<!doctype html>\n{page.text}\n"


@cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _policy() -> str:
    style, script = (
        base64.b64encode(hashlib.sha256(_file(name).encode()).digest()).decode() for name in ("page.css", "page.js")
    )
    return f"default-src 'none'; img-src data:; style-src 'sha256-{style}'; script-src 'sha256-{script}'"


def table_of(table: Table) -> Markup:
    """Sorted by a click on a heading; wide ones are scrolled by themselves."""
    return joined(element("h3", table.title), _bare_table(table.rows))


def _bare_table(rows: Sequence[Sequence[str]]) -> Markup:
    heading, *others = rows
    kinds = [_kind_of(column) for column in zip(*others, strict=True)]
    cells = [
        element("th", element("button", title, type="button"), scope="col", class_=kind)
        for title, kind in zip(heading, kinds, strict=True)
    ]
    lines = [
        element(
            "tr",
            element("th", name, scope="row"),
            *(element("td", cell, class_=kind) for cell, kind in zip(values, kinds[1:], strict=True)),
        )
        for name, *values in others
    ]
    inner = element("table", element("thead", element("tr", *cells)), element("tbody", *lines))
    return element("div", inner, class_="wide")


def _kind_of(column: Sequence[str]) -> str | None:
    """Class of the style sheet for cells that are words; None for figures, of which some may be undefined."""
    return "words" if all(re.search("[a-zA-Z]", cell) for cell in column) else None


def _section(part: Part, number: int) -> Markup:
    figures = part.figures
    first = (scores_table, components_table, open_set_table)
    contents = [table_of(table) for table in (make(figures) for make in first) if table is not None]
    contents += [*_curves(figures), *_histograms(figures), *_calibration(figures), *_by_range(figures)]
    if table := segmentation_table(figures):
        contents.append(table_of(table))
    if table := extremes_table(figures):
        pictures = element("div", *map(_picture, part.pictures), class_="pictures")
        contents += [table_of(table), element("p", PICTURES_TEXT, class_="facts"), pictures]
    head = joined(element("h2", part.title), element("p", facts_of(figures), class_="facts"))
    return element("section", head, *contents, id=f"part-{number}")


def _numbers(figures: Mapping[str, Any]) -> dict[str, int]:
    """Score → number of its colour, the same in all charts of a part."""
    return {name: number for number, name in enumerate(figures["scores"])}


def _curves(figures: Mapping[str, Any]) -> list[Markup]:
    curves, numbers = figures.get("curves"), _numbers(figures)
    if not curves:
        return []
    recall, precision = percent_axis("recall (TPR)"), percent_axis("precision")
    tpr, fpr = percent_axis("TPR"), logarithmic_percent_axis("FPR, logarithmic", LEAST_SHOWN_FPR)
    pr = [Series(name, numbers[name], each["tpr"], each["precision"]) for name, each in curves.items()]
    roc = [
        Series(name, numbers[name], *_from(LEAST_SHOWN_FPR, each["fpr"], each["tpr"])) for name, each in curves.items()
    ]
    charts = [
        _figure(line_chart("precision-recall curves", recall, precision, pr), "Precision and recall"),
        _figure(line_chart("ROC curves", fpr, tpr, roc), "ROC"),
    ]
    return [element("h3", "Curves"), legend(list(curves), numbers), element("div", *charts, class_="charts")]


def _from(least: float, rising: Sequence[float], values: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    """The points of a curve from `least` on, and the last one before."""
    first = max(sum(each <= least for each in rising) - 1, 0)
    return rising[first:], values[first:]


def legend(names: Sequence[str], numbers: Mapping[str, int]) -> Markup:
    """Names with their colours; a click hides a line in all charts of the part."""
    entries = [
        element(
            "label",
            element("input", type="checkbox", checked="checked", data_series=numbers[name]),
            swatch(Series(name, numbers[name], (), ())),
            name,
        )
        for name in names
    ]
    return element("div", *entries, class_="legend")


def _histograms(figures: Mapping[str, Any]) -> list[Markup]:
    histograms = figures.get("histograms")
    if not histograms:
        return []
    charts = [
        _figure(
            histogram_chart(
                f"histogram of {name}",
                each["edges"],
                {kind: each[kind] for kind in ("inliers", "anomalies")},
                figures["thresholds"].get(name),
            ),
            name,
        )
        for name, each in histograms.items()
    ]
    keys = [
        element("span", element("span", class_=f"swatch {kind}"), kind, class_="key")
        for kind in ("inliers", "anomalies", "threshold")
    ]
    first, *others = charts
    shown = [element("div", first, class_="charts")]
    if others:
        inner = element("div", *others, class_="charts")
        shown.append(element("details", element("summary", f"{len(others)} more scores"), inner))
    return [element("h3", "Scores of inliers and anomalies"), element("div", *keys, class_="legend"), *shown]


def _calibration(figures: Mapping[str, Any]) -> list[Markup]:
    """Promised against achieved; on the diagonal the calibration holds on this set."""
    table = calibration_table(figures)
    if table is None:
        return []
    numbers, reached = _numbers(figures), figures["target_tpr"]
    names = list(dict.fromkeys(each["score"] for each in reached))
    x, y = percent_axis("promised TPR"), percent_axis("achieved TPR")
    lines = [Series(name, numbers[name], *_rates(reached, name)) for name in names]
    chart = line_chart("promised against achieved TPR", x, y, lines, diagonal=True)
    text = "On the dotted line the calibration in the weights holds on this set"
    figure = element("div", _figure(chart, text), class_="charts")
    rates = element(
        "details", element("summary", f"{len(reached)} rates and their thresholds"), _bare_table(table.rows)
    )
    return [element("h3", table.title), figure, rates]


def _rates(reached: Sequence[Mapping[str, Any]], score: str) -> tuple[list[float], list[float]]:
    own = [each for each in reached if each["score"] == score]
    return [each["target_tpr"] for each in own], [each["tpr"] for each in own]


def _by_range(figures: Mapping[str, Any]) -> list[Markup]:
    tables = range_tables(figures)
    if not tables:
        return []
    bins = {
        score: [each for each in found["by_range"] if each["ap"] is not None]
        for score, found in figures["scores"].items()
    }
    x = Axis("range, m", 0, 50, tuple(range(0, 51, 10)))
    lines = [
        Series(
            score,
            number,
            [(each["low"] + each["high"]) / 2 for each in bins[score]],
            [each["ap"] / 100 for each in bins[score]],
        )
        for score, number in _numbers(figures).items()
        if bins[score]
    ]
    chart = _figure(line_chart("AP by range", x, percent_axis("AP"), lines), "AP by range")
    first, *others = map(table_of, tables)
    more = [element("details", element("summary", f"{len(others)} more scores"), *others)] if others else []
    return [element("div", chart, class_="charts"), first, *more]


def _figure(chart: Markup, caption: str) -> Markup:
    return element("figure", chart, element("figcaption", caption))


def _picture(drawn: DrawnPicture) -> Markup:
    name, ranking = drawn.picture.name, drawn.picture.ranking.percents()
    said = ", ".join(f"{title} {ranking[key]} %" for key, title in Ranking.titles().items())
    views = [
        element("img", src=_data_url(content), alt=f"{what} of {name}", loading="lazy")
        for what, content in (("what is found", drawn.found), ("score", drawn.score))
    ]
    caption = element("figcaption", element("strong", drawn.among), f" {name}: {said}")
    return element("figure", element("div", *views, class_="views"), caption, class_="picture")


def _data_url(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
