"""Distances of pixels, as they were measured: disparity or depth behind one face.

Everything is done in inverse depth, 1/Z: disparity is proportional to it, its error hardly depends on it, and a plane
is affine in it over the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["disparity", "depth"]


@dataclass(frozen=True)
class RangeImage:
    """One measurement per pixel of the image that it belongs to."""

    kind: Kind
    values: NDArray[np.float32]
    """(H, W) disparity in px, or depth along the optical axis in m."""
    scale: float
    """Depth times disparity, f·t in px·m; 1 for a depth image."""
    error: float
    """One standard deviation: px of a disparity, share of a depth."""
    least: float = 0.0
    """Values from here down are no measurements."""

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.values.shape
        return height, width

    def inverse_depth(self, window: tuple[slice, slice]) -> NDArray[np.float32]:
        """1/Z of a window, 1/m; 0 where nothing was measured."""
        values = self.values[window]
        valid = (values > self.least) & (values < np.inf)  # nan compares false
        if self.kind == "disparity":
            return np.where(valid, values * np.float32(1 / self.scale), np.float32(0))
        return np.divide(np.float32(1), values, out=np.zeros(values.shape, np.float32), where=valid)

    def inverse_depth_error(self, inverse_depth: float) -> float:
        """One standard deviation of 1/Z, 1/m."""
        return self.error / self.scale if self.kind == "disparity" else self.error * inverse_depth

    def depth_error(self, depth: float) -> float:
        """σ_Z, m; for a disparity Z²·σ_d/(f·t)."""
        return depth**2 * self.inverse_depth_error(1 / depth)


def range_from_disparity(
    disparity: NDArray[np.float32], focal_length: float, baseline: float, min_disparity: float, error: float
) -> RangeImage:
    """Z = f·t/d for finite d > max(min_disparity, 0).

    Args:
        disparity: (H, W), px.
        focal_length: f, px.
        baseline: t, m.
        min_disparity: px. Whoever marks holes, marks them from here down: with min_disparity itself, with
            min_disparity − 1 as image_pipeline does, with 0, −1 or nan.
        error: σ_d, px.

    Raises:
        ValueError: f or t is not finite and positive: nothing can be said about distances.
    """
    if not (math.isfinite(focal_length) and math.isfinite(baseline) and focal_length > 0 and baseline > 0):
        raise ValueError(f"focal length f = {focal_length:g} px and baseline t = {baseline:g} m must be positive")
    least = max(min_disparity, 0.0) if math.isfinite(min_disparity) else 0.0
    return RangeImage("disparity", disparity, focal_length * baseline, error, least)


def range_from_depth(depth: NDArray[np.float32], error: float) -> RangeImage:
    """Depth along the optical axis.

    Args:
        depth: (H, W), m; not finite, 0 and below = nothing measured.
        error: one standard deviation, share of the depth.
    """
    return RangeImage("depth", depth, 1.0, error)
