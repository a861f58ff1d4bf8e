"""Evaluation with a network whose answers are known: which pixels and which of its outputs every figure is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from densehybrid_ros.training.datasets.taxonomies import BINARY_CLASSES
from densehybrid_ros.training.evaluation.per_picture import PicturePool
from densehybrid_ros.training.evaluation.validate import evaluate

TRUTH = np.array([[0, 0, 1, 1], [2, 2, 2, 255]], np.uint8)
"""Two classes, 2 = unknown."""
PREDICTED = np.array([[0, 0, 1, 0], [0, 0, 1, 1]])
LOGIT, LIKELIHOOD_STEP = 5.0, 3.0


@dataclass
class KnownSegmenter:
    """Takes each picture's own pixels for what it finds: channel 0 the class, channel 1 anomalous or not."""

    info: Any = field(default_factory=lambda: SimpleNamespace(classes=["road", "sky"]))
    classes: int = 2

    def logits(self, image: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        found = torch.from_numpy(image.astype(np.int64))
        anomalous = found[..., 1].float()
        best = torch.nn.functional.one_hot(found[..., 0], 2).float() * LOGIT
        logits = best - LIKELIHOOD_STEP * anomalous[..., None]
        dataset_logits = torch.stack([-anomalous, anomalous])
        return logits.permute(2, 0, 1)[None], dataset_logits[None]


@dataclass
class KnownSet:
    """Pictures that spell out what the network finds."""

    found: list[NDArray[np.int64]]
    truths: list[NDArray[np.uint8]]
    classes: list[str] = field(default_factory=lambda: ["road", "sky"])
    name: str = "known"
    protocol: str = "pooled"

    def __len__(self) -> int:
        return len(self.truths)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        truth, found = self.truths[index], self.found[index]
        anomalous = truth == len(self.classes)
        return np.stack([found, anomalous, np.zeros_like(found)], -1).astype(np.uint8), truth


def run(dataset: KnownSet, **options: Any) -> Any:
    return evaluate(KnownSegmenter(), dataset, ["hybrid", "msp"], progress=False, **options)  # type: ignore[arg-type]


def test_the_mean_iou_is_that_of_the_most_likely_classes() -> None:
    result = run(KnownSet([PREDICTED], [TRUTH]))
    assert result.class_iou == pytest.approx({"road": 2 / 3, "sky": 1 / 2})
    assert result.segmentation.miou == pytest.approx(7 / 12)


def test_every_stride_th_picture_counts() -> None:
    truths = [TRUTH, np.full_like(TRUTH, 255), TRUTH]
    result = run(KnownSet([PREDICTED, PREDICTED, PREDICTED], truths), stride=2)
    assert result.segmentation.miou == pytest.approx(7 / 12)
    nothing = run(KnownSet([PREDICTED], [np.full_like(TRUTH, 255)]))
    assert np.isnan(nothing.segmentation.miou)
    assert (nothing.rankings, nothing.score_parts) == ({}, {})


def test_parts_of_the_score_are_told_apart_by_part_and_by_kind_of_pixel() -> None:
    """−ln p̂ and ln P(d_out) by hand: no two of the four figures are alike, so that none can take another's name."""
    result = run(KnownSet([PREDICTED], [TRUTH]))
    likelihood = -np.log(np.exp(LOGIT) + 1)
    expected = {
        "likelihood_inlier": likelihood,
        "likelihood_anomaly": likelihood + LIKELIHOOD_STEP,
        "posterior_inlier": np.log(0.5),
        "posterior_anomaly": np.log(1 / (1 + np.exp(-2))),
    }
    assert result.score_parts == pytest.approx(expected, abs=1e-5)


def test_anomalies_rank_above_inliers_and_ignored_pixels_nowhere() -> None:
    result = run(KnownSet([PREDICTED], [TRUTH]))
    assert (result.rankings["hybrid"].ap, result.rankings["hybrid"].fpr95) == (1.0, 0.0)
    points = result.points["hybrid"]
    assert (points.true_positives[-1], points.false_positives[-1]) == (3, 4)


def test_binary_truth_is_ranked_whatever_the_classes_and_has_no_mean_iou() -> None:
    binary = np.where(TRUTH == 255, 255, TRUTH == 2).astype(np.uint8)
    result = run(KnownSet([PREDICTED], [binary], classes=BINARY_CLASSES))
    assert result.rankings["hybrid"].ap == 1.0
    assert np.isnan(result.segmentation.miou)
    assert result.class_iou == {}
    points = result.points["hybrid"]
    assert (points.true_positives[-1], points.false_positives[-1]) == (3, 4)


def test_pictures_are_ranked_one_by_one_where_the_protocol_says_so() -> None:
    pool = PicturePool()
    scores = [np.array([[1, 2]], np.float32), np.array([[9, 8]], np.float32), np.array([[5, 5]], np.float32)]
    truths = [np.array([[0, 1]], np.uint8), np.array([[0, 1]], np.uint8), np.array([[0, 0]], np.uint8)]
    for score, truth in zip(scores, truths, strict=True):
        pool.add(score, truth)
    assert pool.result().ap == pytest.approx((1 + 0.5) / 2)
    assert pool.points().false_positives[-1] == 4
