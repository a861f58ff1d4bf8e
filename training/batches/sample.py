"""One training sample while it is being composed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import binary_truth, closed_set_truth


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
    return Sample(image, closed_set_truth(truth, classes), binary_truth(truth, classes))
