"""Obstacles as markers, detections, points and JSON, in the camera's frame and in another."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from geometry_msgs.msg import Pose, PoseWithCovariance, Vector3
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
    place_error=0.1,
    height_above_road=1.1,
    number=7,
    closing_speed=4.0,
    velocity=(1.5, -4.0),
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
    assert [each.action for each in markers] == [Marker.DELETEALL, Marker.ADD, Marker.ADD, Marker.ADD]
    assert {each.id for each in markers[1:]} == {7}
    assert all(each.header == header() for each in markers)
    box, text, _ = markers[1:]
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


def test_an_arrow_is_as_long_as_the_way_of_one_second(body: FrameChange) -> None:
    arrow = obstacle_messages.markers_message([RANGED], header(), body, 1.5).markers[3]
    assert (arrow.type, arrow.ns, arrow.id, arrow.lifetime.sec) == (Marker.ARROW, "speed", 7, 1)
    begin, end = ([each.x, each.y, each.z] for each in arrow.points)
    np.testing.assert_allclose(begin, [23.5 + 2.0, -1.0, 1.4 - 0.5], atol=1e-9)
    np.testing.assert_allclose(end, [19.5 + 2.0, -2.5, 1.4 - 0.5], atol=1e-9)  # nearer, and to the right


@pytest.mark.parametrize("velocity", [None, (0.1, -0.1)])
def test_what_does_not_move_has_no_arrow(velocity: tuple[float, float] | None) -> None:
    still = replace(RANGED, velocity=velocity)
    markers = obstacle_messages.markers_message([still], header(), UNCHANGED, 1.5).markers
    assert Marker.ARROW not in {each.type for each in markers[1:]}


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
    assert (ranged["closing_speed"], ranged["velocity"]) == (4.0, [1.5, -4.0])
    assert (ranged["box"], ranged["pixels"]) == ([100, 50, 30, 20], 600)
    assert [rangeless[key] for key in ("range", "centre", "width", "closing_speed", "velocity")] == [None] * 5
    assert rangeless["why_not"] == "the camera is not known"


class Fields:
    """A stand-in for a message: it has these fields, and takes no other."""

    __slots__: tuple[str, ...] = ()

    def __init__(self, **given: Any) -> None:
        for name, value in (self.empty() | given).items():
            setattr(self, name, value)

    def empty(self) -> dict[str, Any]:
        return {}


class Point2D(Fields):
    __slots__ = ("x", "y")

    def empty(self) -> dict[str, Any]:
        return {"x": 0.0, "y": 0.0}


class Pose2D(Fields):
    __slots__ = ("position", "theta")

    def empty(self) -> dict[str, Any]:
        return {"position": Point2D(), "theta": 0.0}


class BoundingBox2D(Fields):
    __slots__ = ("center", "size_x", "size_y")

    def empty(self) -> dict[str, Any]:
        return {"center": Pose2D(), "size_x": 0.0, "size_y": 0.0}


class BoundingBox3D(Fields):
    __slots__ = ("center", "size")

    def empty(self) -> dict[str, Any]:
        return {"center": Pose(), "size": Vector3()}


class ObjectHypothesis(Fields):
    __slots__ = ("class_id", "score")


class ObjectHypothesisWithPose(Fields):
    __slots__ = ("hypothesis", "pose")

    def empty(self) -> dict[str, Any]:
        return {"hypothesis": ObjectHypothesis(class_id="", score=0.0), "pose": PoseWithCovariance()}


class Detection2D(Fields):
    __slots__ = ("bbox", "header", "id", "results")

    def empty(self) -> dict[str, Any]:
        return {"header": Header(), "results": [], "bbox": BoundingBox2D(), "id": ""}


class Detection3D(Fields):
    __slots__ = ("bbox", "header", "id", "results")

    def empty(self) -> dict[str, Any]:
        return {"header": Header(), "results": [], "bbox": BoundingBox3D(), "id": ""}


class DetectionArray(Fields):
    __slots__ = ("detections", "header")

    def empty(self) -> dict[str, Any]:
        return {"header": Header(), "detections": []}


@pytest.fixture
def vision_msgs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fields of vision_msgs 4, which wheels do not bring."""
    for kind in (Detection2D, Detection3D, ObjectHypothesisWithPose):
        monkeypatch.setattr(obstacle_messages, kind.__name__, kind)
    for name in ("Detection2DArray", "Detection3DArray"):
        monkeypatch.setattr(obstacle_messages, name, DetectionArray)


@pytest.mark.usefixtures("vision_msgs")
def test_detections_follow_vision_msgs() -> None:
    message = obstacle_messages.detections_message([RANGED, RANGELESS], 3.0, header(), UNCHANGED)
    (detection,) = message.detections
    assert (message.header, detection.header, detection.id) == (header(), header(), "7")
    (result,) = detection.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("unknown", 0.5)
    assert result.pose.pose == detection.bbox.center
    assert obstacle_messages.confidence(1e6, 0.0) == 1.0
    assert obstacle_messages.confidence(-1e6, 0.0) == pytest.approx(0.0)


@pytest.mark.usefixtures("vision_msgs")
def test_the_covariance_is_long_along_the_line_of_sight_and_short_across(body: FrameChange) -> None:
    # at x = 4.5, y = 0, range 6: the place lies 7.5 m away, and 1 m of range is 1.25 m along the line of sight
    aside = replace(RANGED, range=6.0, centre=(4.5, 0.0, 6.1), range_error=2.0, place_error=0.1)
    (detection,) = obstacle_messages.detections_message([aside], 3.0, header(), UNCHANGED).detections
    covariance = np.reshape(detection.results[0].pose.covariance, (6, 6))
    sight, across = np.array([0.6, 0.0, 0.8]), np.array([0.8, 0.0, -0.6])
    expected = 2.5**2 * np.outer(sight, sight) + 0.1**2 * (np.outer(across, across) + np.diag([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(covariance[:3, :3], expected, atol=1e-12)
    np.testing.assert_allclose(covariance[3:, 3:], np.eye(3) * math.pi**2 / 3)
    np.testing.assert_array_equal(covariance[:3, 3:], 0)
    (moved,) = obstacle_messages.detections_message([aside], 3.0, header(), body).detections
    turned = np.reshape(moved.results[0].pose.covariance, (6, 6))[:3, :3]
    rotation = body.matrix[:, :3]
    np.testing.assert_allclose(turned, rotation @ expected @ rotation.T, atol=1e-12)
    assert turned[0, 0] == pytest.approx(expected[2, 2])  # forward is x now


@pytest.mark.usefixtures("vision_msgs")
def test_boxes_in_the_image_need_no_range() -> None:
    message = obstacle_messages.boxes_message([RANGED, RANGELESS], 2.0, header())
    assert message.header == header()
    ranged, rangeless = message.detections
    assert (ranged.id, rangeless.id, ranged.header) == ("7", "8", header())
    for each in (ranged, rangeless):  # columns 100..129, rows 50..69
        assert (each.bbox.center.position.x, each.bbox.center.position.y) == (114.5, 59.5)
        assert (each.bbox.size_x, each.bbox.size_y, each.bbox.center.theta) == (30.0, 20.0, 0.0)
    (result,) = rangeless.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("unknown", 0.5)


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
