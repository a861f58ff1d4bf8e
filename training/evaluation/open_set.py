"""Open-set segmentation: a second pass over the pictures, each half of them with the threshold that the other gives.

As Grcić & Šegvić report StreetHazards: the threshold that finds 95 % of the unknown pixels of town t5 is applied to
town t6 and the reverse, each fold is judged by itself, and the mean is weighted by pictures. So no threshold was chosen
on the pictures that it is judged on. Sets without two towns are cut in the middle of their listing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.labels import relabelled
from densehybrid_ros.metrics.open_set import OpenSet, OpenSetCounts, drawn_open_sets, open_set_counts
from densehybrid_ros.metrics.ranking import OperatingPoints, threshold_at_tpr
from densehybrid_ros.metrics.table import Ends, percent_cells, percent_headings, table_lines
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.evaluation.pasted_set import file_of
from densehybrid_ros.training.evaluation.rounds.rounds import Rounds
from densehybrid_ros.training.evaluation.validate import predictions

TARGET_TPR = 0.95
"""Share of the unknown pixels that a fold's threshold finds in the other fold."""


@dataclass(frozen=True)
class Fold:
    """Pictures that are judged at one threshold."""

    name: str
    pictures: int
    threshold: float
    """That of TARGET_TPR on the other fold."""
    figures: OpenSet


@dataclass(frozen=True)
class OpenSetFolds:
    """Of one score."""

    score: str
    folds: tuple[Fold, ...]
    drawn: tuple[OpenSet, ...] = ()
    """`figures` of sets drawn of the pictures, with the same thresholds."""

    @property
    def figures(self) -> OpenSet:
        """The mean over the folds, weighted by pictures."""
        return OpenSet.mean([each.figures for each in self.folds], [each.pictures for each in self.folds])


@dataclass(frozen=True)
class Halves:
    """How pictures are parted in two."""

    names: tuple[str, str]
    of: tuple[int, ...]
    """0 or 1 for each picture."""


def halves_of(source: LabelledSource) -> Halves:
    """By the two folders (towns, cities) in which the pictures lie; else the first and the second half of them."""
    folders = [file.parent for index in range(len(source)) if (file := file_of(source, index))]
    names = sorted(set(folders))
    if len(names) == 2:
        return Halves((names[0].name, names[1].name), tuple(map(names.index, folders)))
    middle = (len(source) + 1) // 2
    return Halves(("first half", "second half"), tuple(int(index >= middle) for index in range(len(source))))


def thresholds_of(fold_points: Sequence[Mapping[str, OperatingPoints]]) -> dict[str, tuple[float, float]]:
    """By score, for each fold that of TARGET_TPR on the other; empty where a fold lacks a kind of pixels."""
    if len(fold_points) < 2:
        return {}
    first, second = fold_points
    return {
        name: (threshold_at_tpr(second[name], TARGET_TPR), threshold_at_tpr(first[name], TARGET_TPR))
        for name in first
        if name in second
    }


def examine_open_set(
    segmenter: Segmenter,
    rounds: Rounds,
    source: LabelledSource,
    halves: Halves,
    thresholds: Mapping[str, tuple[float, float]],
    draws: NDArray[np.int64] | None = None,
) -> list[OpenSetFolds]:
    """For each score that has thresholds.

    Args:
        segmenter: whose classes are seen.
        thresholds: of both folds; a pixel is taken for unknown where score ≥ threshold.
        draws: (B, P) sets drawn of the pictures, for intervals.
    """
    table = predictions(segmenter, source)
    pictures: dict[str, list[OpenSetCounts]] = {name: [] for name in thresholds}
    for look in rounds.go("open set", range(len(source)), list(thresholds), True, pictures):
        at = {name: both[halves.of[look.index]] for name, both in thresholds.items()}
        unknown = {name: look.found.scores[name] >= threshold for name, threshold in at.items()}
        counted = open_set_counts(relabelled(look.found.semantic, table), look.truth, len(source.classes), unknown)
        for name, counts in counted.items():
            pictures[name].append(counts)
    return [_in_folds(name, halves, thresholds[name], counts, draws) for name, counts in pictures.items()]


def _in_folds(
    score: str,
    halves: Halves,
    thresholds: tuple[float, float],
    counts: Sequence[OpenSetCounts],
    draws: NDArray[np.int64] | None,
) -> OpenSetFolds:
    every = np.ones((1, len(counts)), np.int64)
    parts = [np.array(halves.of) == fold for fold in (0, 1)]
    folds = tuple(
        Fold(name, int(part.sum()), threshold, drawn_open_sets(counts, every * part)[0])
        for name, part, threshold in zip(halves.names, parts, thresholds, strict=True)
    )
    if draws is None:
        return OpenSetFolds(score, folds)
    tables = zip(*(drawn_open_sets(counts, draws * part) for part in parts), strict=True)
    sizes = np.stack([(draws * part).sum(1) for part in parts], 1).tolist()
    return OpenSetFolds(score, folds, tuple(map(_weighted, tables, sizes)))


def _weighted(tables: Sequence[OpenSet], pictures: Sequence[int]) -> OpenSet:
    """The mean over folds of which each was drawn at least once."""
    there = [place for place, count in enumerate(pictures) if count]
    return OpenSet.mean([tables[place] for place in there], [pictures[place] for place in there])


def open_set_text(found: Sequence[OpenSetFolds], intervals: Mapping[str, Ends]) -> list[str]:
    """A line for each score and one for each of its folds; all but thresholds in percent."""
    rows = [["score", "fold", "pictures", "threshold", *percent_headings(OpenSet.titles())]]
    for each in found:
        total = str(sum(fold.pictures for fold in each.folds))
        cells = percent_cells(each.figures.percents(), intervals.get(each.score))
        rows.append([each.score, "both", total, "", *cells])
        rows += [
            ["", fold.name, str(fold.pictures), f"{fold.threshold:.3f}", *percent_cells(fold.figures.percents())]
            for fold in each.folds
        ]
    return table_lines(rows)


def open_set_figures(found: Sequence[OpenSetFolds]) -> dict[str, dict[str, Any]]:
    """By score, as they are written to --json; all but thresholds and counts in percent."""
    return {
        each.score: {
            **each.figures.percents(),
            "folds": [
                {
                    "name": fold.name,
                    "pictures": fold.pictures,
                    "threshold": fold.threshold,
                    **fold.figures.percents(),
                }
                for fold in each.folds
            ],
        }
        for each in found
    }
