"""Negatives that stand like crates, cartons and pallets: three faces in perspective, each in its own light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.training.batches.cutouts import CutOut, cut_out

SIDE = 128
"""px of the picture that a box is drawn in."""
Points = NDArray[np.float64]
Texture = NDArray[np.float32]


def box_cutout(rng: np.random.Generator) -> CutOut:
    """A box seen from the height of a car's camera: two sides and, mostly, its top."""
    faces, mask = _faces(rng), np.zeros((SIDE, SIDE), np.uint8)
    image = np.zeros((SIDE, SIDE, 3), np.float32)
    surface = _surface(rng)
    lights = rng.uniform(0.35, 1.15, 2).tolist() + [float(rng.uniform(0.9, 1.5))]
    way = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    for corners, light in zip(faces, lights, strict=True):
        face = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(face, [np.round(corners).astype(np.int32)], (1,))
        drawn = cv2.warpPerspective(surface, _onto(corners), (SIDE, SIDE), **way)
        image = np.where(face[..., None] > 0, drawn * light, image)
        mask |= face
    noise = cv2.GaussianBlur(rng.normal(0, 10, (SIDE, SIDE, 3)), (0, 0), float(rng.uniform(0.5, 1.5)))
    return cut_out(np.clip(image + noise, 0, 255).astype(np.uint8), mask.astype(bool))


def _faces(rng: np.random.Generator) -> list[Points]:
    """Corners (4, 2) of left side, right side and top, from top left clockwise."""
    width, height = rng.uniform(50, 108), rng.uniform(18, 90)
    edge = rng.uniform(0.0, 1.0) * width
    rise = rng.uniform(0.02, 0.22)
    left, bottom = (SIDE - width) / 2, 118.0
    right, turned = left + width, left + edge
    foot = np.array([[left, bottom - rise * edge], [turned, bottom], [right, bottom - rise * (right - turned)]])
    head = foot - (0, min(height, bottom - 16))
    back = head[0] + head[2] - head[1]
    return [
        np.array([head[0], head[1], foot[1], foot[0]]),
        np.array([head[1], head[2], foot[2], foot[1]]),
        np.array([head[0], back, head[2], head[1]]),
    ]


def _onto(corners: Points) -> NDArray[np.float64]:
    """(3, 3): the square surface onto a face."""
    square = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], np.float32)
    # a face seen from its edge is a line, on which no square can be laid
    spread = corners + np.array([[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]])
    return cv2.getPerspectiveTransform(square, spread.astype(np.float32))


def _surface(rng: np.random.Generator) -> Texture:
    """(SIDE, SIDE, 3): plain, of slats, or with holes; every third one nearly black."""
    dark = rng.random() < 0.35
    colour = rng.uniform(4, 55, 3) if dark else rng.uniform(30, 235) + rng.normal(0, 30, 3)
    surface = np.tile(colour.astype(np.float32), (SIDE, SIDE, 1))
    for extent in _gaps(rng):
        surface[extent] *= float(rng.uniform(0.15, 0.7))
    return surface


def _gaps(rng: np.random.Generator) -> list[tuple[slice, slice]]:
    """Where the surface is darker: between slats, in the holes of a crate, at a handle; nowhere for a third."""
    kind = rng.integers(3)
    if kind == 0:
        return []
    period, everywhere = int(rng.integers(14, 44)), slice(None)
    width = max(2, int(period * rng.uniform(0.15, 0.5)))
    rows = [slice(start, start + width) for start in range(period // 2, SIDE, period)]
    if kind == 1:
        return [(row, everywhere) if rng.random() < 0.9 else (everywhere, row) for row in rows]
    return [(row, column) for row in rows for column in rows]
