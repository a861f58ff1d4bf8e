"""Rankings and IoU of a few pixels, worked by hand: ties, ignored pixels, classes that do not occur."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from densehybrid_ros.metrics.by_range import RangeTable, range_of_disparity, table_dict
from densehybrid_ros.metrics.ranking import Ranking, fpr_at_tpr, operating_points
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.segmentation import ConfusionMatrix, class_iou, mean_iou

UNKNOWN, VOID = 1, 255
TIED = np.array([[3, 2, 2, 2, 1, 1, 0, 0]], np.float32)
TRUTH = np.array([[1, 1, 0, 0, 1, 0, 0, 0]], np.uint8)
RANKING = Ranking(ap=1 / 3 + 1 / 3 * 2 / 4 + 1 / 3 * 3 / 6, auroc=11.5 / 15, fpr95=3 / 5)
"""Thresholds 3, 2, 1, 0 find 1, 2, 3, 3 of 3 anomalies and 0, 2, 3, 5 of 5 inliers. An anomaly that ties with an inlier
counts half: 5 + (3 + 2/2) + (2 + 1/2) of 15 pairs."""


def ranking_by_cells(score: np.ndarray, truth: np.ndarray) -> Ranking | None:
    table = RangeTable()
    table.add(score, truth)
    return table.rows()[0].ranking


def pooled(score: np.ndarray, truth: np.ndarray, kept_pixels: int) -> Ranking:
    pool = RankingPool(kept_pixels)
    pool.add(score, truth)
    return pool.result()


def test_tied_scores_share_one_point() -> None:
    points = operating_points(TIED[0], TRUTH[0] == UNKNOWN)
    assert points.thresholds.tolist() == [3, 2, 1, 0]
    assert points.true_positives.tolist() == [1, 2, 3, 3]
    assert points.false_positives.tolist() == [0, 2, 3, 5]


def test_every_way_to_rank_gives_what_is_worked_by_hand() -> None:
    assert average_precision_score(TRUTH[0], TIED[0]) == pytest.approx(RANKING.ap)
    assert roc_auc_score(TRUTH[0], TIED[0]) == pytest.approx(RANKING.auroc)
    ways = [
        Ranking.of(operating_points(TIED[0], TRUTH[0] == UNKNOWN)),
        pooled(TIED, TRUTH, kept_pixels=8),
        pooled(TIED, TRUTH, kept_pixels=7),
        ranking_by_cells(TIED, TRUTH),
    ]
    for found in ways:
        assert found is not None
        assert (found.ap, found.auroc, found.fpr95) == pytest.approx((RANKING.ap, RANKING.auroc, RANKING.fpr95))


@pytest.mark.parametrize("kept_pixels", [8, 7])
def test_a_threshold_finds_all_pixels_of_its_point(kept_pixels: int) -> None:
    """Also where they are counted in cells."""
    score = np.array([[-1000.1, -3.3, -0.7, 0.0, 1e-3, 0.7, 55.5, 1234.5]], np.float32)
    pool = RankingPool(kept_pixels)
    pool.add(score, TRUTH)
    points = pool.points()
    np.testing.assert_array_equal(points.thresholds, score[0, ::-1])
    found = [int((score[TRUTH == UNKNOWN] >= threshold).sum()) for threshold in points.thresholds]
    assert points.true_positives.tolist() == found


def test_ignored_pixels_change_nothing_whatever_their_score() -> None:
    score = np.append(TIED, [[9, -9, 2]], 1).astype(np.float32)
    truth = np.append(TRUTH, [[VOID, VOID, VOID]], 1).astype(np.uint8)
    for kept_pixels in (8, 7):
        assert pooled(score, truth, kept_pixels) == pooled(TIED, TRUTH, kept_pixels)
    assert ranking_by_cells(score, truth) == ranking_by_cells(TIED, TRUTH)


def test_a_score_that_tells_nothing_ranks_by_chance() -> None:
    """One point for all: precision is the share of anomalies, and half of the area lies below the diagonal."""
    for found in (
        pooled(np.zeros((1, 8), np.float32), TRUTH, 8),
        ranking_by_cells(np.zeros((1, 8), np.float32), TRUTH),
    ):
        assert found == Ranking(ap=3 / 8, auroc=0.5, fpr95=1.0)


def test_iou_leaves_out_unknown_void_and_classes_that_do_not_occur() -> None:
    """K = 4. Class 0 is hit twice of three, class 1 once of three, class 2 is predicted only, class 3 nowhere."""
    truth = np.array([[0, 0, 0, 1, 1, 4, VOID]], np.uint8)
    predicted = np.array([[0, 0, 1, 1, 2, 3, 3]], np.uint8)
    matrix = ConfusionMatrix(4)
    matrix.add(predicted, truth)
    assert matrix.counts.tolist() == [[2, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0] * 5, [0] * 5]
    np.testing.assert_allclose(class_iou(matrix), [2 / 3, 1 / 3, 0, np.nan])
    assert mean_iou(matrix) == pytest.approx(1 / 3)
    matrix.add(predicted, truth)
    assert matrix.counts.sum() == 10, "pictures do not add up"


def test_the_report_begins_with_all_pixels_and_goes_from_near_to_far() -> None:
    table = RangeTable()
    table.add(TIED, TRUTH, np.array([[7, 7, 7, 7, 12, 12, 48, 60]], np.float32))
    report = table_dict(table.rows())
    assert report["ap"] == round(100 * RANKING.ap, 2)
    assert [(row["low"], row["high"]) for row in report["by_range"]] == [(low, low + 5) for low in range(5, 50, 5)]
    counts = [(row["inlier_pixels"], row["anomalous_pixels"]) for row in report["by_range"]]
    assert counts == [(2, 2), (1, 1), *[(0, 0)] * 6, (1, 0)]


def test_a_rate_is_met_at_the_first_point_that_reaches_it_and_beyond_all_points_at_the_last() -> None:
    points = operating_points(TIED[0], TRUTH[0] == UNKNOWN)
    rates = {0.0: 0.0, 1 / 3: 0.0, 0.34: 2 / 5, 2 / 3: 2 / 5, 0.67: 3 / 5, 1.0: 3 / 5, 1.1: 1.0}
    assert {rate: fpr_at_tpr(points, rate) for rate in rates} == rates


@pytest.mark.parametrize("least", [-5.0, -0.5, 0.0, float("nan"), float("-inf")])
def test_no_disparity_from_zero_down_has_a_range_whatever_the_least_is_said_to_be(least: float) -> None:
    disparity = np.array([[4, 0.25, 0, -0.25, -4]], np.float32)
    assert range_of_disparity(disparity, 100.0, 0.5, least).tolist() == [[12.5, 200.0, 0, 0, 0]]
