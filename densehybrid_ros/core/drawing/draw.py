"""Overlays: the palette over the picture, obstacles outlined and described."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.scenes import Scene

UNKNOWN_COLOUR = (255, 40, 40)
OUTLINE_COLOUR = (255, 255, 255)
IGNORE_COLOUR = (0, 0, 0)
FONT = cv2.FONT_HERSHEY_SIMPLEX
PLATE_DIMMING = 0.35
"""What is left of the picture's brightness behind texts."""
Window: TypeAlias = tuple[slice, slice]
"""Rows and columns of a picture."""


def colour_map(labels: NDArray[np.uint8], palette: list[list[int]]) -> NDArray[np.uint8]:
    """(H, W) ids → (H, W, 3) RGB; K = unknown colour, every other id without a class = black."""
    table = np.full((256, 3), IGNORE_COLOUR, np.uint8)
    table[: len(palette)] = palette
    table[len(palette)] = UNKNOWN_COLOUR
    # 25 times quicker than indexing the table with the ids
    return cv2.applyColorMap(labels, table[:, None])


def overlay(image: NDArray[np.uint8], scene: Scene, palette: list[list[int]], alpha: float = 0.45) -> NDArray[np.uint8]:
    """The picture with the open-set map over it; `alpha` is the weight of the map, 0..1.

    Args:
        image: (H, W, 3) uint8 RGB, of the scene's size.

    Returns:
        (H, W, 3) uint8 RGB, a new array.
    """
    colours = colour_map(scene.open_set, palette)
    return cv2.addWeighted(image, 1 - alpha, colours, alpha, 0)


def outline(picture: NDArray[np.uint8], regions: Sequence[tuple[NDArray[np.bool_], Window]]) -> None:
    """Draws the rim of each (h, w) mask, which fills its window, into (H, W, 3) RGB, in place."""
    thickness = max(1, picture.shape[1] // 640)
    for mask, (rows, columns) in regions:
        corner = (columns.start, rows.start)
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(picture, contours, -1, OUTLINE_COLOUR, thickness, cv2.LINE_AA, offset=corner)


def write_above(picture: NDArray[np.uint8], texts: Sequence[tuple[str, Window]]) -> None:
    """Writes each text above its window (rows, columns) of (H, W, 3) RGB, in place; earlier ones over later ones."""
    height, width = picture.shape[:2]
    scale, thickness = lettering(width)
    for text, (rows, columns) in reversed(texts):
        (text_width, text_height), below = cv2.getTextSize(text, FONT, scale, thickness)
        left = min(max((columns.start + columns.stop - text_width) // 2, 0), max(width - text_width, 0))
        bottom = rows.start - below - 2
        if bottom < text_height:  # no room above
            bottom = min(rows.stop + text_height + 2, height - below)
        # a dimmed plate keeps the text legible on anything, and apart from texts below it
        plate = picture[max(bottom - text_height - 2, 0) : bottom + below + 1, left : left + text_width]
        plate[:] = plate * PLATE_DIMMING
        cv2.putText(picture, text, (left, bottom), FONT, scale, OUTLINE_COLOUR, thickness, cv2.LINE_AA)


def lettering(width: int) -> tuple[float, int]:
    """Scale and thickness of letters in a picture of that width, px."""
    scale = max(width / 2000, 0.4)
    return scale, max(1, round(scale * 1.6))
