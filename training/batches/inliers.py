"""Inlier segments, pasted as negatives are, so that pasting does not give away what is inlier and what is not."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import IGNORE
from densehybrid_ros.training.batches.cutouts import CutOut, cut_out, present_ids

MIN_AREA = 150
"""Pixels; smaller segments carry no texture worth pasting."""
LARGEST_WINDOW = 512
"""px; of larger pictures only a window is looked at for a segment."""


def inlier_cutout(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], classes: int, rng: np.random.Generator
) -> CutOut | None:
    """A connected part of a labelled frame that keeps its class; None where the drawn class gives no fit part."""
    step = max(1, max(truth.shape) // LARGEST_WINDOW)
    present = [label for label in present_ids(truth[::step, ::step]) if label < classes]
    if not present:
        return None
    label = int(rng.choice(present))
    if step > 1:
        image, truth = _window_of_class(image, truth, label, step, rng)
    mask = (truth == label).astype(np.uint8)
    if rng.random() < 0.5:
        # a window of stuff (road, tree, wall) as wide as things are, so that size does not tell either
        mask = mask & _window(mask.shape, rng)
    count, components, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    fit = [index for index in range(1, count) if statistics[index, cv2.CC_STAT_AREA] >= MIN_AREA]
    if not fit:
        return None
    mask = components == int(rng.choice(fit))
    if mask.sum() > 0.35 * mask.size:
        return None
    labels = np.where(mask, np.uint8(label), np.uint8(IGNORE)).astype(np.uint8)
    return cut_out(image, mask, labels)


def _window_of_class(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], label: int, step: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The part of a large picture about a random pixel of a class, out of which a segment is cut."""
    coarse = truth[::step, ::step]
    row, column = divmod(int(rng.choice(np.flatnonzero(coarse == label))), coarse.shape[1])
    top, left = max(0, row * step - LARGEST_WINDOW // 2), max(0, column * step - LARGEST_WINDOW // 2)
    window = np.s_[top : top + LARGEST_WINDOW, left : left + LARGEST_WINDOW]
    return np.ascontiguousarray(image[window]), np.ascontiguousarray(truth[window])


def _window(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random smooth blob, as a 0/1 mask."""
    height, width = shape
    window = np.zeros((height, width), np.uint8)
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    radii = rng.uniform(10, 90) * rng.uniform(0.5, 1.0, angles.size)
    centre = rng.uniform((0, 0), (width, height))
    points = centre + np.stack([np.cos(angles) * radii, np.sin(angles) * radii * rng.uniform(0.4, 1.6)], 1)
    cv2.fillPoly(window, [points.astype(np.int32)], (1,))
    return window
