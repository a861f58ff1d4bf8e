"""Labelled pictures by a pool of their pixels: the ranking of every score, and the segmentation."""

from __future__ import annotations

from typing import Any

from densehybrid_ros.errors import SetupError
from densehybrid_ros.metrics.figures import percent
from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.segmentation import Segmentation
from densehybrid_ros.metrics.table import percent_cells, percent_headings, table_lines
from densehybrid_ros.training.evaluation.task import Report, Task
from densehybrid_ros.training.evaluation.validate import Evaluation, evaluate


def examine_pictures(task: Task, pool: type[RankingPool]) -> Report:
    """
    Raises:
        SetupError: distances are asked for, files are missing, or the set has other classes than the weights.
    """
    if task.by_range:
        raise SetupError(f"--by-range needs distances; {task.dataset.name} has no distances")
    source = task.pictures()
    result = evaluate(task.segmenter(), source, task.scores, pool=pool)
    figures = report_of(source.name if task.negatives else task.dataset.name, task.weights_name, result)
    return Report(figures, report_text(figures))


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
    }


def report_text(report: dict[str, Any]) -> str:
    """The report as lines for a terminal."""
    known = [
        f"{title} {report[name]:.2f} %" for name, title in Segmentation.titles().items() if report[name] is not None
    ]
    head = f"{report['protocol']}, weights {report['weights']}{': ' if known else ''}{', '.join(known)}"
    return "\n".join([head, *(scores_text(report["scores"]) if report["scores"] else [])])


def scores_text(scores: dict[str, dict[str, float | None]]) -> list[str]:
    """A line for every score."""
    rows = [[name, *percent_cells(percents)] for name, percents in scores.items()]
    return table_lines([["score", *percent_headings(Ranking.titles())], *rows])
