"""A picture that is scaled otherwise across than down: fx and cx follow its width, fy and cy its height."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from densehybrid_ros.convert.images import scaled_camera_info
from densehybrid_ros.convert.ranges import projection_of

P = [600.0, 0.0, 320.0, -120.0, 0.0, 400.0, 180.0, -40.0, 0.0, 0.0, 1.0, 0.0]
K = [500.0, 0.0, 300.0, 0.0, 300.0, 170.0, 0.0, 0.0, 1.0]


def parts(info: CameraInfo, width: int, height: int) -> tuple[float, ...]:
    found = projection_of(info, width, height)
    assert found is not None
    return found.fx, found.fy, found.cx, found.cy, found.shift


def info(**more: object) -> CameraInfo:
    return CameraInfo(**{"width": 640, "height": 360, "p": P, "k": K, **more})


@pytest.mark.parametrize(
    ("p", "expected"),
    [(P, (300.0, 1200.0, 160.0, 540.0, -60.0)), ([0.0] * 12, (250.0, 900.0, 150.0, 510.0, 0.0))],
    ids=["P", "K"],
)
def test_half_as_wide_and_three_times_as_high(p: list[float], expected: tuple[float, ...]) -> None:
    assert parts(info(p=p), 320, 1080) == expected


def test_a_scaled_info_tells_the_same_projection_at_its_own_size() -> None:
    scaled = scaled_camera_info(info(), 320, 1080, Header(frame_id="nose"))
    assert list(scaled.p) == [300.0, 0.0, 160.0, -60.0, 0.0, 1200.0, 540.0, -120.0, 0.0, 0.0, 1.0, 0.0]
    assert list(scaled.k) == [250.0, 0.0, 150.0, 0.0, 900.0, 510.0, 0.0, 0.0, 1.0]
    assert parts(scaled, 320, 1080) == parts(info(), 320, 1080)


def test_a_region_of_interest_is_scaled_and_moves_the_centre_each_way_by_its_own_offset() -> None:
    region = RegionOfInterest(x_offset=100, y_offset=50, width=400, height=200)
    assert parts(info(roi=region), 200, 600) == (300.0, 1200.0, 110.0, 390.0, -60.0)
    scaled = scaled_camera_info(info(roi=region), 320, 1080, Header()).roi
    assert (scaled.x_offset, scaled.y_offset, scaled.width, scaled.height) == (50, 150, 200, 600)


def test_binning_without_a_size_is_taken_each_way() -> None:
    assert parts(info(width=0, height=0, binning_x=2, binning_y=4), 320, 90) == (300.0, 100.0, 160.0, 45.0, -60.0)
