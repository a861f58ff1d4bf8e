"""Rectified pairs of messages → distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from densehybrid_ros.convert.calibration import HARMLESS_IN_PAIRS, why_no_places
from densehybrid_ros.convert.compressed import rgb_from_compressed
from densehybrid_ros.convert.images import FrameError, rgb_from_image
from densehybrid_ros.convert.ranges import projection_of
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.ranging.range_image import RangeImage, range_from_disparity
from densehybrid_ros.ranging.stereo import disparity_of_pair


@dataclass(frozen=True)
class Pair:
    """A left picture and the message of its right half."""

    left: NDArray[np.uint8]
    right: Image | CompressedImage
    left_info: CameraInfo | None
    right_info: CameraInfo
    rectified: bool = False
    """Known to be, whatever D and R are."""


def ranges_of_pair(pair: Pair, settings: Settings) -> RangeImage:
    """Distances of a rectified pair; f·t is P_left[3] − P_right[3], and cx may differ between the two.

    Raises:
        FrameError: the right picture or one of the calibrations cannot be used.
        SetupError: the pictures differ in size.
    """
    height, width = pair.left.shape[:2]
    if pair.left_info is None:
        raise FrameError("no camera_info of the left camera has come")
    left, right = (projection_of(info, width, height) for info in (pair.left_info, pair.right_info))
    if left is None or right is None:
        raise FrameError(f"camera_info of the {'left' if left is None else 'right'} camera holds no projection")
    for side, info in (("left", pair.left_info), ("right", pair.right_info)):
        if why_not := why_no_places(info, width, height, pair.rectified, HARMLESS_IN_PAIRS):
            raise FrameError(f"{side} {why_not}")
    baseline = (left.shift - right.shift) / left.fx
    if not baseline > 0:
        raise FrameError(f"the right camera lies {baseline:g} m to the right by its P[3]; give P[3] = -fx * baseline")
    limit, message = settings.max_image_pixels, pair.right
    compressed = isinstance(message, CompressedImage)
    picture = rgb_from_compressed(message, limit) if compressed else rgb_from_image(message, limit)
    disparity = disparity_of_pair(pair.left, picture, settings)
    offset = np.float32(left.cx - right.cx)
    if offset:
        disparity = np.where(disparity > 0, disparity - offset, np.float32(0))
    return range_from_disparity(disparity, left.fx, baseline, 0.0, settings.disparity_error)
