"""Histogram and calibration, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from densehybrid_ros.nodes.tuner.histogram import BINS, MARGIN, MOST_PIXELS, ScoreHistogram, curve_from, thinned

STORED = {
    "thresholds": [4.0, 2.0, 0.0, -4.0],
    "true_positive_rate": [0.0, 0.4, 0.8, 1.0],
    "false_positive_rate": [0.0, 0.0, 0.1, 0.5],
    "measured_on": "two pictures",
}


def test_shares_lie_on_the_lines_between_the_stored_points() -> None:
    curve = curve_from(STORED)
    found, known = curve.shares(np.array([-9.0, -4.0, -2.0, 1.0, 3.0, 4.0, 9.0]))
    np.testing.assert_allclose(found, [1.0, 1.0, 0.9, 0.6, 0.2, 0.0, 0.0])
    np.testing.assert_allclose(known, [0.5, 0.5, 0.3, 0.05, 0.0, 0.0, 0.0])
    assert curve.measured_on == "two pictures"


def test_the_axis_holds_calibration_and_scores_and_does_not_move() -> None:
    histogram = ScoreHistogram(3, curve_from(STORED))
    assert histogram.limits is None
    histogram.add(np.full((10, 10), -6.0, np.float32))
    assert histogram.limits == pytest.approx((-6.0 - 10 * MARGIN, 4.0 + 10 * MARGIN))
    histogram.add(np.full((10, 10), 100.0, np.float32))
    assert histogram.limits == pytest.approx((-6.5, 4.5))
    content = histogram.content()
    assert len(content["edges"]) == BINS + 1 == len(content["anomalies"])
    assert (content["counts"][-1], sum(content["counts"]), content["frames"]) == (100, 200, 2)


def test_scores_far_off_do_not_press_the_calibration_into_a_corner() -> None:
    histogram = ScoreHistogram(3, curve_from(STORED))
    histogram.add(np.full((10, 10), -1e6, np.float32))
    low, high = histogram.limits or (0, 0)
    assert high - low <= 8 * 2.5 * 1.2


def test_each_score_is_in_its_bin_and_old_frames_are_forgotten() -> None:
    histogram = ScoreHistogram(2, curve_from(STORED))
    for value in (0.0, 1.0, 3.0):
        histogram.add(np.full((2, 3), value, np.float32))
    content = histogram.content()
    edges, counts = np.array(content["edges"]), np.array(content["counts"])
    expected = np.histogram([1.0] * 6 + [3.0] * 6, edges)[0]
    np.testing.assert_array_equal(counts, expected)
    assert content["frames"] == 2


def test_without_calibration_the_first_frame_gives_the_axis() -> None:
    histogram = ScoreHistogram(2)
    histogram.add(np.array([[np.nan, np.inf], [np.nan, np.nan]], np.float32))
    assert histogram.content() == {
        "edges": [], "counts": [], "frames": 0, "anomalies": None, "known": None, "measured_on": "",
    }  # fmt: skip
    histogram.add(np.array([[0.0, 1.0], [np.nan, np.inf]], np.float32))
    content = histogram.content()
    assert sum(content["counts"]) == 2
    assert content["edges"][0] < 0.01
    assert content["edges"][-1] > 0.99
    assert content["anomalies"] is None


def test_large_maps_are_thinned_evenly() -> None:
    score = np.tile(np.arange(2048, dtype=np.float32), (1024, 1))
    values = thinned(score)
    assert MOST_PIXELS / 2 < values.size <= MOST_PIXELS * 1.1
    assert values.mean() == pytest.approx(score.mean(), rel=0.01)
    assert thinned(score[:20, :20]).size == 400
