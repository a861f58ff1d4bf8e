"""PointCloud2 from arrays, with and without sensor_msgs_py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from rclpy.serialization import serialize_message
from sensor_msgs.msg import PointField
from std_msgs.msg import Header

from densehybrid_ros.convert import cloud as convert_cloud
from densehybrid_ros.ranging.survey import POINT


@pytest.fixture
def points() -> np.ndarray:
    cloud = np.zeros(4, POINT)
    for index, name in enumerate(("x", "y", "z", "score")):
        cloud[name] = np.arange(4) + 10 * index
    cloud["obstacle_id"] = [1, 1, 7, 4_000_000_000]
    return cloud


def test_the_fields_tell_how_to_read_the_points(points: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert_cloud, "point_cloud2", None)
    header = Header(frame_id="camera")
    message = convert_cloud.cloud_message(points, header)
    assert message.header == header
    layout = [(field.name, field.offset, field.datatype, field.count) for field in message.fields]
    float32, uint32 = PointField.FLOAT32, PointField.UINT32
    assert layout == [
        ("x", 0, float32, 1),
        ("y", 4, float32, 1),
        ("z", 8, float32, 1),
        ("score", 12, float32, 1),
        ("obstacle_id", 16, uint32, 1),
        ("closing_speed", 20, float32, 1),
    ]
    assert (message.height, message.width, message.point_step, message.row_step) == (1, 4, 24, 96)
    assert not message.is_bigendian
    np.testing.assert_array_equal(np.frombuffer(message.data, POINT), points)
    assert convert_cloud.cloud_message(points[:0], header).width == 0


def test_sensor_msgs_py_gives_the_same_bytes(points: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sensor_msgs_py", reason="sensor_msgs_py is not installed; it comes with a ROS 2 installation")
    header = Header(frame_id="camera")
    for cloud in (points, points[:0]):
        with_library = serialize_message(convert_cloud.cloud_message(cloud, header))
        with monkeypatch.context() as context:
            context.setattr(convert_cloud, "point_cloud2", None)
            assert serialize_message(convert_cloud.cloud_message(cloud, header)) == with_library


def test_sensor_msgs_py_is_used_where_it_is_installed(points: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        @staticmethod
        def create_cloud(header: Header, fields: list[PointField], cloud: np.ndarray) -> Any:
            return header, [field.name for field in fields], cloud

    monkeypatch.setattr(convert_cloud, "point_cloud2", Library)
    header, names, cloud = convert_cloud.cloud_message(points, Header(frame_id="x"))
    assert header.frame_id == "x"
    assert tuple(names) == POINT.names
    np.testing.assert_array_equal(cloud, points)
