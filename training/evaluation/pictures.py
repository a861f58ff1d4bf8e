"""Labelled pictures by a pool of their pixels: the ranking of every score, and the segmentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.metrics.bootstrap import LEVEL, interval_of, percent_ends
from densehybrid_ros.metrics.figures import percent
from densehybrid_ros.metrics.ranking import Ranking, best_f1
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.segmentation import Segmentation, class_iou
from densehybrid_ros.metrics.table import Ends, interval_text, percent_cells, percent_headings, table_lines
from densehybrid_ros.taxonomies import BINARY_CLASSES
from densehybrid_ros.training.datasets.pairs import LabelledSet, LabelledSource
from densehybrid_ros.training.evaluation.components import components_figures, components_text, examine_components
from densehybrid_ros.training.evaluation.evidence.gathering import TARGETS
from densehybrid_ros.training.evaluation.evidence.of_set import SetEvidence
from densehybrid_ros.training.evaluation.false_alarms import (
    drawn_false_alarms,
    false_alarms,
    false_alarms_figures,
    false_alarms_text,
)
from densehybrid_ros.training.evaluation.open_set import (
    Halves,
    examine_open_set,
    halves_of,
    open_set_figures,
    open_set_text,
    thresholds_of,
)
from densehybrid_ros.training.evaluation.reliability import Promise, promised, reached_intervals, reached_text
from densehybrid_ros.training.evaluation.rounds.of_task import files_of, rounds_of
from densehybrid_ros.training.evaluation.rounds.reading import PictureReader
from densehybrid_ros.training.evaluation.rounds.rounds import Rounds
from densehybrid_ros.training.evaluation.task import Report, Task
from densehybrid_ros.training.evaluation.validate import Drawn, Evaluation, evaluate


def examine_pictures(task: Task, pool: type[RankingPool]) -> Report:
    """
    Raises:
        SetupError: distances or overlays are asked for, nothing can be computed of what is, files are missing, the set
            has other classes than the weights, or no pixel of it counts.
    """
    if task.by_range:
        raise SetupError(f"--by-range needs distances; {task.dataset.name} has no distances")
    if task.overlays:
        raise SetupError("--overlays is for data set folder; copy or link the pictures into a folder of its layout")
    source = task.pictures()
    binary = source.classes == BINARY_CLASSES
    rankable = not isinstance(source, LabelledSet) or source.has_anomalies
    scores = task.scores if rankable else []  # else there is nothing to rank
    if not scores and (binary or not task.segmentation):
        raise SetupError(f"nothing that was asked for can be computed: {source.name} has {_has(binary, rankable)}")
    segmenter = task.segmenter
    thresholds = _thresholds(task, scores)  # refused before the long run
    shown = SetEvidence(source, scores) if task.report else None
    halves = halves_of(source) if task.open_set and task.segmentation and scores and not binary else None
    with rounds_of(task, PictureReader(source), files_of(source), len(source)) as rounds:
        result = evaluate(
            segmenter,
            source,
            scores,
            pool=pool,
            segmentation=task.segmentation,
            folds=halves.of if halves else (),
            intervals=task.intervals,
            watcher=shown,
            rounds=rounds,
        )
        _refuse_nothing(source, binary, result)
        sections = list(_sections(task, source, rounds, result, thresholds, halves))
    name = source.name if task.negatives else task.dataset.name
    figures = report_of(f"{name}, by picture" if task.per_picture else name, task.weights_name, result)
    lines = [report_text(figures)]
    for section in sections:
        figures[section.name] = section.figures
        lines += ["", *section.text] if section.name != "target_tpr" or task.target_tpr else []
        if result.drawn:
            figures["intervals"][section.name] = section.intervals
    more, pictures = ({}, ()) if shown is None else shown.figures(segmenter, result.points)
    return Report({**figures, **more}, "\n".join(lines), pictures)


def _refuse_nothing(source: LabelledSource, binary: bool, result: Evaluation) -> None:
    """
    Raises:
        SetupError: no pixel counts, or those of one kind alone.
    """
    if not (binary or result.rankings or result.segmentation.known_percents()):
        raise SetupError(f"{source.name}: no pixel counts; densehybrid check-data says which ids there are")
    if binary and not result.rankings:
        raise SetupError(f"{source.name}: pixels of one kind alone; anomalies (1) and inliers (0) are needed to rank")


def _thresholds(task: Task, scores: list[str]) -> list[Promise]:
    """At the rates that are asked for; else, for a report, of the scores whose calibration is stored."""
    if task.target_tpr or not task.report:
        return promised(task.segmenter, scores, task.target_tpr)
    return promised(task.segmenter, [name for name in scores if name in task.segmenter.info.calibration], TARGETS)


@dataclass(frozen=True)
class Section:
    """What is reported beside the rankings and the closed set."""

    name: str
    figures: Any
    """As they are written to --json."""
    intervals: Any
    text: list[str]


def _sections(
    task: Task,
    source: LabelledSource,
    rounds: Rounds,
    result: Evaluation,
    thresholds: Sequence[Promise],
    halves: Halves | None,
) -> Iterator[Section]:
    """All that is asked for, where anything is ranked."""
    if thresholds and result.points:
        yield _promises_section(result, thresholds)
    if task.fpr_at and result.points:
        yield _rates_section(result, task.fpr_at)
    if task.components and result.points:
        yield _components_section(task, source, rounds, result)
    if halves and (at := thresholds_of(result.fold_points)):
        yield _open_set_section(task.segmenter, source, rounds, result, halves, at)


def _promises_section(result: Evaluation, thresholds: Sequence[Promise]) -> Section:
    reached = [each.on(result.points[each.score]) for each in thresholds]
    drawn = result.drawn
    intervals = reached_intervals(reached, drawn.pictures, drawn.draws) if drawn else []
    return Section("target_tpr", [asdict(each) for each in reached], intervals, reached_text(reached, intervals))


def _rates_section(result: Evaluation, rates: Sequence[float]) -> Section:
    found = {name: false_alarms(points, rates) for name, points in result.points.items()}
    drawn = result.drawn
    intervals = {
        name: drawn_false_alarms(drawn.pictures[name].drawn(drawn.draws, points), rates)
        for name, points in result.points.items()
        if drawn
    }
    return Section("fpr_at", false_alarms_figures(found), intervals, false_alarms_text(found, intervals))


def _components_section(task: Task, source: LabelledSource, rounds: Rounds, result: Evaluation) -> Section:
    drawn = result.drawn
    draws = drawn.draws if drawn else None
    found = examine_components(rounds, source, result.points, task.dataset.components, draws)
    intervals = {
        each.score: {"pixel_f1": _drawn_f1(result, drawn, each.score), **percent_ends(each.drawn)}
        for each in found
        if drawn
    }
    return Section("components", components_figures(found), intervals, components_text(found, intervals))


def _drawn_f1(result: Evaluation, drawn: Drawn, score: str) -> list[float | None]:
    points = drawn.pictures[score].drawn(drawn.draws, result.points[score])
    return interval_of([best_f1(each)[0] for each in points if each]).percents()


def _open_set_section(
    segmenter: Segmenter,
    source: LabelledSource,
    rounds: Rounds,
    result: Evaluation,
    halves: Halves,
    thresholds: Mapping[str, tuple[float, float]],
) -> Section:
    draws = result.drawn.draws if result.drawn else None
    found = examine_open_set(segmenter, rounds, source, halves, thresholds, draws)
    intervals = {each.score: percent_ends(each.drawn) for each in found if each.drawn}
    return Section("open_set", open_set_figures(found), intervals, open_set_text(found, intervals))


def _has(binary: bool, rankable: bool) -> str:
    return "no classes, so no mean IoU" if binary else "classes" + ("" if rankable else ", and no anomalies to rank")


def report_of(protocol: str, weights: str, result: Evaluation) -> dict[str, Any]:
    """The figures in percent, as written to --json; those of the segmentation are None where the set has no classes,
    a class's "iou" where neither truth nor prediction holds it."""
    return {
        "protocol": protocol,
        "weights": weights,
        "scores": {name: ranking.percents() for name, ranking in result.rankings.items()},
        **result.segmentation.percents(),
        "iou": {name: percent(value) for name, value in result.class_iou.items()},
        "score_parts": {name: round(value, 2) for name, value in result.score_parts.items()},
        **({"intervals": _intervals_of(result.drawn, list(result.class_iou))} if result.drawn else {}),
    }


