"""Obstacles as messages. An obstacle without a range has no place: it is in the JSON, and in nothing that has poses."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from densehybrid_ros.convert.cloud import cloud_message
from densehybrid_ros.convert.transforms import FrameChange
from densehybrid_ros.ranging.obstacles import Obstacle, range_text

try:
    from vision_msgs.msg import (  # pyright: ignore[reportMissingImports] - brought by ROS alone
        Detection2D,
        Detection2DArray,
        Detection3D,
        Detection3DArray,
        ObjectHypothesisWithPose,
    )
except ImportError:
    Detection2D = Detection2DArray = Detection3D = Detection3DArray = ObjectHypothesisWithPose = None

HAS_VISION_MSGS = ObjectHypothesisWithPose is not None
CLASS_ID = "unknown"
THINNEST = 0.1
"""m; boxes are drawn and detected at least so deep: a camera sees one side only."""
BOX_COLOUR, TEXT_COLOUR, ARROW_COLOUR = (1.0, 0.16, 0.16, 0.5), (1.0, 1.0, 1.0, 1.0), (1.0, 0.8, 0.0, 1.0)
TEXT_SIZE = 0.5
"""m"""
ARROW_SHAFT, ARROW_HEAD = 0.1, 0.3
"""m across."""
SLOWEST = 0.2
"""m/s; slower obstacles have no arrow, which would be shorter than it is thick."""
ANY_DIRECTION = math.pi**2 / 3
"""rad²; variance of an angle of which nothing is known."""
SHORTEST_LIFE = 1.0
"""s; markers must last until the next frame is there, and a lifetime of 0 would mean for ever."""


def points_message(points: NDArray[np.void], header: Header, change: FrameChange) -> PointCloud2:
    """The (N,) POINT cloud in the other frame; `header` names that frame."""
    moved = points.copy()
    xyz = change.points(np.column_stack([points["x"], points["y"], points["z"]]).astype(np.float64))
    for index, name in enumerate("xyz"):
        moved[name] = xyz[:, index]
    return cloud_message(moved, header)


def markers_message(obstacles: Sequence[Obstacle], header: Header, change: FrameChange, lifetime: float) -> MarkerArray:
    """A box and a text per obstacle with a range, and an arrow as long as its way of one second, where that is known;
    those of the frame before are deleted first.

    Args:
        lifetime: s after which viewers remove them where no further message comes, at least SHORTEST_LIFE.
    """
    # an empty namespace deletes all: viewers take any other for the one namespace to delete
    markers = [Marker(header=header, ns="", action=Marker.DELETEALL)]
    for obstacle in obstacles:
        if obstacle.centre is None or obstacle.size is None:
            continue
        pose, size = _box(obstacle, change)
        box, text = (
            Marker(header=header, ns=name, id=obstacle.number, type=kind, lifetime=_duration(lifetime))
            for name, kind in (("box", Marker.CUBE), ("range", Marker.TEXT_VIEW_FACING))
        )
        box.pose, box.scale, box.color = pose, size, _colour(BOX_COLOUR)
        above = np.array(
            [[obstacle.centre[0], obstacle.centre[1] - obstacle.size[1] / 2 - TEXT_SIZE, pose_depth(obstacle)]]
        )
        text.pose = Pose(position=_point(change.points(above)[0]), orientation=Quaternion(w=1.0))
        text.scale, text.color, text.text = Vector3(z=TEXT_SIZE), _colour(TEXT_COLOUR), range_text(obstacle)
        markers += [box, text, *_arrow(obstacle, header, change, lifetime)]
    return MarkerArray(markers=markers)


def detections_message(obstacles: Sequence[Obstacle], threshold: float, header: Header, change: FrameChange) -> Any:
    """vision_msgs/Detection3DArray of the obstacles with a range; the id is the obstacle's number."""
    assert Detection3D is not None
    assert Detection3DArray is not None
    message = Detection3DArray(header=header)
    for obstacle in obstacles:
        if obstacle.centre is None:
            continue
        detection = Detection3D(header=header, id=str(obstacle.number))
        detection.bbox.center, detection.bbox.size = _box(obstacle, change)
        hypothesis = _hypothesis(obstacle, threshold)
        hypothesis.pose.pose = detection.bbox.center
        hypothesis.pose.covariance = _covariance(obstacle, change)
        detection.results = [hypothesis]
        message.detections.append(detection)
    return message


def boxes_message(obstacles: Sequence[Obstacle], threshold: float, header: Header) -> Any:
    """vision_msgs/Detection2DArray of all obstacles, also of those without a range, under the image's own header.

    A box reaches from the outer edge of its first pixel to that of its last, where pixel centres lie at whole numbers.
    """
    assert Detection2D is not None
    assert Detection2DArray is not None
    message = Detection2DArray(header=header)
    for obstacle in obstacles:
        rows, columns = obstacle.region.window
        detection = Detection2D(header=header, id=str(obstacle.number))
        centre = detection.bbox.center.position
        centre.x, centre.y = (columns.start + columns.stop - 1) / 2, (rows.start + rows.stop - 1) / 2
        detection.bbox.size_x = float(columns.stop - columns.start)
        detection.bbox.size_y = float(rows.stop - rows.start)
        detection.results = [_hypothesis(obstacle, threshold)]
        message.detections.append(detection)
    return message


