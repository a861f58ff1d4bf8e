"""The negatives of the authors' released code: hard-edged patches with unchanged pixels."""

from __future__ import annotations

import cv2
import numpy as np

from densehybrid_ros.training.batches.cutouts import CutOut, present_ids
from densehybrid_ros.training.batches.negative_set import NegativeSet


def released_patch(negatives: NegativeSet, side: int, rng: np.random.Generator) -> CutOut:
    """The hard-edged negative of the authors' released code: short side 384, crop `side`; crops of less than 384 px are
    taken after a jitter of the scale of 0.5–2.

    Its mask is, with p = 0.5, a rectangle with sides from range(16, min(H, W), 8), else the pixels of two ids.
    """
    image, segments = negatives.random_picture(rng)
    jitter = rng.uniform(0.5, 2) if side < 384 else 1.0
    scale = max(384 * jitter, side) / min(segments.shape)
    size = (max(side, round(segments.shape[1] * scale)), max(side, round(segments.shape[0] * scale)))
    image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    segments = cv2.resize(segments, size, interpolation=cv2.INTER_NEAREST)
    top, left = (int(rng.integers(0, extent - side + 1)) for extent in segments.shape)
    image, segments = image[top : top + side, left : left + side], segments[top : top + side, left : left + side]
    mask = np.zeros((side, side), np.float32)
    if rng.random() < 0.5:
        height, width = (int(rng.choice(np.arange(16, side, 8))) for _ in range(2))
        row, column = int(rng.integers(0, side - height + 1)), int(rng.integers(0, side - width + 1))
        mask[row : row + height, column : column + width] = 1
    else:
        ids = present_ids(segments)
        mask = np.isin(segments, rng.choice(ids, min(2, ids.size), replace=False)).astype(np.float32)
    return CutOut(image, mask)
