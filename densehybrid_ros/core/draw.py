"""Overlays: the semantic palette over the picture, unknown pixels tinted and outlined."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.segmenter import Scene

UNKNOWN_COLOUR = (255, 40, 40)
OUTLINE_COLOUR = (255, 255, 255)
IGNORE_COLOUR = (0, 0, 0)


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
    blended = cv2.addWeighted(image, 1 - alpha, colours, alpha, 0)
    unknown = (scene.open_set == len(palette)).astype(np.uint8)
    contours, _ = cv2.findContours(unknown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    thickness = max(1, image.shape[1] // 640)
    cv2.drawContours(blended, contours, -1, OUTLINE_COLOUR, thickness, cv2.LINE_AA)
    return blended


def write_above(picture: NDArray[np.uint8], texts: Sequence[tuple[str, tuple[slice, slice]]]) -> None:
    """Writes each text above its window (rows, columns) of (H, W, 3) RGB, in place; earlier ones over later ones."""
    height, width = picture.shape[:2]
    scale = max(width / 1600, 0.4)
    thickness = max(1, round(scale * 1.6))
    for text, (rows, columns) in reversed(texts):
        (text_width, text_height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
        left = min(max((columns.start + columns.stop - text_width) // 2, 0), max(width - text_width, 0))
        bottom = rows.start - below - 2
        if bottom < text_height:  # no room above
            bottom = min(rows.stop + text_height + 2, height - below)
        # a dark rim keeps the text legible on anything
        for colour, extra in (((0, 0, 0), 2 * thickness), (OUTLINE_COLOUR, 0)):
            cv2.putText(
                picture, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness + extra, cv2.LINE_AA
            )
