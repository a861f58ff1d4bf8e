"""Frames that are played, as messages."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.camera import Pinhole, camera_matrix, projection_matrix, right_shift
from densehybrid_ros.convert.compressed import rgb_from_compressed
from densehybrid_ros.convert.images import image_message
from densehybrid_ros.labels import CAMVID_UNKNOWN, binary_truth
from densehybrid_ros.playback.played import PlayedFrame
from densehybrid_ros.topics import ANOMALY_TRUTH, CAMERA_INFO, DISPARITY, IMAGE, RIGHT_IMAGE, RIGHT_INFO, TRUTH

CDR_HEADER = 4
"""Bytes before the first field; the first bit of the second of them says little-endian."""


def frame_messages(frame: PlayedFrame, header: Header) -> list[tuple[str, Any]]:
    """Topic and message of all that belongs to a frame, under one header; the image itself comes last."""
    messages: list[tuple[str, Any]] = []
    if frame.truth is not None:
        messages.append((TRUTH.name, image_message(frame.truth, "mono8", header)))
        anomaly = image_message(binary_truth(frame.truth, CAMVID_UNKNOWN), "mono8", header)
        messages.append((ANOMALY_TRUTH.name, anomaly))
    if frame.camera is not None:
        messages.append((CAMERA_INFO.name, camera_info_message(frame.camera, header, 0.0)))
        if frame.disparity is not None:
            messages.append((DISPARITY.name, disparity_message(frame.disparity, frame.camera, header)))
        if frame.right is not None:
            right = camera_info_message(frame.camera, header, right_shift(frame.camera))
            messages += [(RIGHT_INFO.name, right), (RIGHT_IMAGE.name, image_message(frame.right, "rgb8", header))]
    return [*messages, (IMAGE.name, image_message(frame.image, "rgb8", header))]


def camera_info_message(camera: Pinhole, header: Header, shift: float) -> CameraInfo:
    """CameraInfo of a rectified pinhole camera without distortion; `shift` is P[3], −fx·baseline of a right one."""
    return CameraInfo(
        header=header,
        width=camera.width,
        height=camera.height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=camera_matrix(camera),
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=projection_matrix(camera, shift),
    )


def disparity_message(disparity: NDArray[np.float32], camera: Pinhole, header: Header) -> DisparityImage:
    """DisparityImage of (H, W) px, 0 = none."""
    height, width = disparity.shape
    return DisparityImage(
        header=header,
        image=image_message(disparity, "32FC1", header),
        f=camera.fx,
        t=camera.baseline,
        valid_window=RegionOfInterest(width=width, height=height),
        min_disparity=0.0,
        max_disparity=float(disparity.max(initial=0.0)),
        delta_d=0.0,
    )


def stamp_of(data: bytes) -> int:
    """The stamp of a serialised message that begins with a Header, ns."""
    seconds, nanoseconds = struct.unpack_from(_layout(data), data, CDR_HEADER)
    return seconds * 1_000_000_000 + nanoseconds


def restamped(data: bytes, shift: int) -> bytes:
    """A serialised message that begins with a Header, its stamp moved by `shift` ns."""
    if not shift:
        return data
    moved = divmod(stamp_of(data) + shift, 1_000_000_000)
    return data[:CDR_HEADER] + struct.pack(_layout(data), *moved) + data[CDR_HEADER + 8 :]


def decoded(data: bytes) -> Image:
    """The picture of a serialised CompressedImage as rgb8, under its header.

    Raises:
        FrameError: it cannot be decoded.
    """
    message = deserialize_message(data, CompressedImage)
    return image_message(rgb_from_compressed(message), "rgb8", message.header)


def _layout(data: bytes) -> str:
    """Of builtin_interfaces/Time, in the message's byte order."""
    return "<iI" if data[1] & 1 else ">iI"
