"""A scan as a message, the level frame it stands in, and what a costmap makes of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import LaserScan
from std_msgs.msg import Header

from densehybrid_ros.convert.scan import scan_message
from densehybrid_ros.convert.transforms import frame_change, levelling, place_of, rotation_matrix
from densehybrid_ros.ranging.scan import Scan

INF, NAN = math.inf, math.nan


def message(*ranges: float) -> LaserScan:
    header = Header(frame_id="front_level")
    header.stamp.sec, header.stamp.nanosec = 5, 250
    return scan_message(Scan(-0.2, 0.1, np.array(ranges, np.float32)), header, 50.0)


def test_angles_go_from_the_first_range_to_the_last() -> None:
    made = message(3.0, INF, NAN, 4.5)
    assert (made.header.frame_id, made.header.stamp.sec, made.header.stamp.nanosec) == ("front_level", 5, 250)
    assert (made.angle_min, made.angle_increment) == (pytest.approx(-0.2), pytest.approx(0.1))
    assert made.angle_max == pytest.approx(0.1)
    assert (made.range_min, made.range_max) == (0.0, 50.0)
    assert list(made.ranges) == pytest.approx([3.0, INF, NAN, 4.5], nan_ok=True)
    assert (made.time_increment, made.scan_time, list(made.intensities)) == (0.0, 0.0, [])


def test_a_costmap_marks_what_is_there_and_clears_what_is_gone() -> None:
    """As Nav2's obstacle layer with `inf_is_valid` is documented: inf is taken for a little less than range_max."""
    cells: set[tuple[int, int]] = set()

    def update(scan: LaserScan, mark_to: float, clear_to: float) -> None:
        for index, told in enumerate(scan.ranges):
            distance = scan.range_max - 1e-4 if told == INF else told
            if not scan.range_min <= distance <= scan.range_max:
                continue
            angle = scan.angle_min + index * scan.angle_increment
            for step in np.arange(0, min(distance, clear_to), 0.25):
                cells.discard((math.floor(step * math.cos(angle)), math.floor(step * math.sin(angle))))
            if distance <= mark_to:
                cells.add((math.floor(distance * math.cos(angle)), math.floor(distance * math.sin(angle))))

    update(message(12.5, INF, NAN, INF), 25.0, 30.0)
    marked = (math.floor(12.5 * math.cos(-0.2)), math.floor(12.5 * math.sin(-0.2)))
    assert cells == {marked}
    update(message(NAN, INF, NAN, INF), 25.0, 30.0)
    assert cells == {marked}  # what is not known clears nothing
    update(message(INF, INF, NAN, INF), 25.0, 30.0)
    assert cells == set()


def test_a_level_frame_is_the_bodys_of_rep_103_under_a_camera_without_pitch() -> None:
    change = levelling(0.0)
    assert change.rotation == (-0.5, 0.5, -0.5, 0.5)
    np.testing.assert_allclose(change.points(np.array([[1.0, 2.0, 10.0]])), [[10.0, -1.0, -2.0]], atol=1e-12)


@pytest.mark.parametrize("pitch", [0.3, -0.2])
def test_a_camera_that_looks_down_has_its_axis_below_the_level(pitch: float) -> None:
    change = levelling(pitch)
    axis, right = change.points(np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(axis, [math.cos(pitch), 0.0, -math.sin(pitch)], atol=1e-12)
    np.testing.assert_allclose(right, [0.0, -1.0, 0.0], atol=1e-12)
    turn = place_of(change).rotation
    np.testing.assert_allclose(
        rotation_matrix(turn.x, turn.y, turn.z, turn.w) @ change.matrix[:, :3], np.eye(3), atol=1e-12
    )
    # TF gives points of the child in the parent: forward of the level frame is up in the picture of such a camera
    forward = frame_change(place_of(change)).points(np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(forward, [[0.0, -math.sin(pitch), math.cos(pitch)]], atol=1e-12)
