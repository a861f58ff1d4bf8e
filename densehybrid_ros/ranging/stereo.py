"""Disparity of a rectified pair by OpenCV's semi-global block matching."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.ranging.settings import SGBM_MODES, StereoSettings

SUBPIXELS = 16
"""OpenCV's fixed point: disparities are given in sixteenths of a pixel."""


def disparity_of_pair(
    left: NDArray[np.uint8], right: NDArray[np.uint8], settings: StereoSettings
) -> NDArray[np.float32]:
    """(H, W) px, columns of the left picture minus columns of the right; 0 where nothing was matched.

    What is too near for the searched range is matched once more at half the size, where its disparity is half as large.
    Both pictures are padded on the left, so that far things in the first columns are matched, too: OpenCV leaves as
    many columns out as it searches.

    Args:
        left, right: (H, W, 3) RGB or (H, W) grey, rectified, of one size.
        settings: sgbm_* and stereo_width are used.

    Raises:
        SetupError: the sizes differ.
    """
    if left.shape[:2] != right.shape[:2]:
        raise SetupError(f"the left picture is {size_text(left)}, the right one {size_text(right)}; give one size")
    width = left.shape[1]
    scale = settings.stereo_width / width if 0 < settings.stereo_width < width else 1.0
    disparity = _matched(left, right, scale, settings)
    beyond = (settings.sgbm_min_disparity + settings.sgbm_disparity_range - 1) / scale
    near = _matched(left, right, scale / 2, settings)
    return np.where((disparity == 0) & (near > beyond), near, disparity)


def _matched(
    left: NDArray[np.uint8], right: NDArray[np.uint8], scale: float, settings: StereoSettings
) -> NDArray[np.float32]:
    """Matched at `scale` of the pictures' size; (H, W) in px of the pictures, 0 = none."""
    height, width = left.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pad = settings.sgbm_disparity_range + max(settings.sgbm_min_disparity, 0)
    pair = [_prepared(picture, size, pad) for picture in (left, right)]
    raw = _matcher(settings).compute(*pair)[:, pad:]
    disparity = (raw / np.float32(SUBPIXELS)).astype(np.float32)
    # a match whose right half lies in the padding is none; what is below the search is OpenCV's mark of a hole
    columns = np.arange(size[0], dtype=np.float32)
    disparity[(disparity <= max(settings.sgbm_min_disparity - 1, 0)) | (disparity > columns)] = 0
    if size == (width, height):
        return disparity
    full = cv2.resize(disparity, (width, height), interpolation=cv2.INTER_NEAREST)
    return full * np.float32(width / size[0])


def size_text(picture: NDArray[np.generic]) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


def _prepared(picture: NDArray[np.uint8], size: tuple[int, int], pad: int) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
    if size != (grey.shape[1], grey.shape[0]):
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(grey, 0, 0, pad, 0, cv2.BORDER_REPLICATE)


def _matcher(settings: StereoSettings) -> cv2.StereoSGBM:
    return cv2.StereoSGBM.create(
        minDisparity=settings.sgbm_min_disparity,
        numDisparities=settings.sgbm_disparity_range,
        blockSize=settings.sgbm_correlation_window_size,
        P1=settings.p1,
        P2=settings.p2,
        disp12MaxDiff=settings.sgbm_disp12_max_diff,
        preFilterCap=settings.sgbm_prefilter_cap,
        uniquenessRatio=settings.sgbm_uniqueness_ratio,
        speckleWindowSize=settings.sgbm_speckle_size,
        speckleRange=settings.sgbm_speckle_range,
        mode=SGBM_MODES[settings.sgbm_mode],
    )
