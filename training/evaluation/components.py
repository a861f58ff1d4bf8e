"""Whole things, found or not: a second pass over the pictures, at the threshold with the best F1 of pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import binary_truth
from densehybrid_ros.metrics.components import (
    ComponentOverlaps,
    Components,
    ComponentSizes,
    component_overlaps,
    drawn_components,
)
from densehybrid_ros.metrics.figures import percent
from densehybrid_ros.metrics.ranking import OperatingPoints, best_f1
from densehybrid_ros.metrics.table import Ends, percent_cells, percent_headings, table_lines
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.evaluation.rounds.rounds import Rounds


@dataclass(frozen=True)
class FoundComponents:
    """Of one score."""

    score: str
    f1_of_pixels: float
    threshold: float
    things: Components
    drawn: tuple[Components, ...] = ()
    """Of sets drawn of the pictures, at the same threshold."""


def examine_components(
    rounds: Rounds,
    source: LabelledSource,
    points: Mapping[str, OperatingPoints],
    sizes: ComponentSizes,
    draws: NDArray[np.int64] | None = None,
) -> list[FoundComponents]:
    """For each score of `points`, which are those of all pixels of `source`; `draws` (B, P) of them for intervals."""
    best = {name: best_f1(each) for name, each in points.items()}
    overlaps: dict[str, list[ComponentOverlaps]] = {name: [] for name in best}
    for look in rounds.go("components", range(len(source)), list(best), False, overlaps):
        anomalies = binary_truth(look.truth, len(source.classes))
        for name, score in look.found.scores.items():
            overlaps[name].append(component_overlaps(score >= best[name][1], anomalies, sizes))
    return [
        FoundComponents(
            name,
            *best[name],
            Components.of(ComponentOverlaps.together(each)),
            () if draws is None else tuple(drawn_components(each, draws)),
        )
        for name, each in overlaps.items()
    ]


def components_text(found: Sequence[FoundComponents], intervals: Mapping[str, Ends]) -> list[str]:
    """A line for each score; all but thresholds in percent."""
    heading = ["score", "F1 of pixels %", "threshold", *percent_headings(Components.titles())]
    rows = [
        [
            *(each.score, *percent_cells({"pixel_f1": percent(each.f1_of_pixels)}, intervals.get(each.score))),
            *(f"{each.threshold:.3f}", *percent_cells(each.things.percents(), intervals.get(each.score))),
        ]
        for each in found
    ]
    return table_lines([heading, *rows])


def components_figures(found: Sequence[FoundComponents]) -> dict[str, dict[str, Any]]:
    """By score, as they are written to --json; all but thresholds in percent."""
    return {
        each.score: {
            "pixel_f1": round(100 * each.f1_of_pixels, 2),
            "threshold": each.threshold,
            **each.things.percents(),
        }
        for each in found
    }
