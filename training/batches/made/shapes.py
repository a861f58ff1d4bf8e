"""Negatives of synthetic outlines and patterns."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.training.batches.cutouts import CutOut, cut_out
from densehybrid_ros.training.batches.negative_set import NegativeSet


def shape_cutout(negatives: NegativeSet, rng: np.random.Generator) -> CutOut:
    """An outline (box, ellipse, polygon, sticks) filled with a piece of a negative, a colour or a pattern."""
    size = 96
    mask = _outline(size, rng)
    kind = rng.random()
    if kind < 0.5:
        texture = cv2.resize(negatives.random_piece(rng), (size, size), interpolation=cv2.INTER_LINEAR)
    else:
        texture = np.tile(rng.uniform(10, 245, 3).astype(np.float32), (size, size, 1))
        if kind < 0.8:
            texture = _patterned(texture, rng)
        light = rng.uniform(0.55, 1.3, (2, 2)).astype(np.float32)
        texture = texture * cv2.resize(light, (size, size), interpolation=cv2.INTER_LINEAR)[..., None]
        texture = texture + cv2.GaussianBlur(rng.normal(0, 14, (size, size, 3)), (0, 0), float(rng.uniform(0.5, 2)))
    return cut_out(np.clip(texture, 0, 255).astype(np.uint8), mask)


def _outline(size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    mask = np.zeros((size, size), np.uint8)
    middle, reach = size / 2, size * 0.42
    kind = rng.integers(4)
    if kind == 0:
        aspect = float(np.exp(rng.uniform(-1.2, 1.2)))
        half = reach * np.array([min(1.0, aspect), min(1.0, 1 / aspect)])
        box = ((middle, middle), (2 * half[0], 2 * half[1]), float(rng.normal(0, 8)))
        cv2.fillPoly(mask, [cv2.boxPoints(box).astype(np.int32)], (1,))
    elif kind == 1:
        axes = (int(reach * rng.uniform(0.3, 1)), int(reach * rng.uniform(0.3, 1)))
        cv2.ellipse(mask, (int(middle), int(middle)), axes, float(rng.uniform(0, 180)), 0, 360, (1,), -1)
    elif kind == 2:
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(5, 14)))
        radii = reach * rng.uniform(0.35, 1.0, angles.size)
        points = middle + np.stack([np.cos(angles) * radii, np.sin(angles) * radii], 1)
        cv2.fillPoly(mask, [points.astype(np.int32)], (1,))
    else:
        for _ in range(rng.integers(2, 6)):
            ends = (middle + rng.uniform(-reach, reach, (2, 2))).astype(np.int32)
            cv2.line(mask, ends[0].tolist(), ends[1].tolist(), (1,), int(rng.integers(3, 16)))
    if not mask.any():
        mask[size // 4 : -size // 4, size // 4 : -size // 4] = 1
    return mask.astype(bool)


def _patterned(texture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Stripes, checks or slats of a second colour."""
    size = texture.shape[0]
    rows, columns = np.mgrid[0:size, 0:size]
    period = rng.uniform(6, 30)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    wave = np.sin(2 * np.pi * (rows * np.sin(angle) + columns * np.cos(angle)) / period)
    if rng.random() < 0.4:
        wave = wave * np.sin(2 * np.pi * (columns * np.sin(angle) - rows * np.cos(angle)) / period)
    second = rng.uniform(0, 255, 3).astype(np.float32)
    return np.where((wave > rng.uniform(-0.5, 0.5))[..., None], second, texture).astype(np.float32)
