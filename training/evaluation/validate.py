"""One network on a labelled set: every score's ranking of the anomalies, and the segmentation of the closed set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from densehybrid_ros.core.postprocess import upsample
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import INLIER, OUTLIER, binary_truth
from densehybrid_ros.metrics.ranking import OperatingPoints, Ranking
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.segmentation import ConfusionMatrix, Segmentation, class_iou
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.datasets.taxonomies import BINARY_CLASSES

SCORE_PARTS = ("likelihood", "posterior")
"""Of the hybrid score."""


@dataclass(frozen=True)
class Evaluation:
    """Figures in 0..1 over all pixels of the set, void ignored."""

    rankings: dict[str, Ranking]
    """By score; empty where the set holds no anomalies."""
    points: dict[str, OperatingPoints]
    """By score, over all pixels together."""
    segmentation: Segmentation
    """nan where the set has no classes."""
    class_iou: dict[str, float]
    score_parts: dict[str, float]
    """Mean of −ln p̂ and of ln P(d_out) over inliers and over anomalies: the scale of both parts of the hybrid score."""


def evaluate(
    segmenter: Segmenter,
    dataset: LabelledSource,
    scores: Sequence[str] = tuple(SCORES),
    stride: int = 1,
    progress: bool = True,
    pool: type[RankingPool] = RankingPool,
) -> Evaluation:
    """Runs the network over every `stride`-th picture at the size of its labels.

    Args:
        pool: how the pixels of several pictures are ranked.

    Raises:
        SetupError: the set has classes, and others than the weights.
    """
    binary = dataset.classes == BINARY_CLASSES
    if not binary and dataset.classes != segmenter.info.classes:
        raise SetupError(
            f"the weights know {len(segmenter.info.classes)} classes ({', '.join(segmenter.info.classes)}), but "
            f"{dataset.name} has {len(dataset.classes)}; give weights trained for its taxonomy"
        )
    pools = {name: pool() for name in scores}
    confusion = ConfusionMatrix(segmenter.classes)
    parts: dict[str, list[float]] = {}
    indices: Iterable[int] = range(0, len(dataset), stride)
    for index in tqdm(indices, desc=f"evaluate {dataset.name}", unit="picture", disable=not progress, leave=False):
        image, truth = dataset.read(index)
        anomalies = binary_truth(truth, len(dataset.classes))
        logits, dataset_logits = (upsample(part, truth.shape) for part in segmenter.logits(image))
        if not binary:
            confusion.add(logits.argmax(1)[0].byte().cpu().numpy(), truth)
        for name, each in pools.items():
            each.add(_score(name, logits, dataset_logits), anomalies)
        for name, value in _part_means(logits, dataset_logits, anomalies).items():
            parts.setdefault(name, []).append(value)
    judged = {name: each for name, each in pools.items() if each.has_both_kinds()}
    return Evaluation(
        rankings={name: each.result() for name, each in judged.items()},
        points={name: each.points() for name, each in judged.items()},
        segmentation=Segmentation.of(confusion),
        class_iou={} if binary else dict(zip(segmenter.info.classes, class_iou(confusion).tolist(), strict=True)),
        score_parts={name: float(np.mean(values)) for name, values in parts.items()},
    )


def _score(name: str, logits: Tensor, dataset_logits: Tensor) -> NDArray[np.float32]:
    """(H, W)."""
    return SCORES[name](logits, dataset_logits)[0].cpu().numpy()


def _part_means(logits: Tensor, dataset_logits: Tensor, anomalies: NDArray[np.uint8]) -> dict[str, float]:
    """Part of the score and kind of pixel, as in "posterior_anomaly" → its mean in one picture that has the kind."""
    means: dict[str, float] = {}
    for part in SCORE_PARTS:
        values = _score(part, logits, dataset_logits)
        for kind, id_ in (("inlier", INLIER), ("anomaly", OUTLIER)):
            chosen = values[anomalies == id_]
            if chosen.size:
                means[f"{part}_{kind}"] = float(chosen.mean())
    return means
