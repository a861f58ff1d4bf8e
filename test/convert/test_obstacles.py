"""Obstacles as markers, detections, points and JSON, in the camera's frame and in another."""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from geometry_msgs.msg import Pose, Vector3
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from densehybrid_ros.convert import obstacles as obstacle_messages
from densehybrid_ros.convert.transforms import UNCHANGED, FrameChange, rotation_matrix
from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.segmenter.outputs.transforms import NoTransform, Transforms
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.regions import Region
from densehybrid_ros.ranging.survey import POINT

REGION = Region(100, 50, np.ones((20, 30), np.bool_), 600)
RANGED = Obstacle(
    REGION,
    score=3.0,
    source="disparity",
    range=23.4,
    range_error=0.5,
    interval=(23.0, 24.0),
    centre=(1.0, 0.5, 23.5),
    size=(2.0, 1.0, 0.2),
    height_above_road=1.1,
    number=7,
    closing_speed=4.0,
)
RANGELESS = Obstacle(REGION, score=2.0, why_not="the camera is not known", number=8)
TO_BODY = (-0.5, 0.5, -0.5, 0.5)
"""From the optical frame (z forward) to a body's (x forward), as REP-103 has them."""


def header() -> Header:
    made = Header(frame_id="front_camera")
    made.stamp.sec, made.stamp.nanosec = 5, 250
    return made


@pytest.fixture
def body() -> FrameChange:
    turned = rotation_matrix(*TO_BODY)
    return FrameChange(np.column_stack([turned, [2.0, 0.0, 1.4]]), TO_BODY)


def test_markers_show_only_what_has_a_range() -> None:
    markers = obstacle_messages.markers_message([RANGED, RANGELESS], header(), UNCHANGED, 1.5).markers
    assert [each.action for each in markers] == [Marker.DELETEALL, Marker.ADD, Marker.ADD]
    assert {each.id for each in markers[1:]} == {7}
    assert all(each.header == header() for each in markers)
    box, text = markers[1:]
    assert text.text == "23.4 m"
    assert (box.scale.x, box.scale.y, box.scale.z) == (2.0, 1.0, 0.2)
    assert (box.pose.position.x, box.pose.position.y) == (1.0, 0.5)
    assert box.pose.position.z == pytest.approx(23.5)
    assert text.pose.position.y < box.pose.position.y - 0.5  # y points down


def test_boxes_move_into_another_frame(body: FrameChange) -> None:
    box = obstacle_messages.markers_message([RANGED], header(), body, 1.5).markers[1]
    place, turn = box.pose.position, box.pose.orientation
    np.testing.assert_allclose([place.x, place.y, place.z], [23.5 + 2.0, -1.0, 1.4 - 0.5], atol=1e-9)
    assert (turn.x, turn.y, turn.z, turn.w) == TO_BODY


def test_points_move_into_another_frame(body: FrameChange) -> None:
    points = np.zeros(1, POINT)
    points["x"], points["y"], points["z"], points["score"], points["obstacle_id"] = 1, 2, 10, 3, 7
    message = obstacle_messages.points_message(points, Header(frame_id="base_link"), body)
    (moved,) = np.frombuffer(message.data, POINT)
    np.testing.assert_allclose([moved["x"], moved["y"], moved["z"]], [12.0, -1.0, -0.6], atol=1e-5)
    assert (moved["score"], moved["obstacle_id"]) == (3.0, 7)


def test_the_json_tells_everything_and_no_range_where_there_is_none() -> None:
    told = json.loads(obstacle_messages.obstacles_json([RANGED, RANGELESS], header(), "disparity", "", 0.25))
    assert told["range_delay"] == 0.25
    assert (told["stamp"], told["frame_id"]) == ({"sec": 5, "nanosec": 250}, "front_camera")
    ranged, rangeless = told["obstacles"]
    assert (ranged["id"], ranged["range"], ranged["range_error"], ranged["source"]) == (7, 23.4, 0.5, "disparity")
    assert (ranged["width"], ranged["height"], ranged["height_above_road"]) == (2.0, 1.0, 1.1)
    assert (ranged["closing_speed"], ranged["box"], ranged["pixels"]) == (4.0, [100, 50, 30, 20], 600)
    assert [rangeless[key] for key in ("range", "centre", "width", "closing_speed")] == [None] * 4
    assert rangeless["why_not"] == "the camera is not known"


def test_detections_follow_vision_msgs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Detection3D(SimpleNamespace):
        def __init__(self, **fields: Any) -> None:
            super().__init__(bbox=SimpleNamespace(center=Pose(), size=Vector3()), results=[], **fields)

    class Detection3DArray(SimpleNamespace):
        def __init__(self, **fields: Any) -> None:
            super().__init__(detections=[], **fields)

    class ObjectHypothesisWithPose(SimpleNamespace):
        def __init__(self) -> None:
            super().__init__(hypothesis=SimpleNamespace(class_id="", score=0.0), pose=SimpleNamespace(pose=None))

    for kind in (Detection3D, Detection3DArray, ObjectHypothesisWithPose):
        monkeypatch.setattr(obstacle_messages, kind.__name__, kind)
    message = obstacle_messages.detections_message([RANGED, RANGELESS], 3.0, header(), UNCHANGED)
    (detection,) = message.detections
    assert (message.header, detection.header, detection.id) == (header(), header(), "7")
    (result,) = detection.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("unknown", 0.5)
    covariance = np.reshape(result.pose.covariance, (6, 6))
    assert covariance[2, 2] == pytest.approx(0.25)
    np.testing.assert_allclose(covariance, covariance.T)
    assert obstacle_messages.confidence(1e6, 0.0) == 1.0
    assert obstacle_messages.confidence(-1e6, 0.0) == pytest.approx(0.0)


def test_transforms_come_from_tf_and_unknown_ones_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, int]] = []

    class Buffer:
        def lookup_transform(self, target: str, source: str, time: Any) -> Any:
            asked.append((target, source, time.nanoseconds))
            if source != "front_camera":
                raise LookupError("two trees")
            x, y, z, w = TO_BODY
            rotation, translation = SimpleNamespace(x=x, y=y, z=z, w=w), SimpleNamespace(x=2.0, y=0.0, z=1.4)
            return SimpleNamespace(transform=SimpleNamespace(rotation=rotation, translation=translation))

    tf2_ros = ModuleType("tf2_ros")
    tf2_ros.Buffer = Buffer
    tf2_ros.TransformListener = lambda buffer, node: SimpleNamespace()
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2_ros)
    transforms = Transforms(SimpleNamespace(), "base_link")
    change = transforms.change(header())
    assert asked == [("base_link", "front_camera", 5_000_000_250)]
    np.testing.assert_allclose(change.points(np.array([[0.0, 0.0, 10.0]])), [[12.0, 0.0, 1.4]], atol=1e-9)
    assert transforms.knows(header())
    assert not transforms.knows(Header(frame_id="moon"))
    with pytest.raises(NoTransform, match="two trees"):
        transforms.change(Header(frame_id="moon"))


def test_a_target_frame_without_tf_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    with pytest.raises(SetupError, match="needs tf2_ros"):
        Transforms(SimpleNamespace(), "base_link")
