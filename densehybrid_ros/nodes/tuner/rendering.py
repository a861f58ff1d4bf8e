"""A kept frame as a picture: overlay, score as a heat map, or classes; with the obstacles outlined and described."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.drawing.draw import Window, colour_map, outline, overlay, write_above
from densehybrid_ros.nodes.tuner.frames import Frame

HEAT_WEIGHT = 0.8
"""Of the heat map over the grey picture."""
FORMATS = {"jpeg": ".jpg", "png": ".png"}


@dataclass(frozen=True)
class Style:
    """How frames are drawn."""

    palette: list[list[int]]
    """RGB of each class."""
    alpha: float = 0.45
    """Weight of the colours in the overlay."""
    heat_range: tuple[float, float] = (-1.0, 1.0)
    """Scores at both ends of the heat map's colours."""
    threshold: float | None = None
    """Drawn anew at this one; None = as it was published."""


def drawn(frame: Frame, view: str, style: Style) -> NDArray[np.uint8]:
    """(h, w, 3) RGB, a new array.

    Raises:
        KeyError: no such view.
    """
    unknown = len(style.palette)
    if style.threshold is not None:
        frame = replace(frame, scene=frame.scene.relabelled(style.threshold, unknown))
    picture = VIEWS[view](frame, style)
    if view == "heat":
        outline(picture, [(frame.scene.open_set == unknown, (slice(0, None), slice(0, None)))])
    elif view != "picture" and style.threshold is None:
        _describe(picture, frame, unknown)
    return picture


def encoded(picture: NDArray[np.uint8], kind: str, quality: int) -> bytes:
    """(h, w, 3) RGB as a file of one of FORMATS."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind == "jpeg" else []
    done, content = cv2.imencode(FORMATS[kind], cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), parameters)
    assert done, picture.shape
    return content.tobytes()


def _overlay(frame: Frame, style: Style) -> NDArray[np.uint8]:
    return overlay(frame.picture, frame.scene, style.palette, style.alpha)


def _classes(frame: Frame, style: Style) -> NDArray[np.uint8]:
    return colour_map(frame.scene.semantic, style.palette)


def _heat(frame: Frame, style: Style) -> NDArray[np.uint8]:
    low, high = style.heat_range
    share = (frame.scene.score - low) / max(high - low, 1e-6)
    levels = np.clip(np.nan_to_num(share) * 255, 0, 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    grey = cv2.cvtColor(cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(grey, 1 - HEAT_WEIGHT, colours, HEAT_WEIGHT, 0)


def _picture(frame: Frame, style: Style) -> NDArray[np.uint8]:
    return frame.picture.copy()


VIEWS: dict[str, Callable[[Frame, Style], NDArray[np.uint8]]] = {
    "overlay": _overlay,
    "heat": _heat,
    "classes": _classes,
    "picture": _picture,
}


def _describe(picture: NDArray[np.uint8], frame: Frame, unknown: int) -> None:
    listed = [] if frame.obstacles is None else frame.obstacles["obstacles"]
    places = [(each, _window(each["box"], frame.scale, picture.shape[:2])) for each in listed]
    is_unknown = frame.scene.open_set == unknown
    outline(picture, [(is_unknown[window], window) for _, window in places])
    write_above(picture, [(caption(each), window) for each, window in places])


def _window(box: Sequence[int], scale: float, shape: tuple[int, ...]) -> Window:
    """At least one pixel within the picture.

    Args:
        box: left, top, width, height in the image as it came, px.
    """
    left, top, width, height = box
    row = min(math.floor(top * scale), shape[0] - 1)
    column = min(math.floor(left * scale), shape[1] - 1)
    below, right = math.ceil((top + height) * scale), math.ceil((left + width) * scale)
    return slice(row, max(row + 1, below)), slice(column, max(column + 1, right))


def caption(obstacle: Mapping[str, Any]) -> str:
    """ "#7  23.4 m  +4.0 m/s"; the table beside the picture has the rest."""
    parts = [f"#{obstacle['id']}", "no range" if obstacle["range"] is None else f"{obstacle['range']:.1f} m"]
    if obstacle["closing_speed"] is not None:
        parts.append(f"{obstacle['closing_speed']:+.1f} m/s")
    return "  ".join(parts)
