"""Jittered crops: scale, place and mirror, drawn once and applied to picture and labels alike."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import IGNORE

FINE = 360
"""Rows of a picture that are enough to look for a place in."""


def jittered_crop(
    image: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    size: tuple[int, int],
    scale: tuple[float, float],
    rng: np.random.Generator,
    rare: NDArray[np.bool_] | None = None,
    style: str = "natural",
    rare_probability: float = 0.5,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A crop of `size` (h, w) at a random scale, mirrored with p = 0.5; what lies outside is 255 = ignore.

    Args:
        style: natural = scales are log-uniform, sides are stretched a little, and any pixel may be the centre, so that
            the borders are seen as often as the middle; released = scale and place are uniform, as in the authors'
            code, so that all crops that fit are equally likely.
        rare: (256,) ids; with `rare_probability` the crop is centred on a pixel of one of them, so that thin and
            rare classes are seen often enough.
    """
    if style == "natural":
        factor = float(np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1]))))
        stretch = float(np.exp(rng.uniform(-0.1, 0.1)))
    else:
        factor, stretch = float(rng.uniform(*scale)), 1.0
    height, width = truth.shape
    crop_height, crop_width = size[0] / factor / stretch, size[1] / factor * stretch
    room = max(0.0, height - crop_height), max(0.0, width - crop_width)
    centre = _rare_pixel(truth, rare, rare_probability, rng)
    if centre is None and style == "released":
        top, left = rng.uniform(0, room[0]), rng.uniform(0, room[1])
    else:
        centre_y, centre_x = centre or (rng.uniform(0, height), rng.uniform(0, width))
        top, left = np.clip((centre_y - crop_height / 2, centre_x - crop_width / 2), 0, room)
    if crop_height > height:
        top = -rng.uniform(0, crop_height - height)
    if crop_width > width:
        left = -rng.uniform(0, crop_width - width)
    mirror = rng.random() < 0.5
    blur = 0.4 / factor if factor < 0.8 else 0.0
    # only what the crop shows is touched: pictures may be large, and mapped from files
    window = _window((top, left), (crop_height, crop_width), truth.shape, margin=2 + round(4 * blur))
    image, truth = np.ascontiguousarray(image[window]), np.ascontiguousarray(truth[window])
    top, left = top - window[0].start, left - window[1].start
    matrix = _crop_matrix(top, left, crop_height / size[0], crop_width / size[1], size[1] if mirror else 0)
    reading = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    output = (size[1], size[0])
    cropped = cv2.warpAffine(image, matrix, output, flags=reading, borderMode=cv2.BORDER_REFLECT_101)
    labels = cv2.warpAffine(
        truth, matrix, output, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderValue=(IGNORE,)
    )
    return cropped, labels


def _rare_pixel(
    truth: NDArray[np.uint8], rare: NDArray[np.bool_] | None, probability: float, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Row and column near a pixel of a rare class; None otherwise, and where there is none."""
    if rare is not None and rng.random() < probability:
        step = max(1, truth.shape[0] // FINE)
        coarse = truth[::step, ::step]
        candidates = np.flatnonzero(rare[coarse])
        if candidates.size:
            row, column = divmod(int(rng.choice(candidates)), coarse.shape[1])
            return row * step + rng.uniform(-60, 60), column * step + rng.uniform(-60, 60)
    return None


def _window(
    corner: tuple[float, float], size: tuple[float, float], shape: tuple[int, ...], margin: int
) -> tuple[slice, slice]:
    """The part of a picture of `shape` that a crop at `corner` (top, left) shows, and a margin about it."""
    starts = [max(0, int(start) - margin) for start in corner]
    stops = [min(end, int(start + length) + margin + 1) for start, length, end in zip(corner, size, shape, strict=True)]
    return slice(starts[0], stops[0]), slice(starts[1], stops[1])


def _crop_matrix(top: float, left: float, step_y: float, step_x: float, mirror_width: int) -> NDArray[np.float32]:
    """2×3 matrix from crop pixel to source pixel, pixel centres at .5; `mirror_width` > 0 mirrors."""
    sign = -1.0 if mirror_width else 1.0
    start = left + mirror_width * step_x if mirror_width else left
    shift_x = start + sign * 0.5 * step_x - 0.5
    return np.array([[sign * step_x, 0, shift_x], [0, step_y, top + 0.5 * step_y - 0.5]], np.float32)
