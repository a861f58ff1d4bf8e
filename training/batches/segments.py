"""Negatives cut out of real pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.training.batches.cutouts import CutOut, cut_out, present_ids
from densehybrid_ros.training.batches.made.shapes import shape_cutout
from densehybrid_ros.training.batches.negative_set import NegativeSet

MIN_AREA = 300
"""Pixels; smaller segments carry no texture worth pasting."""


def segment_cutout(negatives: NegativeSet, rng: np.random.Generator) -> CutOut:
    """One connected segment, or two or three that touch; things rather than stuff: little of it lies on the border."""
    for _ in range(10):
        image, segments = negatives.random_picture(rng)
        mask = _random_segment(segments, rng)
        for _ in range(int(rng.choice([0, 1, 2], p=[0.55, 0.3, 0.15]))):
            mask = _with_neighbour(mask, segments, rng)
        if MIN_AREA <= mask.sum() <= 0.5 * mask.size and (_border_share(mask) < 0.15 or rng.random() < 0.15):
            return cut_out(image, mask)
    return shape_cutout(negatives, rng)


def _random_segment(segments: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.bool_]:
    ids = present_ids(segments)
    chosen = (segments == rng.choice(ids[ids > 0])).astype(np.uint8)
    _, components, statistics, _ = cv2.connectedComponentsWithStats(chosen, connectivity=4)
    return components == statistics[1:, cv2.CC_STAT_AREA].argmax() + 1


def _with_neighbour(
    mask: NDArray[np.bool_], segments: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.bool_]:
    ring = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~mask
    touching = present_ids(segments[ring][None])
    touching = touching[touching > 0]
    if not touching.size:
        return mask
    grown = mask | (segments == rng.choice(touching))
    return grown if grown.mean() < 0.35 else mask


def _border_share(mask: NDArray[np.bool_]) -> float:
    """Share of the outline's bounding box perimeter that lies on the picture's border."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    perimeter = 2 * (rows[-1] - rows[0] + columns[-1] - columns[0] + 2)
    return float((mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()) / perimeter)
