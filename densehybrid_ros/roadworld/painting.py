"""Drawing helpers for sprites: everything is drawn large and shrunk when it is painted."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from densehybrid_ros.roadworld.canvas import Sprite
from densehybrid_ros.roadworld.noise import noise_patch

Points = Sequence[tuple[float, float]]


class Sheet:
    """A sprite while it is drawn; positions are in 0..1 of width and height, y downwards."""

    def __init__(self, height: int, width: int) -> None:
        self.colour = np.zeros((height, width, 3), np.float32)
        self.alpha = np.zeros((height, width), np.float32)

    def polygon(self, points: Points, colour: ArrayLike, opaque: bool = True) -> None:
        """A filled polygon with smooth edges; `opaque` False paints only where something is already."""
        scaled = np.array(points) * (self.alpha.shape[1], self.alpha.shape[0])
        window, offset = self._window(scaled, margin=2)
        mask = np.zeros(self.alpha[window].shape, np.uint8)
        if mask.size:
            cv2.fillPoly(mask, [np.round((scaled - offset) * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
            self._cover(window, mask, colour, opaque)

    def ellipse(
        self, centre: tuple[float, float], radius: tuple[float, float], colour: ArrayLike, opaque: bool = True
    ) -> None:
        """A filled ellipse; radii in 0..1 of width and height."""
        angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        points = np.stack([centre[0] + radius[0] * np.cos(angles), centre[1] + radius[1] * np.sin(angles)], 1)
        self.polygon([(float(x), float(y)) for x, y in points], colour, opaque)

    def hollow(self, centre: tuple[float, float], radius: tuple[float, float]) -> None:
        """Makes an ellipse nearly transparent: the spokes of a wheel, the hole of a tyre."""
        rows, columns = np.mgrid[0 : self.alpha.shape[0], 0 : self.alpha.shape[1]]
        across = (columns / self.alpha.shape[1] - centre[0]) / radius[0]
        down = (rows / self.alpha.shape[0] - centre[1]) / radius[1]
        inside = np.hypot(across, down) < 1
        self.alpha[inside] *= 0.12
        self.colour[inside] *= 0.12

    def line(self, start: tuple[float, float], end: tuple[float, float], thickness: float, colour: ArrayLike) -> None:
        """A thick line with round ends; thickness in 0..1 of the width."""
        width = max(1, round(thickness * self.alpha.shape[1]))
        ends = np.round(np.array([start, end]) * (self.alpha.shape[1], self.alpha.shape[0])).astype(int)
        window, offset = self._window(ends, margin=width)
        mask = np.zeros(self.alpha[window].shape, np.uint8)
        if mask.size:
            cv2.line(mask, (ends[0] - offset).tolist(), (ends[1] - offset).tolist(), (255,), width, cv2.LINE_AA)
            self._cover(window, mask, colour, True)

    def shade(self, rng: np.random.Generator, roughness: float, scale: float = 4.0) -> None:
        """Light from one side and above, and noise as of a real surface."""
        height, width = self.alpha.shape
        side = rng.uniform(-0.3, 0.3)
        across = np.linspace(1 - side, 1 + side, width, dtype=np.float32)[None]
        down = np.linspace(1.12, 0.78, height, dtype=np.float32)[:, None]
        texture = 1 + roughness * noise_patch(height, width, rng, scale)
        self.colour *= (across * down * texture)[..., None]

    def sprite(self, label: int) -> Sprite:
        return Sprite(np.clip(self.colour, 0, 1.2), self.alpha, label)

    def _window(self, points: NDArray[np.generic], margin: int) -> tuple[tuple[slice, slice], NDArray[np.int_]]:
        """Slices of the sheet around the points (x, y), and the (x, y) at which they start."""
        height, width = self.alpha.shape
        low = np.clip(np.floor(points.min(0)).astype(int) - margin, 0, (width, height))
        high = np.clip(np.ceil(points.max(0)).astype(int) + margin + 1, 0, (width, height))
        return (slice(low[1], high[1]), slice(low[0], high[0])), low

    def _cover(self, window: tuple[slice, slice], mask: NDArray[np.uint8], colour: ArrayLike, opaque: bool) -> None:
        weight = mask.astype(np.float32) / 255
        alpha, target = self.alpha[window], self.colour[window]
        if not opaque:
            weight = weight * (alpha > 0.5)
        target += weight[..., None] * (np.array(colour, np.float32) - target)
        if opaque:
            np.maximum(alpha, weight, out=alpha)


def random_colour(
    rng: np.random.Generator, low: float = 0.05, high: float = 0.9, vivid: float = 0.5
) -> NDArray[np.float32]:
    """RGB, mostly dull: `vivid` is how far the channels may lie apart."""
    level = rng.uniform(low, high)
    return np.clip(level + rng.normal(0, 0.25 * vivid, 3), 0.02, 0.95).astype(np.float32)
