"""Tileable fractal noise, the raw material of all surfaces."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray


def fractal_noise(
    size: int, rng: np.random.Generator, coarsest: int = 4, persistence: float = 0.6
) -> NDArray[np.float32]:
    """(size, size) float32 of mean 0 and deviation 1, tileable.

    Args:
        size: px, a power of two.
        coarsest: cells per side of the lowest octave.
        persistence: amplitude of each octave relative to the one before.
    """
    total = np.zeros((size, size), np.float32)
    cells, amplitude = coarsest, 1.0
    while cells <= size:
        grid = rng.standard_normal((cells, cells), dtype=np.float32)
        wrapped = np.pad(grid, 2, mode="wrap")
        scale = size // cells
        grown = cv2.resize(wrapped, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        total += amplitude * grown[2 * scale : 2 * scale + size, 2 * scale : 2 * scale + size]
        cells, amplitude = cells * 2, amplitude * persistence
    return ((total - total.mean()) / total.std()).astype(np.float32)


@lru_cache(maxsize=16)
def shared_noise(number: int, size: int = 512, coarsest: int = 4, persistence: float = 0.6) -> NDArray[np.float32]:
    """One of a few fixed noise tiles, made once per process. Read-only."""
    tile = fractal_noise(size, np.random.default_rng([77, number]), coarsest, persistence)
    tile.setflags(write=False)
    return tile


def sample_tile(
    tile: NDArray[np.float32], columns: NDArray[np.float32], rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The tile at float positions (px), repeated in both directions; positions are float32 arrays of one shape."""
    size = tile.shape[0]
    padded = np.pad(tile, ((0, 1), (0, 1)), mode="wrap")
    return cv2.remap(padded, np.mod(columns, size), np.mod(rows, size), cv2.INTER_LINEAR)


def noise_patch(height: int, width: int, rng: np.random.Generator, scale: float = 1.0) -> NDArray[np.float32]:
    """(height, width) of noise, mean about 0, deviation about 1; `scale` > 1 is coarser."""
    tile = shared_noise(int(rng.integers(4)))
    size = tile.shape[0]
    rows, columns = min(size, int(height / scale) + 2), min(size, int(width / scale) + 2)
    top, left = (int(value) for value in rng.integers(0, size, 2))
    part = np.roll(tile, (-top, -left), (0, 1))[:rows, :columns]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
