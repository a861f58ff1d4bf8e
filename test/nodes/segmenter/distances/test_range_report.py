"""What diagnostics tell of ranges, of one camera and of all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.nodes.segmenter.distances.range_report import NO_RANGES, RangeReport, report_of, worst_of
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.regions import Region

RANGELESS = Obstacle(Region(0, 0, np.ones((2, 2), np.bool_), 4), score=1.0, why_not="nothing was measured")
NEAR, FAR = (replace(RANGELESS, source="disparity", range=range_) for range_ in (8.0, 30.0))


def test_the_nearest_and_those_without_range_are_told() -> None:
    report = report_of("disparity", "", [FAR, RANGELESS, NEAR], 0.25)
    assert report == RangeReport("disparity", "", obstacles=3, without_range=1, nearest=8.0, delay=0.25)
    assert report.status == "disparity"


def test_a_camera_that_nothing_measures_is_no_trouble() -> None:
    report = report_of("", "nothing tells distances", [RANGELESS], None)
    assert (report.status, report.without_range, report.nearest) == ("off", 1, None)


def test_trouble_of_one_camera_shows_before_all_else() -> None:
    good = report_of("depth", "", [FAR], 0.25)
    bad = report_of("disparity", "no disparity came in 0.5 s", [RANGELESS], None)
    worst = worst_of([NO_RANGES, good, bad])
    assert worst.status == "no disparity came in 0.5 s"
    assert (worst.obstacles, worst.without_range, worst.nearest, worst.delay) == (2, 1, 30.0, 0.25)
    assert worst_of([NO_RANGES, good]).status == "depth"
    assert worst_of([]) == NO_RANGES


def test_a_scan_that_cannot_be_made_is_told_apart_from_ranges() -> None:
    good, bad = report_of("depth", "", [FAR], 0.25), report_of("", "", [FAR], None, "no level frame")
    assert (bad.status, bad.no_scan, good.no_scan) == ("off", "no level frame", "")
    assert worst_of([good, bad]).no_scan == "no level frame"
