"""What lies in the ground and is no obstacle: drain covers, oil and damp, mended asphalt, worn paint.

Drawn into a crop as counter-examples to what is pasted on it: the labels stay as they are. Without them a network takes
everything on the road that is not asphalt for an obstacle.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.training.batches.geometry import FINE
from densehybrid_ros.training.batches.sample import Sample

Image = NDArray[np.uint8]
FLATTENED = (0.12, 0.4)
"""Height of a thing in the ground against its width, as a car's camera sees it."""


def with_flat_thing(sample: Sample, ground: NDArray[np.bool_], rng: np.random.Generator) -> Sample:
    """The sample with one more of them on a random pixel of the ground; as it is where it shows none.

    Args:
        ground: (256,) ids of the classes that lie flat.
    """
    height, width = sample.labels.shape
    step = max(1, height // FINE)
    spots = np.flatnonzero(ground[sample.labels[::step, ::step]])
    if not spots.size:
        return sample
    row, column = (step * place for place in divmod(int(rng.choice(spots)), -(-width // step)))
    reach = float(np.exp(rng.uniform(np.log(5), np.log(0.3 * width)))) * (0.3 + 0.7 * row / height)
    mask = _outline(sample.labels.shape, (column, row), reach, rng)
    mask[~ground[sample.labels]] = 0
    return replace(sample, image=_tinted(sample.image, mask, rng))


def _outline(
    shape: tuple[int, ...], centre: tuple[int, int], reach: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """(H, W) 0..1: an ellipse, a frame or a ragged patch, with soft edges."""
    mask = np.zeros((shape[0], shape[1]), np.uint8)
    flat = rng.uniform(*FLATTENED)
    axes = max(2, int(reach)), max(1, int(reach * flat))
    kind = rng.integers(4)
    if kind == 0:
        cv2.ellipse(mask, centre, axes, 0, 0, 360, (255,), -1)
    elif kind == 1:
        cv2.ellipse(mask, centre, axes, 0, 0, 360, (255,), max(1, axes[1] // 4))
    else:
        corners = 4 if kind == 2 else int(rng.integers(6, 14))
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, np.pi)
        radii = rng.uniform(0.9 if kind == 2 else 0.4, 1.0, corners)
        points = np.stack([np.cos(angles) * axes[0], np.sin(angles) * axes[1]], 1) * radii[:, None] + centre
        cv2.fillPoly(mask, [points.astype(np.int32)], (255,))
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), float(rng.uniform(0.5, 2.5)))
    return np.divide(soft, 255, dtype=np.float32)


def _tinted(image: Image, mask: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Darker or lighter within the mask, at times of another hue and grain."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return image
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    place, weight = image[window].astype(np.float32), mask[window][..., None]
    gain = rng.uniform(0.3, 0.85) if rng.random() < 0.65 else rng.uniform(1.1, 1.7)
    tint = 1 + rng.normal(0, 0.05, 3) if rng.random() < 0.4 else np.ones(3)
    changed = place * (gain * tint).astype(np.float32)
    if rng.random() < 0.5:
        grain = rng.normal(0, rng.uniform(3, 14), weight.shape[:2])
        changed = changed + cv2.GaussianBlur(grain, (0, 0), float(rng.uniform(0.4, 1.2)))[..., None]
    drawn = image.copy()
    drawn[window] = np.clip(place + weight * (changed - place), 0, 255).astype(np.uint8)
    return drawn