def _hypothesis(obstacle: Obstacle, threshold: float) -> Any:
    """The score lies in 0..1 by vision_msgs' convention: 1/(1 + exp(threshold − median score))."""
    assert ObjectHypothesisWithPose is not None
    hypothesis = ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id = CLASS_ID
    hypothesis.hypothesis.score = confidence(obstacle.score, threshold)
    return hypothesis


def obstacles_json(
    obstacles: Sequence[Obstacle], header: Header, source: str, why_not: str, delay: float | None
) -> str:
    """Everything that is known of every obstacle, also of those without a range; lengths in m, in the image's frame.

    Args:
        delay: s by which the distances came after the image; None where none came.
    """
    stamp = header.stamp
    return json.dumps(
        {
            "stamp": {"sec": stamp.sec, "nanosec": stamp.nanosec},
            "frame_id": header.frame_id,
            "range_source": source,
            "why_not": why_not,
            "range_delay": _rounded(delay),
            "obstacles": [_described(obstacle) for obstacle in obstacles],
        }
    )


def confidence(score: float, threshold: float) -> float:
    """0..1, 0.5 at the threshold."""
    return 1 / (1 + math.exp(min(max(threshold - score, -700), 700)))


def _described(obstacle: Obstacle) -> dict[str, Any]:
    rows, columns = obstacle.region.window
    size = obstacle.size
    return {
        "id": obstacle.number,
        "score": _rounded(obstacle.score),
        "range": _rounded(obstacle.range),
        "range_error": _rounded(obstacle.range_error),
        "source": obstacle.source,
        "why_not": obstacle.why_not if obstacle.range is None else "",
        "centre": None if obstacle.centre is None else [_rounded(value) for value in obstacle.centre],
        "width": None if size is None else _rounded(size[0]),
        "height": None if size is None else _rounded(size[1]),
        "height_above_road": _rounded(obstacle.height_above_road),
        "closing_speed": _rounded(obstacle.closing_speed),
        "velocity": None if obstacle.velocity is None else [_rounded(value) for value in obstacle.velocity],
        "box": [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start],
        "pixels": obstacle.region.area,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def pose_depth(obstacle: Obstacle) -> float:
    """Of the middle of a box that is at least THINNEST deep, and begins at the range."""
    assert obstacle.range is not None
    assert obstacle.size is not None
    return obstacle.range + max(obstacle.size[2], THINNEST) / 2


def _box(obstacle: Obstacle, change: FrameChange) -> tuple[Pose, Vector3]:
    """Centre and size; the box is turned as the camera's frame is."""
    assert obstacle.centre is not None
    assert obstacle.size is not None
    place = change.points(np.array([[obstacle.centre[0], obstacle.centre[1], pose_depth(obstacle)]]))[0]
    x, y, z, w = change.rotation
    width, height, depth = obstacle.size
    pose = Pose(position=_point(place), orientation=Quaternion(x=x, y=y, z=z, w=w))
    return pose, Vector3(x=max(width, 0.01), y=max(height, 0.01), z=max(depth, THINNEST))


def _arrow(obstacle: Obstacle, header: Header, change: FrameChange, lifetime: float) -> list[Marker]:
    """One marker, or none where the obstacle hardly moves against the camera, or its speed is not known."""
    if obstacle.velocity is None or math.hypot(*obstacle.velocity) < SLOWEST:
        return []
    assert obstacle.centre is not None
    begin = np.array([obstacle.centre[0], obstacle.centre[1], pose_depth(obstacle)])
    across, along = obstacle.velocity
    arrow = Marker(header=header, ns="speed", id=obstacle.number, type=Marker.ARROW, lifetime=_duration(lifetime))
    arrow.points = [_point(place) for place in change.points(np.stack([begin, begin + [across, 0.0, along]]))]
    arrow.scale = Vector3(x=ARROW_SHAFT, y=ARROW_HEAD, z=ARROW_HEAD)
    arrow.pose.orientation.w, arrow.color = 1.0, _colour(ARROW_COLOUR)
    return [arrow]


def _covariance(obstacle: Obstacle, change: FrameChange) -> list[float]:
    """(36,) of the pose: an error of the range moves the place along the ray through it, one of the outline across.

    How an obstacle is turned is not known: a camera sees one side of it.
    """
    assert obstacle.centre is not None
    assert obstacle.range is not None
    ray = change.matrix[:, :3] @ np.array([obstacle.centre[0], obstacle.centre[1], obstacle.range]) / obstacle.range
    along = np.outer(ray, ray)
    across = np.eye(3) - along / (ray @ ray)
    covariance = np.eye(6) * ANY_DIRECTION
    covariance[:3, :3] = along * (obstacle.range_error or 0.0) ** 2 + across * (obstacle.place_error or 0.0) ** 2
    return [float(value) for value in covariance.ravel()]


def _duration(seconds: float) -> Duration:
    whole, part = divmod(max(seconds, SHORTEST_LIFE), 1)
    return Duration(sec=int(whole), nanosec=int(part * 1e9))


def _point(place: NDArray[np.floating]) -> Point:
    return Point(x=float(place[0]), y=float(place[1]), z=float(place[2]))


def _colour(channels: tuple[float, float, float, float]) -> ColorRGBA:
    red, green, blue, alpha = channels
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)
