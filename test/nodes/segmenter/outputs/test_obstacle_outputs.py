"""Which frame the scan is published in, what TF learns of it, and when it is not published at all."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import LaserScan
from std_msgs.msg import Header

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.convert.transforms import UNCHANGED, FrameChange, levelling
from densehybrid_ros.nodes.segmenter.outputs.obstacle_outputs import ObstacleOutputs, Omitted
from densehybrid_ros.nodes.segmenter.outputs.transforms import NoTransform
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.ranging.obstacle_range import View
from densehybrid_ros.ranging.survey import Survey
from densehybrid_ros.topics import OBSTACLE_SCAN, OBSTACLES_JSON, TF_STATIC

PINHOLE = Pinhole(320.0, 320.0, 319.5, 179.5, width=640, height=360)
VIEW = View(PINHOLE, None, None, np.zeros((360, 640), np.uint8), np.zeros(256, np.bool_))
MOUNTED = replace(Settings(), camera_height=1.5, camera_pitch=0.1, max_range=40.0)


class Node:
    """Keeps what is published, by topic."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Any]] = {}

    def create_publisher(self, kind: type, name: str, *_: Any, **__: Any) -> Any:
        sent = self.sent.setdefault(name, [])
        return SimpleNamespace(publish=sent.append, get_subscription_count=lambda: 0)

    create_lifecycle_publisher = create_publisher

    @property
    def scans(self) -> list[LaserScan]:
        return self.sent["~/obstacles/scan"]


class Tf:
    """Knows one frame; None = it does not."""

    def __init__(self, frame: str, change: FrameChange | None) -> None:
        self.target_frame, self._change = frame, change

    def change(self, header: Header) -> FrameChange:
        if self._change is None:
            raise NoTransform(f"no transform from {header.frame_id} to {self.target_frame}")
        return self._change


def publish(
    outputs: ObstacleOutputs, settings: Settings, view: View | None = VIEW, wanted: Any = OBSTACLE_SCAN
) -> Omitted:
    header = Header(frame_id="front_optical")
    header.stamp.sec = 7
    frame: Any = SimpleNamespace(wanted={wanted}, header=header, settings=settings)
    return outputs.publish(frame, Survey((), view, "no camera_info has come"), "disparity", "", None)


def outputs_of(node: Node, tf: Tf | None = None) -> ObstacleOutputs:
    fake: Any = node
    transforms: Any = tf
    return ObstacleOutputs(fake, "", transforms)


def test_a_mounted_camera_has_its_scan_in_a_level_frame() -> None:
    node = Node()
    assert publish(outputs_of(node), MOUNTED) == Omitted()
    (scan,) = node.scans
    assert (scan.header.frame_id, scan.header.stamp.sec, scan.range_max) == ("front_optical_level", 7, 40.0)
    assert np.isposinf(scan.ranges).all()


def test_tf_learns_the_level_frame_once_and_again_after_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    tf2_msgs = ModuleType("tf2_msgs.msg")
    tf2_msgs.TFMessage = lambda transforms: transforms
    monkeypatch.setitem(sys.modules, "tf2_msgs", ModuleType("tf2_msgs"))
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", tf2_msgs)
    node = Node()
    outputs = outputs_of(node)
    told = node.sent[TF_STATIC.name]
    publish(outputs, MOUNTED)
    publish(outputs, MOUNTED)
    ((placed,),) = told
    assert (placed.header.frame_id, placed.child_frame_id) == ("front_optical", "front_optical_level")
    x, y, z, w = levelling(0.1).rotation
    turn = placed.transform.rotation
    assert (turn.x, turn.y, turn.z, turn.w) == (-x, -y, -z, w)
    publish(outputs, replace(MOUNTED, camera_pitch=0.2))
    assert len(told) == 2
    assert len(node.scans) == 3


def test_with_a_target_frame_the_scan_is_in_it_whatever_the_mounting() -> None:
    node = Node()
    outputs = outputs_of(node, Tf("base_link", levelling(0.0)))
    assert TF_STATIC.name not in node.sent
    assert publish(outputs, Settings()) == Omitted()
    assert node.scans[0].header.frame_id == "base_link"


@pytest.mark.parametrize(
    ("tf", "settings", "view", "reason"),
    [
        (None, Settings(), VIEW, "'front_optical' is the image's own; set target_frame"),
        (Tf("other_optical", UNCHANGED), MOUNTED, VIEW, "z of 'other_optical' does not point up"),
        (None, replace(MOUNTED, camera_pitch=1.3), VIEW, "must not look down by more than 60 degrees"),
        (None, MOUNTED, None, "no camera_info has come"),
        (Tf("base_link", None), MOUNTED, VIEW, "no transform from front_optical to base_link"),
    ],
    ids=["no mounting", "optical", "steep", "no camera", "no transform"],
)
def test_a_scan_that_would_be_wrong_is_not_published(
    tf: Tf | None, settings: Settings, view: View | None, reason: str
) -> None:
    node = Node()
    outputs = outputs_of(node, tf)
    assert reason in publish(outputs, settings, view).scan
    assert node.scans == []
    assert publish(outputs, settings, view, wanted=OBSTACLES_JSON).scan == ""
