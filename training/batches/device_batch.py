"""A batch where it is trained on."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class DeviceBatch(NamedTuple):
    """A batch on the device of the run."""

    images: Tensor
    """(B, 3, H, W) in [0, 1]."""
    labels: Tensor
    """(B, H, W), 0..K−1, 255 = ignore, and on negatives."""
    dataset_labels: Tensor
    """(B, H, W), 0 = inlier, 1 = outlier, 255 = ignore."""
