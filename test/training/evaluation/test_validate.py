"""Evaluation of a network whose logits are written down, so that every figure can be worked by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from densehybrid_ros.core.scores import SCORES, Score
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.score_sketch import KEPT_PIXELS
from densehybrid_ros.metrics.segmentation import ConfusionMatrix
from densehybrid_ros.models.checkpoint import load_weights
from densehybrid_ros.training.evaluation.per_picture import PicturePool
from densehybrid_ros.training.evaluation.validate import KEPT, KEPT_OF_FOLD, Judge, evaluate, kept_of_each

CLASSES = ["road", "car"]
UNKNOWN, VOID = 2, 255


class WrittenDown(torch.nn.Module):
    """A network that answers a picture whose red channel numbers the pixels of a table."""

    def __init__(self, logits: list[list[float]], dataset_logits: list[list[float]]) -> None:
        super().__init__()
        self.tables = torch.tensor(logits), torch.tensor(dataset_logits)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        place = (images[:, 0] * 255).round().long()
        return tuple(table[place].permute(0, 3, 1, 2) for table in self.tables)


@dataclass(frozen=True)
class Stripes:
    """One picture of vertical stripes, each 32 px wide and with a truth of its own."""

    truth: list[int]
    name: str = "stripes"
    protocol: str = "pooled"
    classes: list[str] = field(default_factory=lambda: CLASSES)

    def __len__(self) -> int:
        return 1

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        places = np.tile(np.repeat(np.arange(len(self.truth)), 32), (32, 1)).astype(np.uint8)
        return np.repeat(places[..., None], 3, 2), np.array(self.truth, np.uint8)[places]


@pytest.fixture
def segmenter_of(random_weights: Path) -> Any:
    info = replace(load_weights(random_weights)[1], classes=CLASSES, palette=[[0, 0, 0]] * 2, calibration={})

    def make(logits: list[list[float]], dataset_logits: list[list[float]]) -> Segmenter:
        return Segmenter(WrittenDown(logits, dataset_logits), info, torch.device("cpu"), torch.float32, 0)

    return make


LOGITS = [[1.0, -3.0], [2.0, 0.0], [-1.0, 4.0], [0.0, 5.0], [-6.0, -7.0], [9.0, -9.0], [-8.0, 8.0]]
DATASET = [[2.0, 0.0], [2.0, 0.0], [3.0, 0.0], [1.0, 0.0], [0.0, 4.0], [0.0, 0.0], [0.0, 0.0]]
TRUTH = [0, 1, 1, 1, UNKNOWN, VOID, VOID]


def test_the_parts_of_the_score_bear_their_own_names(segmenter_of: Any) -> None:
    parts = evaluate(segmenter_of(LOGITS, DATASET), Stripes(TRUTH), ["hybrid"], progress=False).score_parts
    logits, dataset_logits = np.array(LOGITS), np.array(DATASET)
    log_p_hat = np.log(np.exp(logits).sum(1))
    log_posterior = dataset_logits[:, 1] - np.log(np.exp(dataset_logits).sum(1))
    assert parts == pytest.approx(
        {
            "likelihood_inlier": -log_p_hat[:4].mean(),
            "likelihood_anomaly": -log_p_hat[4],
            "posterior_inlier": log_posterior[:4].mean(),
            "posterior_anomaly": log_posterior[4],
        },
        rel=1e-4,
    )


def test_the_mean_iou_is_that_of_the_greatest_logit_without_void_and_unknown(segmenter_of: Any) -> None:
    """Predicted 0, 0, 1, 1 for truth 0, 1, 1, 1. The greatest in magnitude and the least would be others."""
    found = evaluate(segmenter_of(LOGITS, DATASET), Stripes(TRUTH), ["hybrid"], progress=False)
    assert found.class_iou == pytest.approx({"road": 1 / 2, "car": 2 / 3})
    assert found.segmentation.miou == pytest.approx(7 / 12)


def test_void_is_not_ranked_and_unknown_is_what_is_to_be_found(segmenter_of: Any) -> None:
    found = evaluate(segmenter_of(LOGITS, DATASET), Stripes(TRUTH), ["hybrid", "max_logit"], progress=False)
    assert found.rankings["hybrid"].ap == found.rankings["hybrid"].auroc == 1.0
    assert found.points["hybrid"].true_positives[-1] == 32 * 32
    assert found.points["hybrid"].false_positives[-1] == 4 * 32 * 32


def test_binary_truth_ranks_its_anomalies_and_has_no_iou(segmenter_of: Any) -> None:
    binary = Stripes([0, 0, 0, 0, 1, VOID, VOID], classes=["inlier"])
    found = evaluate(segmenter_of(LOGITS, DATASET), binary, ["hybrid"], progress=False)
    assert found.rankings["hybrid"].ap == 1.0
    assert np.isnan(found.segmentation.miou)
    assert found.class_iou == {}


def test_other_classes_than_the_weights_are_refused(segmenter_of: Any) -> None:
    with pytest.raises(SetupError, match="its taxonomy"):
        evaluate(segmenter_of(LOGITS, DATASET), Stripes(TRUTH, classes=["road", "dog"]), ["hybrid"], progress=False)


def test_a_set_of_void_alone_has_no_figure(segmenter_of: Any) -> None:
    found = evaluate(segmenter_of(LOGITS, DATASET), Stripes([VOID] * 7), ["hybrid"], progress=False)
    assert np.isnan(found.segmentation.miou)
    assert (found.rankings, found.points, found.score_parts) == ({}, {}, {})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_refused_and_the_picture_named(segmenter_of: Any, value: float) -> None:
    broken = [[value, value], *LOGITS[1:]]
    with pytest.raises(SetupError, match=r"picture 0 of stripes cannot be judged by score max_logit: .*not finite"):
        evaluate(segmenter_of(broken, DATASET), Stripes(TRUTH), ["max_logit"], progress=False)


def test_what_is_not_asked_for_is_not_computed(segmenter_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []

    def counting(name: str, score: Score) -> Score:
        def counted(logits: torch.Tensor, dataset_logits: torch.Tensor) -> torch.Tensor:
            used.append(name)
            return score(logits, dataset_logits)

        return counted

    for name, score in list(SCORES.items()):
        monkeypatch.setitem(SCORES, name, counting(name, score))
    monkeypatch.setattr(ConfusionMatrix, "add", lambda *arguments: used.append("confusion"))
    segmenter = segmenter_of(LOGITS, DATASET)
    everything = {
        ("msp",): ["confusion", "msp"],
        (): ["confusion"],
        ("hybrid",): ["confusion", "hybrid", "likelihood", "posterior"],  # whose parts are reported
    }
    for asked, expected in everything.items():
        used.clear()
        evaluate(segmenter, Stripes(TRUTH), asked, progress=False)
        assert sorted(set(used)) == expected  # once for every strip
    used.clear()
    found = evaluate(segmenter, Stripes(TRUTH), ["msp"], progress=False, segmentation=False)
    assert set(used) == {"msp"}
    assert np.isnan(found.segmentation.miou)
    assert found.class_iou == {}


def test_pictures_are_ranked_one_by_one_where_the_protocol_says_so() -> None:
    pool = PicturePool()
    scores = [np.array([[1, 2]], np.float32), np.array([[9, 8]], np.float32), np.array([[5, 5]], np.float32)]
    truths = [np.array([[0, 1]], np.uint8), np.array([[0, 1]], np.uint8), np.array([[0, 0]], np.uint8)]
    for score, truth in zip(scores, truths, strict=True):
        pool.add(score, truth)
    assert pool.result().ap == pytest.approx((1 + 0.5) / 2)
    assert pool.points().false_positives[-1] == 4


def test_many_scores_keep_no_more_pixels_than_few() -> None:
    assert kept_of_each(KEPT, 1) == kept_of_each(KEPT, 2) == KEPT_PIXELS
    for scores in (9, 20, 100):
        judge = Judge([str(number) for number in range(scores)], RankingPool, 2, None, folds=2)
        for pools, together in ((judge._pools, KEPT), *((fold, KEPT_OF_FOLD) for fold in judge._folds)):
            kept = sum(each._scores._kept_pixels for each in pools.values())
            assert 0.9 * together < kept <= together
