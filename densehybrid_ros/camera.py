"""The pinhole camera of a rectified image. Optical frame: x right, y down, z forward."""

from __future__ import annotations

from dataclasses import dataclass

MAX_IMAGE_PIXELS = 33_554_432
"""px; the largest picture that is taken, and the largest that a network runs at."""


@dataclass(frozen=True)
class Pinhole:
    """Projection of a rectified image, px; pixel centres lie at whole numbers."""

    fx: float
    fy: float
    cx: float
    cy: float
