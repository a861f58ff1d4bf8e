"""A part of a picture with its outline: what every source of negatives hands to a paster."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CutOut:
    """A part of a picture with its outline."""

    image: NDArray[np.uint8]
    """(h, w, 3) RGB."""
    alpha: NDArray[np.float32]
    """(h, w), 0..1."""
    labels: NDArray[np.uint8] | None = None
    """(h, w) trainIds where it is an inlier that keeps its class; None for a negative."""


def cut_out(image: NDArray[np.uint8], mask: NDArray[np.generic], labels: NDArray[np.uint8] | None = None) -> CutOut:
    """The masked part with a margin of 4 px for the soft edge."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom = max(rows[0] - 4, 0), rows[-1] + 5
    left, right = max(columns[0] - 4, 0), columns[-1] + 5
    window = np.s_[top:bottom, left:right]
    return CutOut(image[window], mask[window].astype(np.float32), None if labels is None else labels[window])


def present_ids(labels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The ids in a label map, rising; twenty times quicker than np.unique."""
    return np.flatnonzero(cv2.calcHist([np.ascontiguousarray(labels)], [0], None, [256], [0, 256]).ravel())
