"""Metrics against scikit-learn and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from densehybrid_ros.labels import binary_truth
from densehybrid_ros.metrics.ranking import (
    CONVENTIONS,
    Ranking,
    area_under_roc,
    average_precision,
    best_f1,
    fpr_at_tpr,
    operating_points,
    threshold_at_tpr,
)
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


FOUND = np.array([1, 0, 1, 1, 0, 1, 0], bool)
"""From the highest score down: true-positive rates 1/4, 1/4, 2/4, 3/4, 3/4, 1, 1; false-positive rates 0, then
1/3 three times, 2/3 twice, 1."""


@pytest.mark.parametrize(
    ("tpr", "at_least", "strict", "nearest"),
    [
        (0.5, 1 / 3, 1 / 3, 1 / 3),  # met exactly: strictly above it is 3/4, of which the first costs no more
        (0.25, 0, 1 / 3, 1 / 3),  # met twice: the nearest is the later of both
        (0.6, 1 / 3, 1 / 3, 1 / 3),
        (0.8, 2 / 3, 2 / 3, 2 / 3),  # 3/4 is nearer than 1, and is met last at 2/3, as 1 is met first
        (0.95, 2 / 3, 2 / 3, 2 / 3),
        (1.0, 2 / 3, 1.0, 2 / 3),  # nothing is above 1: the last of all; the nearest is the first that has found all
        (0.05, 0, 0, 1 / 3),
    ],
)
def test_a_rate_is_reached_by_three_conventions(tpr: float, at_least: float, strict: float, nearest: float) -> None:
    points = operating_points(np.arange(7, 0, -1).astype(np.float32), FOUND)
    found = {name: fpr_at_tpr(points, tpr, name) for name in CONVENTIONS}
    assert found == pytest.approx({"at_least": at_least, "strict": strict, "nearest": nearest})


@pytest.mark.parametrize("ties", [False, True])
def test_conventions_are_the_loops_over_all_thresholds_that_define_them(ties: bool) -> None:
    for seed in range(6):
        scores, anomalous = (each[:60] for each in scores_and_truth(seed, ties))
        anomalous = anomalous | (np.arange(60) % 7 == 0)
        levels = sorted({float(each) for each in scores}, reverse=True)
        rates = [((scores >= level)[anomalous].mean(), (scores >= level)[~anomalous].mean()) for level in levels]
        points = operating_points(scores, anomalous)
        for tpr in (0.1, 0.5, 0.8, 0.95):
            at_least = next(level for level, (hits, _) in zip(levels, rates, strict=True) if hits >= tpr)
            strict = next(level for level, (hits, _) in zip(levels, rates, strict=True) if hits > tpr)
            complete = next(place for place, (hits, _) in enumerate(rates) if hits == 1)
            nearest = min(range(complete, -1, -1), key=lambda place: abs(rates[place][0] - tpr))
            wanted = {"at_least": at_least, "strict": strict, "nearest": levels[nearest]}
            assert {name: threshold_at_tpr(points, tpr, name) for name in CONVENTIONS} == wanted
            assert fpr_at_tpr(points, tpr, "nearest") == pytest.approx(rates[nearest][1])


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
    weighted = Ranking.mean([Ranking(0.2, 0.6, 0.4), Ranking(0.4, 1.0, 0.6)], [3, 1])
    assert weighted == Ranking(pytest.approx(0.25), pytest.approx(0.7), pytest.approx(0.45))
    assert np.isnan(Ranking.mean([Ranking(0.2, 0.6, 0.4)], [0]).ap)
    assert np.isnan(Ranking.mean([]).ap)
    assert Ranking.mean([]).percents() == {"ap": None, "fpr95": None, "auroc": None}


def test_the_best_f1_balances_precision_and_recall() -> None:
    """F1 from the highest threshold on: 1/2, 2/5, 2/3, 6/7, 3/4."""
    scores, anomalous = np.array([5, 4, 3, 2, 1], np.float32), np.array([1, 0, 1, 1, 0], bool)
    assert best_f1(operating_points(scores, anomalous)) == (pytest.approx(6 / 7), 2.0)
