"""One training sample while it is being composed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.postprocess import IGNORE
from densehybrid_ros.training.losses.hybrid import INLIER, OUTLIER


@dataclass(frozen=True)
class Sample:
    """A mixed-content picture with both label maps; the functions that change one return a new one."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    labels: NDArray[np.uint8]
    """(H, W), 0..K−1, 255 = ignore (and on negatives)."""
    dataset_labels: NDArray[np.uint8]
    """(H, W), 0 = inlier, 1 = outlier, 255 = ignore."""


def sample_from_truth(image: NDArray[np.uint8], truth: NDArray[np.uint8], classes: int) -> Sample:
    """Splits an open-set label map (K = unknown, 255 = ignore) into the two label maps of the loss."""
    ids = np.arange(256)
    semantic = np.where(ids < classes, ids, IGNORE).astype(np.uint8)
    dataset = np.where(ids < classes, INLIER, np.where(ids == classes, OUTLIER, IGNORE)).astype(np.uint8)
    labels, dataset_labels = (cv2.LUT(truth, table).astype(np.uint8, copy=False) for table in (semantic, dataset))
    return Sample(image, labels, dataset_labels)