def _intervals_of(drawn: Drawn, classes: Sequence[str]) -> dict[str, Any]:
    """Both ends of each figure in percent, by the names that the figures have in the report."""
    found = {
        "level": LEVEL,
        "drawn": len(drawn.draws),
        "scores": {name: percent_ends(rankings) for name, rankings in drawn.rankings.items()},
    }
    if not drawn.confusions:
        return found
    iou = np.stack([class_iou(each) for each in drawn.confusions])
    by_class = {name: interval_of(iou[:, place]).percents() for place, name in enumerate(classes)}
    return {**found, **percent_ends(list(map(Segmentation.of, drawn.confusions))), "iou": by_class}


def report_text(report: dict[str, Any]) -> str:
    """The report as lines for a terminal."""
    intervals = report.get("intervals", {})
    known = [
        f"{title} {report[name]:.2f} %{interval_text(intervals.get(name, ()))}"
        for name, title in Segmentation.titles().items()
        if report[name] is not None
    ]
    head = f"{report['protocol']}, weights {report['weights']}{': ' if known else ''}{', '.join(known)}"
    return "\n".join([head, *(scores_text(report["scores"], intervals.get("scores")) if report["scores"] else [])])


def scores_text(
    scores: Mapping[str, Mapping[str, float | None]], intervals: Mapping[str, Ends] | None = None
) -> list[str]:
    """A line for every score."""
    ends = intervals or {}
    rows = [[name, *percent_cells(percents, ends.get(name))] for name, percents in scores.items()]
    return table_lines([["score", *percent_headings(Ranking.titles())], *rows])
