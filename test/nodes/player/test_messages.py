"""Messages of a player: stamps in serialised bytes, ground truth, pictures."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage
from std_msgs.msg import Header

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.convert.images import FrameError
from densehybrid_ros.nodes.player.messages import decoded, frame_messages, restamped, stamp_of
from densehybrid_ros.playback.played import PlayedFrame

SECOND = 1_000_000_000


def serialised(seconds: int, nanoseconds: int) -> bytes:
    header = Header(frame_id="camera")
    header.stamp.sec, header.stamp.nanosec = seconds, nanoseconds
    return serialize_message(CameraInfo(header=header, width=7, height=5))


@pytest.mark.parametrize("shift", [1, -1, 3 * SECOND + 5, -(2 * SECOND)])
def test_a_moved_stamp_is_all_that_changes(shift: int) -> None:
    data = serialised(100, 0)
    moved = deserialize_message(restamped(data, shift), CameraInfo)
    expected = deserialize_message(data, CameraInfo)
    expected.header.stamp.sec, expected.header.stamp.nanosec = divmod(100 * SECOND + shift, SECOND)
    assert moved == expected


def test_without_a_shift_the_bytes_are_the_same() -> None:
    data = serialised(100, 7)
    assert restamped(data, 0) is data
    assert stamp_of(data) == 100 * SECOND + 7


def test_big_endian_messages_are_moved_in_their_own_order() -> None:
    data = b"\x00\x00\x00\x00" + struct.pack(">iI", 9, 999_999_999) + b"rest"
    moved = restamped(data, 2)
    assert stamp_of(moved) == 10 * SECOND + 1
    assert moved[:4] == data[:4]
    assert moved[12:] == b"rest"


def test_a_picture_keeps_its_header() -> None:
    header = Header(frame_id="left")
    header.stamp.sec = 4
    picture = np.full((6, 8, 3), (10, 200, 30), np.uint8)
    coded = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    image = decoded(serialize_message(CompressedImage(header=header, format="png", data=coded)))
    assert image.header == header
    assert (image.encoding, image.width, image.height) == ("rgb8", 8, 6)
    assert np.array_equal(np.frombuffer(bytes(image.data), np.uint8).reshape(6, 8, 3), picture)


def test_a_damaged_picture_is_refused() -> None:
    with pytest.raises(FrameError):
        decoded(serialize_message(CompressedImage(format="png", data=b"\x89PNG\r\n\x1a\n and no more")))


def test_all_of_a_frame_has_one_header_and_the_image_comes_last() -> None:
    camera = Pinhole(width=8, height=6, fx=6.0, fy=6.0, cx=3.5, cy=2.5, baseline=0.2, height_above_road=1.2)
    plane = np.ones((6, 8), np.float32)
    picture = np.zeros((6, 8, 3), np.uint8)
    frame = PlayedFrame(
        name="1",
        time=0.0,
        image=picture,
        truth=np.zeros((6, 8), np.uint8),
        camera=camera,
        disparity=plane,
        right=picture,
    )
    header = Header(frame_id="left")
    messages = frame_messages(frame, header)
    assert [topic for topic, _ in messages] == [
        "ground_truth/image_raw",
        "ground_truth/anomaly/image_raw",
        "camera_info",
        "disparity",
        "right/camera_info",
        "right/image_raw",
        "image_raw",
    ]
    assert all(message.header == header for _, message in messages)
    right = dict(messages)["right/camera_info"]
    assert -right.p[3] / right.p[0] == pytest.approx(camera.baseline)
    assert dict(messages)["disparity"].t == pytest.approx(camera.baseline)
