"""The legend of an overlay."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.drawing.draw import FONT, OUTLINE_COLOUR, PLATE_DIMMING, UNKNOWN_COLOUR, lettering

LEGEND_SHARE = 1 / 6
"""Of a picture's height; a legend that needs more is left out."""
SEEN_SHARE, LOOK_STRIDE = 0.005, 8
"""Share of a picture that a class takes up to be explained, and the stride at which pixels are counted."""
Entry: TypeAlias = tuple[str, tuple[int, ...] | None]
"""Text, and the colour that it explains."""


class Legend:
    """Explains the classes that have been seen so far: small where few occur, and steady from frame to frame."""

    def __init__(self, classes: Sequence[str], palette: Sequence[Sequence[int]], note: str) -> None:
        """
        Args:
            note: stands behind "unknown", which is always explained.
        """
        self._classes: list[Entry] = [(name, tuple(colour)) for name, colour in zip(classes, palette, strict=True)]
        self._always: list[Entry] = [("unknown", UNKNOWN_COLOUR), (note, None)]
        self._seen = np.zeros(len(classes), np.bool_)

    def entries(self, open_set: NDArray[np.uint8]) -> tuple[Entry, ...]:
        """Those to be drawn over a picture with that open-set map (H, W)."""
        looked_at = open_set[::LOOK_STRIDE, ::LOOK_STRIDE]
        counts = np.bincount(looked_at.ravel(), minlength=len(self._seen))[: len(self._seen)]
        self._seen |= counts >= SEEN_SHARE * looked_at.size
        return (*(entry for entry, seen in zip(self._classes, self._seen, strict=True) if seen), *self._always)


def add_legend(picture: NDArray[np.uint8], entries: tuple[Entry, ...]) -> None:
    """Explains colours along the upper edge of (H, W, 3) RGB, in place, where there is room for it."""
    strip = _legend(picture.shape[1], entries)
    if len(strip) <= len(picture) * LEGEND_SHARE:
        picture[: len(strip)] = cv2.addWeighted(picture[: len(strip)], PLATE_DIMMING, strip, 1, 0)


@lru_cache(maxsize=8)
def _legend(width: int, entries: tuple[Entry, ...]) -> NDArray[np.uint8]:
    """(h, W, 3) RGB on black: entries in lines from left to right."""
    scale, thickness = lettering(width)
    (_, side), below = cv2.getTextSize("X", FONT, scale, thickness)
    line, gap = 2 * side + below, side
    strip = np.zeros((line * (len(entries) + 1), width, 3), np.uint8)
    left, base = gap, line - side // 2
    for text, colour in entries:
        swatch = 0 if colour is None else 2 * side
        (wide, _), _ = cv2.getTextSize(text, FONT, scale, thickness)
        if left > gap and left + swatch + wide > width:
            left, base = gap, base + line
        if colour is not None:
            strip[base - side : base, left : left + side + side // 2] = colour
        cv2.putText(strip, text, (left + swatch, base), FONT, scale, OUTLINE_COLOUR, thickness, cv2.LINE_AA)
        left += swatch + wide + 2 * gap
    return strip[: base + below + side // 2]
