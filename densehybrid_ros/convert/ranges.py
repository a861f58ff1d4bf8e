"""DisparityImage, depth images and CameraInfo ↔ NumPy and plain numbers, and nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.camera import MAX_IMAGE_PIXELS, Pinhole
from densehybrid_ros.convert.images import FrameError, pixels_of

DEPTH_ENCODINGS = {"32FC1": 4, "16UC1": 2, "mono16": 2}
"""Bytes per pixel; m, mm and mm (REP-118)."""
MILLIMETRE = np.float32(0.001)


@dataclass(frozen=True)
class Disparity:
    """The fields of a DisparityImage that can be trusted: valid_window and max_disparity are not."""

    values: NDArray[np.float32]
    """(H, W), px."""
    focal_length: float
    """f, px."""
    baseline: float
    """t, m."""
    min_disparity: float
    """px."""


def disparity_from_message(message: DisparityImage, max_pixels: int = MAX_IMAGE_PIXELS) -> Disparity:
    """The disparity and its geometry.

    Raises:
        FrameError: not 32FC1, a layout that does not fit its data, or f or t is not finite and positive.
    """
    if message.image.encoding != "32FC1":
        raise FrameError(f"disparity with encoding '{message.image.encoding}' is not supported; it must be 32FC1")
    focal_length, baseline = float(message.f), float(message.t)
    if not (math.isfinite(focal_length) and math.isfinite(baseline) and focal_length > 0 and baseline > 0):
        raise FrameError(f"disparity with f = {focal_length:g} px and t = {baseline:g} m tells no distance")
    values = pixels_of(message.image, 4, max_pixels).view(np.float32)
    return Disparity(values, focal_length, baseline, float(message.min_disparity))


def depth_from_image(message: Image, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.float32]:
    """(H, W) depth in m from 32FC1 (m), 16UC1 or mono16 (mm); 0 and nan as they are.

    Raises:
        FrameError: another encoding, or a layout that does not fit its data.
    """
    depth = DEPTH_ENCODINGS.get(message.encoding)
    if depth is None:
        supported = ", ".join(DEPTH_ENCODINGS)
        raise FrameError(f"depth with encoding '{message.encoding}' is not supported; supported are {supported}")
    values = pixels_of(message, depth, max_pixels)
    return values.view(np.float32) if depth == 4 else values.astype(np.float32) * MILLIMETRE


def projection_of(info: CameraInfo, width: int, height: int) -> Pinhole | None:
    """The projection of a picture of `width` x `height` px; None where the camera is not calibrated (P and K are 0).

    P, the rectified camera, goes before K. Binning and region of interest are taken into account as image_geometry
    does it; a picture of another size than the info speaks of is taken for a scaled one.
    """
    fx, cx, shift, fy, cy = (float(info.p[index]) for index in (0, 2, 3, 5, 6))
    if not fx > 0:
        (fx, cx, fy, cy), shift = (float(info.k[index]) for index in (0, 2, 4, 5)), 0.0
    if not (fx > 0 and fy > 0 and all(map(math.isfinite, (fx, fy, cx, cy, shift)))):
        return None
    across, down = max(info.binning_x, 1), max(info.binning_y, 1)
    left, top = (info.roi.x_offset, info.roi.y_offset) if info.roi.width and info.roi.height else (0, 0)
    full_width = info.roi.width if info.roi.width and info.roi.height else info.width
    full_height = info.roi.height if info.roi.width and info.roi.height else info.height
    scale_x = width / full_width if full_width else 1 / across
    scale_y = height / full_height if full_height else 1 / down
    return Pinhole(
        fx=fx * scale_x,
        fy=fy * scale_y,
        cx=(cx - left) * scale_x,
        cy=(cy - top) * scale_y,
        shift=shift * scale_x,
        width=width,
        height=height,
    )
