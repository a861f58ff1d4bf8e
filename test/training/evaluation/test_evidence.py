"""What reports are drawn from: points of the exact curves, shares of all pixels, and pictures in their true order."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from densehybrid_ros.core.scenes import ScoredImage
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.metrics.ranking import operating_points
from densehybrid_ros.training.evaluation.evidence import frames
from densehybrid_ros.training.evaluation.evidence.curves import BINS, curve, histogram
from densehybrid_ros.training.evaluation.evidence.frames import PictureRanks, drawn, heat_map
from densehybrid_ros.training.evaluation.evidence.gathering import evidence


def test_a_curve_has_the_points_of_the_exact_one_worked_by_hand() -> None:
    scores = np.array([4, 3, 2, 1], np.float32)
    found = curve(operating_points(scores, np.array([True, False, True, False])))
    assert found["thresholds"] == [4, 3, 2, 1]
    assert found["tpr"] == [0.5, 0.5, 1, 1]
    assert found["fpr"] == [0, 0.5, 0.5, 1]
    assert found["precision"] == [1, 0.5, pytest.approx(2 / 3, abs=1e-6), 0.5]


def test_a_long_curve_is_thinned_without_leaving_the_exact_one() -> None:
    rng = np.random.default_rng(1)
    anomalous = rng.random(40000) < 0.02
    scores = (rng.normal(size=40000) + 2 * anomalous).astype(np.float32)
    points = operating_points(scores, anomalous)
    found = curve(points)
    assert 100 < len(found["tpr"]) <= 210
    for threshold, tpr, fpr, precision in zip(
        *(found[name] for name in ("thresholds", "tpr", "fpr", "precision")), strict=True
    ):
        above = scores >= np.float32(threshold) - 2e-5
        below = scores >= np.float32(threshold) + 2e-5
        assert below[anomalous].mean() - 1e-6 <= tpr <= above[anomalous].mean() + 1e-6
        assert below[~anomalous].mean() - 1e-7 <= fpr <= above[~anomalous].mean() + 1e-7
        assert precision == pytest.approx(anomalous[above].mean(), abs=2e-3)
    steps = np.diff(found["tpr"])
    assert steps.max() < 0.011, "a step of recall is left out"
    assert found["tpr"][-1] == found["fpr"][-1] == 1


def test_a_histogram_counts_every_pixel_of_a_kind_once_in_the_bin_of_its_score() -> None:
    rng = np.random.default_rng(2)
    scores = np.concatenate([rng.normal(-5, 1, 5000), rng.normal(3, 2, 700)]).astype(np.float32)
    anomalous = np.repeat([False, True], [5000, 700])
    found = histogram(operating_points(scores, anomalous))
    edges = np.array(found["edges"])
    assert len(edges) == BINS + 1
    inner = edges[1:-1]
    for kind, chosen in (("inliers", ~anomalous), ("anomalies", anomalous)):
        expected = np.bincount(np.searchsorted(inner, scores[chosen], side="right"), minlength=BINS) / chosen.sum()
        assert np.abs(np.array(found[kind]) - expected).max() < 3 / chosen.sum(), kind
        assert sum(found[kind]) == pytest.approx(1, abs=1e-4)


def test_a_score_that_says_nothing_has_a_histogram_all_the_same() -> None:
    found = histogram(operating_points(np.zeros(10, np.float32), np.arange(10) < 3))
    assert found["edges"][0] < 0 < found["edges"][-1]
    assert sum(found["inliers"]) == sum(found["anomalies"]) == 1
    assert found["inliers"].index(1) == found["anomalies"].index(1)


def ranks_of(*aps: float) -> PictureRanks:
    """Pictures of 100 inliers and one anomaly; of each the AP, 1 / (inliers above it + 1)."""
    ranks = PictureRanks("hybrid", classes=1)
    for index, ap in enumerate(aps):
        score = np.linspace(-1, -2, 101, dtype=np.float32)[None]
        truth = np.zeros((1, 101), np.uint8)
        truth[0, round(1 / ap) - 1] = 1
        ranks.add(index, f"{index}.png", ScoredImage({"hybrid": score}, np.empty((0, 0), np.uint8)), truth)
    return ranks


def test_the_best_pictures_come_first_and_the_worst_of_all_leads_the_worst() -> None:
    found = ranks_of(0.5, 0.02, 1, 0.25, 0.1, 0.05, 0.01, 0.2).best_and_worst()
    assert [(among, each.name) for among, each in found] == [
        *(("best", name) for name in ("2.png", "0.png", "3.png")),
        *(("worst", name) for name in ("6.png", "1.png", "5.png")),
    ]
    assert found[1][1].ranking.ap == pytest.approx(0.5)


def test_few_pictures_are_not_named_twice_and_those_of_one_kind_of_pixel_not_at_all() -> None:
    ranks = ranks_of(0.5, 1, 0.1)
    ranks.add(
        7,
        "7.png",
        ScoredImage({"hybrid": np.zeros((2, 2), np.float32)}, np.empty((0, 0), np.uint8)),
        np.zeros((2, 2), np.uint8),
    )
    assert [each.name for _, each in ranks.best_and_worst()] == ["1.png", "0.png", "2.png"]


def test_a_drawn_picture_shows_found_pixels_red_and_true_anomalies_outlined(
    random_weights: str, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "QUALITY", 100)
    segmenter = Segmenter.load(random_weights, "cpu", "fp32")
    scored = segmenter.scored(picture, ["hybrid"]).scores["hybrid"]
    threshold = float(np.median(scored))
    anomalies = np.zeros(picture.shape[:2], np.uint8)
    anomalies[20:60, 30:90] = 1
    ((_, ranked),) = ranks_of(0.5).best_and_worst()
    made = drawn(segmenter, ranked, "best", picture, anomalies, "hybrid", threshold)
    seen = cv2.imdecode(np.frombuffer(made.found, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    assert seen.shape == picture.shape
    outline = np.zeros_like(anomalies)
    cv2.rectangle(outline, (30, 20), (89, 59), 1, 5)
    found, kept = (scored >= threshold) & (outline == 0), (scored < threshold) & (outline == 0)
    redness = seen[..., 0] - 0.55 * picture[..., 0] - 0.45 * 255
    assert np.abs(redness[found]).mean() < 12
    assert np.abs(redness[kept]).mean() > 18
    assert seen[20, 40:80].min(axis=-1).mean() > 140, "the rim of what is truly anomalous is white"


def test_a_heat_map_is_brighter_where_the_score_is_higher_and_dim_where_truth_is_ignored() -> None:
    score = np.repeat(np.linspace(-3, 7, 90, dtype=np.float32)[None], 30, 0)
    truth = np.zeros((30, 90), np.uint8)
    truth[20:] = 255
    made = heat_map(score, truth).astype(int).sum(-1)
    assert (np.diff(made[0]) >= -3).all()
    assert made[0, -1] > made[0, 0] + 300
    assert (made[25] <= made[5] / 2).all()


def test_thresholds_in_a_report_are_those_in_use(random_weights: str) -> None:
    segmenter = Segmenter.load(random_weights, "cpu", "fp32")
    points = operating_points(np.array([1, 2, 3], np.float32), np.array([False, True, True]))
    found = evidence(segmenter, {"hybrid": points, "likelihood": points, "msp": points})
    assert found["thresholds"] == {"hybrid": 0.25, "likelihood": round(segmenter.default_threshold("likelihood"), 5)}
    assert found["thresholds"]["likelihood"] != 0.25
    assert found["curves"].keys() == found["histograms"].keys() == {"hybrid", "likelihood", "msp"}
