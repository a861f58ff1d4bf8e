"""Metrics against scikit-learn and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from densehybrid_ros.labels import binary_truth
from densehybrid_ros.metrics.ranking import Ranking, area_under_roc, average_precision, fpr_at_tpr, operating_points
from densehybrid_ros.metrics.ranking_pool import RankingPool


def scores_and_truth(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    anomalous = rng.random(4000) < 0.07
    scores = (rng.normal(0, 1, 4000) + 1.3 * anomalous).astype(np.float32)
    return (np.round(scores * 4) / 4 if ties else scores), anomalous


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ties", [False, True])
def test_ranking_metrics_equal_scikit_learn(seed: int, ties: bool) -> None:
    scores, anomalous = scores_and_truth(seed, ties)
    points = operating_points(scores, anomalous)
    assert average_precision(points) == pytest.approx(average_precision_score(anomalous, scores), abs=1e-12)
    assert area_under_roc(points) == pytest.approx(roc_auc_score(anomalous, scores), abs=1e-12)
    fpr, tpr, _ = roc_curve(anomalous, scores, drop_intermediate=False)
    assert fpr_at_tpr(points) == pytest.approx(fpr[np.argmax(tpr >= 0.95)], abs=1e-12)


def test_a_rate_that_is_met_exactly_counts() -> None:
    scores = np.arange(40, 0, -1).astype(np.float32)
    anomalous = np.zeros(40, bool)
    anomalous[list(range(0, 19)) + [30]] = True  # 19 of 20 are found before the first false positive
    points = operating_points(scores, anomalous)
    assert fpr_at_tpr(points) == 0.0
    assert fpr_at_tpr(points, 0.951) == pytest.approx(11 / 20)


@pytest.mark.parametrize("anomalous", [np.zeros(5, bool), np.ones(5, bool)])
def test_one_kind_alone_has_no_ranking(anomalous: np.ndarray) -> None:
    with pytest.raises(ValueError, match="both kinds"):
        operating_points(np.arange(5, dtype=np.float32), anomalous)


def test_a_score_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        operating_points(np.array([0, np.nan], np.float32), np.array([True, False]))


def test_the_pool_leaves_out_ignored_pixels_and_pools_pictures() -> None:
    rng = np.random.default_rng(0)
    pool = RankingPool()
    kept_scores, kept_truth = [], []
    for _ in range(3):
        truth = rng.choice([0, 1, 2, 3, 255], (8, 9)).astype(np.uint8)
        score = rng.normal(0, 1, (8, 9)).astype(np.float32)
        pool.add(score, binary_truth(truth, 3))
        kept_scores.append(score[truth != 255])
        kept_truth.append(truth[truth != 255] == 3)
    expected = average_precision_score(np.concatenate(kept_truth), np.concatenate(kept_scores))
    assert pool.has_both_kinds()
    assert pool.result().ap == pytest.approx(expected, abs=1e-12)


def test_a_pool_that_grows_large_goes_on_in_cells() -> None:
    rng = np.random.default_rng(0)
    small, large = RankingPool(), RankingPool(exact_pixels=5000)
    for number in range(6):
        truth = rng.choice([0, 0, 0, 1, 255], (40, 50)).astype(np.uint8)
        score = (rng.normal(-2, 3, truth.shape) + 4 * (truth == 1)).astype(np.float32)
        for pool in (small, large):
            pool.add(score, truth)
            assert pool.has_both_kinds()
        assert bool(large._scores) == (number < 3), "kept although it is large, or dropped although it is small"
    exact, counted = small.result(), large.result()
    assert exact != counted
    assert counted.ap == pytest.approx(exact.ap, abs=1e-4)
    assert counted.auroc == pytest.approx(exact.auroc, abs=1e-4)
    assert counted.fpr95 == pytest.approx(exact.fpr95, abs=2e-3)
    with pytest.raises(ValueError, match="finite"):
        large.add(np.full((2, 2), np.inf, np.float32), np.zeros((2, 2), np.uint8))


def test_a_ranking_has_every_figure_of_its_points() -> None:
    points = operating_points(*scores_and_truth(0, ties=True))
    assert Ranking.of(points) == Ranking(
        ap=average_precision(points), fpr95=fpr_at_tpr(points), auroc=area_under_roc(points)
    )
    assert Ranking.titles() == {"ap": "AP", "fpr95": "FPR95", "auroc": "AUROC"}


def test_the_mean_of_rankings() -> None:
    mean = Ranking.mean([Ranking(0.2, 0.6, 0.4), Ranking(0.4, 1.0, 0.6)])
    assert mean == Ranking(pytest.approx(0.3), pytest.approx(0.8), pytest.approx(0.5))
    assert mean.percents() == {"ap": 30.0, "fpr95": 80.0, "auroc": 50.0}
    assert np.isnan(Ranking.mean([]).ap)
    assert Ranking.mean([]).percents() == {"ap": None, "fpr95": None, "auroc": None}
