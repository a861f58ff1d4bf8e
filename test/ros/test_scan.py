"""The real node's scan over DDS: at the obstacles' bearings, cleared when they are gone, refused without a frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, LaserScan
from std_msgs.msg import Header

from densehybrid_ros.nodes.player.messages import camera_info_message
from densehybrid_ros.roadworld import Frame, Roadworld

DRIVE, NUMBER = 301, 26
"""A frame of Roadworld in which the bundled weights find obstacles."""
WARN = "1"
MOST_REPORTS = 60


@pytest.fixture(scope="module")
def frame() -> Frame:
    return Roadworld(DRIVE, 640, 360).frame(NUMBER)


class Scans:
    """Publishes the frame again and again, and keeps what the scan says."""

    def __init__(self, probe: Any, frame: Frame) -> None:
        self.probe, self.frame = probe, frame
        self.infos = probe.node.create_publisher(CameraInfo, "camera_info", 10)
        self.told: list[LaserScan] = []
        probe.node.create_subscription(LaserScan, "/densehybrid/obstacles/scan", self.told.append, 10)

    def until(self, condition: Callable[[LaserScan], bool], what: str) -> LaserScan:
        """The first scan of an image sent from now on for which the condition holds."""
        self.told.clear()
        seconds: list[int] = []

        def found() -> bool:
            if not seconds or any(each.header.stamp.sec == seconds[-1] for each in self.told):
                self.infos.publish(camera_info_message(self.frame.camera, Header(), 0.0))
                seconds.append(self.probe.send(self.frame.left))
            return any(each.header.stamp.sec in seconds and condition(each) for each in self.told)

        self.probe.spin_until(found, what)
        return next(each for each in self.told if each.header.stamp.sec in seconds and condition(each))

    def until_warned(self, text: str) -> dict[str, str]:
        """Diagnostics that say so; images are sent for them."""
        for _ in range(MOST_REPORTS):
            self.infos.publish(camera_info_message(self.frame.camera, Header(), 0.0))
            self.probe.send(self.frame.left)
            values = self.probe.diagnostics()
            if text in values["message"]:
                return values
        raise AssertionError(f"no '{text}' in {MOST_REPORTS} reports")


@pytest.fixture
def scans(make_probe: Callable[..., Any], frame: Frame) -> Iterator[Scans]:
    return Scans(make_probe(("open_set",)), frame)


def obstacle_bearings(frame: Frame) -> np.ndarray:
    """degrees, of the columns in which Roadworld's obstacles stand."""
    columns = np.flatnonzero(frame.anomaly.any(0))
    return np.degrees(-np.arctan((columns - frame.camera.cx) / frame.camera.fx))


def test_the_scan_marks_obstacles_clears_them_and_says_why_it_cannot(
    start: Callable[..., Any], scans: Scans, frame: Frame
) -> None:
    camera = frame.camera
    mounting = f"camera_height:={camera.height_above_road}", f"camera_pitch:={camera.pitch}"
    start("segmenter", *mounting, "camera_timeout:=600.0")  # a slow machine is no stalled camera
    scans.probe.wait_for_node()
    scan = scans.until(lambda each: bool(np.isfinite(each.ranges).any()), "an obstacle in the scan")
    assert scan.header.frame_id == "front_camera_level"
    assert scan.header.stamp.nanosec == 250_000_000
    ranges = np.array(scan.ranges)
    angles = np.degrees(scan.angle_min + scan.angle_increment * np.arange(ranges.size))
    edges = [math.degrees(math.atan((side - camera.cx) / camera.fx)) for side in (-0.5, 639.5)]
    assert angles[[0, -1]] == pytest.approx([-edges[1], -edges[0]], abs=0.3)
    hit, true = np.isfinite(ranges), obstacle_bearings(frame)
    near_truth = np.abs(angles[:, None] - true[None]).min(1) < 0.5
    assert (hit & near_truth).any()
    assert np.isposinf(ranges).any()
    judged = 0
    for angle, distance in zip(angles[hit & near_truth], ranges[hit & near_truth], strict=True):
        column = round(camera.cx - camera.fx * math.tan(math.radians(angle)))
        seen = np.s_[:, max(column - 6, 0) : column + 7]
        if frame.anomaly[seen].any(0).all():  # a beam at the edge of an obstacle may go past it
            depths = frame.depth[seen][frame.anomaly[seen]] / math.cos(math.radians(angle))
            assert distance == pytest.approx(depths.min(), rel=0.05)
            judged += 1
    assert judged > 10

    assert scans.probe.set_parameter("threshold", 1000.0)[0]
    cleared = scans.until(lambda each: not np.isfinite(each.ranges).any(), "a free scan")
    assert np.isposinf(cleared.ranges).all()
    assert len(cleared.ranges) == len(scan.ranges)

    assert scans.probe.set_parameter("camera_height", 0.0)[0]
    values = scans.until_warned("obstacles/scan")
    assert values["level"] == WARN
    assert "'front_camera' is the image's own; set target_frame" in values["message"]
    before = len(scans.told)
    scans.probe.answer("open_set", scans.probe.send(frame.left))
    assert len(scans.told) == before
