"""Lines painted on the road, in colours and places that a training set need not know: counter-examples, as stains are.

A network that has seen white lines alone takes the double yellow ones of other countries for things on the road.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.training.batches.sample import Sample

FINER = 4
"""Binary digits behind the point with which corners are handed to OpenCV."""


@dataclass(frozen=True)
class Line:
    """A strip of the road that runs to a vanishing point."""

    vanishing: tuple[float, float]
    """x and y, px."""
    foot: float
    """x on the lower edge of the picture."""
    width: float
    """px on the lower edge."""


def with_painted_lines(sample: Sample, ground: NDArray[np.bool_], rng: np.random.Generator) -> Sample:
    """The sample with one line or a pair of them on its ground; labels stay, and so does all that is no ground.

    Args:
        ground: (256,) ids of the classes that lie flat.
    """
    height, width = sample.labels.shape
    flat = ground[sample.labels]
    rows = np.flatnonzero(flat.any(1))
    if not rows.size:
        return sample
    vanishing = float(rng.uniform(-0.2, 1.2) * width), float(rows[0] - rng.uniform(0, 0.25) * height)
    wide = float(np.exp(rng.uniform(np.log(1.5), np.log(0.07 * width))))
    first = Line(vanishing, float(rng.uniform(-0.6, 1.6) * width), wide)
    lines = [first]
    if rng.random() < 0.4:
        lines.append(replace(first, foot=first.foot + wide * rng.uniform(1.6, 3.5)))
    cover = np.zeros((height, width), np.float32)
    dashed = rng.random() < 0.35
    for line in lines:
        cover = np.maximum(cover, _drawn(line, cover.shape, dashed, rng))
    cover *= flat * _worn(cover.shape, rng)
    return replace(sample, image=_painted(sample.image, cover, flat, rng))


def _drawn(line: Line, shape: tuple[int, ...], dashed: bool, rng: np.random.Generator) -> NDArray[np.float32]:
    """(H, W) 0..1: where the line is."""
    height = shape[0]
    depth = height - line.vanishing[1]
    near, far = (rng.uniform(0.0, 0.3), rng.uniform(0.6, 0.97)) if rng.random() < 0.3 else (0.0, 0.98)
    ends = [(near, far)]
    if dashed:
        # equal lengths on the road are equal steps of the inverse height below the vanishing point
        steps = np.arange(1 / (1 - near), 1 / (1 - far), rng.uniform(0.15, 0.8))
        share = rng.uniform(0.3, 0.7)
        ends = [
            (1 - 1 / start, 1 - 1 / (start + share * gap)) for start, gap in zip(steps, np.diff(steps), strict=False)
        ]
    mask = np.zeros(shape, np.uint8)
    for begin, end in ends:
        corners: list[tuple[float, float]] = []
        for along, side in ((begin, -0.5), (begin, 0.5), (end, 0.5), (end, -0.5)):
            foot = line.foot + side * line.width
            corners.append((foot + along * (line.vanishing[0] - foot), height - along * depth))
        cv2.fillPoly(mask, [np.round(np.array(corners) * 2**FINER).astype(np.int32)], (255,), cv2.LINE_AA, FINER)
    return np.divide(cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.3, 0.9))), 255, dtype=np.float32)


def _worn(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """(H, W) 0..1: what is left of the paint."""
    left = np.full(shape, rng.uniform(0.5, 0.95), np.float32)
    if rng.random() < 0.5:
        spots = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), float(rng.uniform(0.7, 4)))
        left *= np.clip(0.7 + rng.uniform(0.1, 0.6) * spots / max(float(spots.std()), 1e-6), 0, 1)
    return left


def _painted(
    image: NDArray[np.uint8], cover: NDArray[np.float32], flat: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """White, yellow or another colour, in the light and shade of the ground under it."""
    kind = rng.random()
    if kind < 0.35:
        colour = rng.uniform(190, 255) + rng.normal(0, 6, 3)
    elif kind < 0.85:
        colour = np.array([rng.uniform(190, 255), rng.uniform(130, 215), rng.uniform(20, 110)])
    else:
        colour = rng.uniform(30, 230, 3)
    pixels = image.astype(np.float32)
    grey = pixels.mean(2)
    usual = max(float(grey[flat].mean()), 8.0)
    exposure = np.clip(usual / 130, 0.25, 1.15)
    shade = np.clip(grey / usual, 0.3, 1.6)[..., None]
    changed = np.clip(colour.astype(np.float32) * exposure * shade, 0, 255)
    return np.clip(pixels + cover[..., None] * (changed - pixels), 0, 255).astype(np.uint8)
