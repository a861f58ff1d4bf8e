"""Whether a CameraInfo describes the pixels of a picture well enough to tell places by them."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo

FISHEYE = ("equidistant", "fisheye", "kannala_brandt", "kannala_brandt4")
"""Models that are no pinhole even where D is 0."""
DISTORTION_LENGTHS = (4, 5, 8, 12, 14)
"""Of D, as OpenCV takes it."""
HARMLESS = 0.5
"""degrees by which the ray of a pixel may be off: what the pitch of a moving camera is off anyway."""
HARMLESS_IN_PAIRS = 0.02
"""degrees; a third of a pixel at fx = 1000: the rows of a pair that is matched must meet."""
ASPECT = 0.01
"""Share by which the aspect ratios of picture and CameraInfo may differ, beyond a rounded pixel."""
GRID = 9
"""Rays along each side of the picture that are compared."""
REMEDY = "ranges need rectified images: take image_rect, or set rectified where they are so already"


def why_no_places(info: CameraInfo, width: int, height: int, rectified: bool, harmless: float = HARMLESS) -> str:
    """Why the pixels of a picture of `width` x `height` px tell no directions; "" where they do.

    A CameraInfo is the same for the raw and for the rectified picture: drivers and image_proc leave D and R in place
    for both, so that they alone never say which of the two comes. Where both give the same rays it does not matter.

    Args:
        rectified: the picture is known to be rectified, and P describes it whatever D and R are.
        harmless: degrees by which the two may differ.
    """
    return _aspect_trouble(info, width, height) or _geometry_trouble(info, rectified, harmless)


def _aspect_trouble(info: CameraInfo, width: int, height: int) -> str:
    has_region = info.roi.width and info.roi.height
    full_width, full_height = (info.roi.width, info.roi.height) if has_region else (info.width, info.height)
    if not (full_width and full_height):
        return ""
    ratio = (width / full_width) / (height / full_height)
    if abs(ratio - 1) <= ASPECT + 1 / min(width, height):
        return ""
    return (
        f"camera_info is of {full_width}x{full_height}, another aspect ratio than the image's {width}x{height}: "
        "it belongs to another mode or another camera"
    )


def _geometry_trouble(info: CameraInfo, rectified: bool, harmless: float) -> str:
    distortion, turn = np.array(info.d, np.float64), np.array(info.r, np.float64).reshape(3, 3)
    is_fisheye = info.distortion_model.lower() in FISHEYE
    has_projection = info.p[0] > 0
    is_turned = turn.any() and not np.array_equal(turn, np.eye(3))
    kinds = [f"distorted ({info.distortion_model or 'D is not 0'})"] * bool(is_fisheye or distortion.any())
    kinds += ["rotated (R)"] * bool(is_turned)
    if rectified:
        missing = kinds and not has_projection
        return f"camera_info is {' and '.join(kinds)} and has no P, which describes the rectified image" * bool(missing)
    if not info.k[0] > 0:
        return f"camera_info is {' and '.join(kinds)} and has no K; {REMEDY}" if kinds else ""
    off = _largest_turn(info, distortion, turn if is_turned else np.eye(3), is_fisheye)
    if off <= harmless:
        return ""
    found = " and ".join(kinds) or "of another K than P"
    return f"camera_info is {found}, rays are off by up to {off:.2f} degrees; {REMEDY}"


def _largest_turn(info: CameraInfo, distortion: NDArray[np.float64], turn: NDArray[np.float64], fisheye: bool) -> float:
    """degrees between the rays of a pixel of the raw picture and of the same pixel of the rectified one.

    inf where the numbers make no camera.
    """
    camera, projection = np.array(info.k, np.float64).reshape(3, 3), np.array(info.p, np.float64).reshape(3, 4)[:, :3]
    target = projection if projection[0, 0] > 0 else camera
    width, height = info.width or 2 * camera[0, 2], info.height or 2 * camera[1, 2]
    numbers = np.concatenate([camera.ravel(), target.ravel(), turn.ravel(), distortion, [width, height]])
    if not np.isfinite(numbers).all() or min(camera[1, 1], target[1, 1], width, height) <= 0:
        return math.inf
    if distortion.size not in ((0, 4) if fisheye else (0, *DISTORTION_LENGTHS)):
        return math.inf
    columns, rows = np.meshgrid(np.linspace(0, width - 1, GRID), np.linspace(0, height - 1, GRID))
    pixels = np.stack([columns, rows], 2).reshape(-1, 1, 2)
    coefficients = distortion if distortion.size else np.zeros(4)
    undistort = cv2.fisheye.undistortPoints if fisheye else cv2.undistortPoints
    raw = _rays(undistort(pixels, camera, coefficients)) @ turn.T
    straight = _rays(cv2.undistortPoints(pixels, target, np.zeros(4)))
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(raw, straight), axis=1), (raw * straight).sum(1))).max())


def _rays(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) of (N, 1, 2) points at z = 1."""
    return np.column_stack([points[:, 0], np.ones(len(points))])
