"""Evaluation of one network on labelled sets: every score's AP, AUROC, FPR95, and the closed-set mean IoU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from densehybrid_ros.core.postprocess import upsample
from densehybrid_ros.core.scores import SCORES, score_named
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import open_set_truth
from densehybrid_ros.metrics.ranking import ConfusionMatrix, OperatingPoints, Ranking, ranking_of
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.training.datasets.anomalies import BINARY_CLASSES
from densehybrid_ros.training.datasets.pairs import LabelledSource


@dataclass(frozen=True)
class Evaluation:
    """Figures in 0..1 over all pixels of the set, void ignored."""

    rankings: dict[str, Ranking]
    """By score; empty where the set holds no anomalies."""
    points: dict[str, OperatingPoints]
    """By score, over all pixels together."""
    mean_iou: float
    """nan where the set tells no classes."""
    class_iou: dict[str, float]
    score_parts: dict[str, float]
    """Mean of ln p̂ and of ln P(d_out) over inliers and over anomalies: the scale of both parts of the hybrid score."""


def evaluate(
    segmenter: Segmenter,
    dataset: LabelledSource,
    scores: Sequence[str] = tuple(SCORES),
    stride: int = 1,
    progress: bool = True,
    per_image: bool = False,
) -> Evaluation:
    """Runs the network over every `stride`-th picture at the size of its labels.

    Args:
        per_image: rankings are those of each picture that holds anomalies and inliers, averaged over these pictures
            (StreetHazards' protocol), instead of one ranking of all pixels.

    Raises:
        SetupError: the set has classes, and others than the weights.
    """
    binary = dataset.classes == BINARY_CLASSES
    if not binary and dataset.classes != segmenter.info.classes:
        raise SetupError(
            f"the weights know {len(segmenter.info.classes)} classes ({', '.join(segmenter.info.classes)}), but "
            f"{dataset.name} has {len(dataset.classes)}; give weights trained for its taxonomy"
        )
    pools = {name: RankingPool(segmenter.classes) for name in scores}
    rankings: dict[str, list[Ranking]] = {name: [] for name in scores}
    confusion = ConfusionMatrix(segmenter.classes)
    parts: dict[str, list[float]] = {}
    indices: Iterable[int] = range(0, len(dataset), stride)
    for index in tqdm(indices, desc=f"evaluate {dataset.name}", unit="picture", disable=not progress, leave=False):
        image, truth = dataset.read(index)
        if binary:
            truth = open_set_truth(truth, segmenter.classes)
        logits, dataset_logits = (upsample(part, truth.shape) for part in segmenter.logits(image))
        confusion.add(logits.argmax(1)[0].byte().cpu().numpy(), truth)
        for name, pool in pools.items():
            score = score_named(name)(logits, dataset_logits)[0].cpu().numpy()
            pool.add(score, truth)
            if per_image:
                rankings[name] += _ranking_of_image(score, truth, segmenter.classes)
        for part in ("likelihood", "posterior"):
            values = score_named(part)(logits, dataset_logits)[0].cpu().numpy()
            for kind, mask in (("inlier", truth < segmenter.classes), ("anomaly", truth == segmenter.classes)):
                if mask.any():
                    parts.setdefault(f"{part}_{kind}", []).append(float(values[mask].mean()))
    points = _points(pools)
    return Evaluation(
        rankings={name: mean_ranking(rankings[name]) if per_image else ranking_of(points[name]) for name in points},
        points=points,
        mean_iou=float("nan") if binary else confusion.mean_iou(),
        class_iou={} if binary else dict(zip(segmenter.info.classes, confusion.iou().tolist(), strict=True)),
        score_parts={name: float(np.mean(values)) for name, values in parts.items()},
    )


def mean_ranking(rankings: Sequence[Ranking]) -> Ranking:
    """The mean of each figure; nan for none."""
    ap, auroc, fpr95 = (
        np.mean([(each.ap, each.auroc, each.fpr95) for each in rankings], 0) if rankings else [np.nan] * 3
    )
    return Ranking(float(ap), float(auroc), float(fpr95))


def _ranking_of_image(score: NDArray[np.float32], truth: NDArray[np.uint8], classes: int) -> list[Ranking]:
    """One, or none where the picture lacks one kind of pixels."""
    pool = RankingPool(classes)
    pool.add(score, truth)
    return [pool.result()] if pool.has_both_kinds() else []


def _points(pools: dict[str, RankingPool]) -> dict[str, OperatingPoints]:
    """Operating points of each pool that holds both kinds of pixels."""
    return {name: pool.points() for name, pool in pools.items() if pool.has_both_kinds()}
