"""What is said of one unknown obstacle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from densehybrid_ros.ranging.regions import Region

Source = Literal["disparity", "depth", "ground", ""]


@dataclass(frozen=True)
class Obstacle:
    """One region of unknown pixels in the optical frame (x right, y down, z forward), lengths in m.

    `source` says where the range comes from: measured at its own pixels ("disparity", "depth"), or from the place where
    it stands on the road ("ground"). "" = no range, and `why_not` says why; range, centre and size are None then,
    never 0.
    """

    region: Region
    score: float
    """Median anomaly score of its pixels."""
    source: Source = ""
    why_not: str = ""
    range: float | None = None
    """Along the optical axis, to its near side."""
    range_error: float | None = None
    """One standard deviation."""
    interval: tuple[float, float] | None = None
    """Nearest and farthest distance of the pixels that are taken for its own; None where they were not measured."""
    centre: tuple[float, float, float] | None = None
    """Of its box."""
    size: tuple[float, float, float] | None = None
    """Of its box, along x, y and z."""
    place_error: float | None = None
    """One standard deviation of its centre across the line of sight."""
    height_above_road: float | None = None
    """Of its top; None where the road is not known."""
    number: int = 0
    """The same from frame to frame; 0 before it is tracked."""
    closing_speed: float | None = None
    """m/s, positive = comes nearer; None until it has been seen for long enough."""
    velocity: tuple[float, float] | None = None
    """m/s against the camera, along x and z; None where closing_speed, which is −z, is not known."""


def range_text(obstacle: Obstacle) -> str:
    """ "23.4 m", or "no range"."""
    return "no range" if obstacle.range is None else f"{obstacle.range:.1f} m"


def obstacle_text(obstacle: Obstacle, with_range: bool = True) -> str:
    """ "#7  23.4 m  +4.0 m/s  score 3.1": number, range, closing speed where it is known, score."""
    speed = None if obstacle.closing_speed is None else f"{obstacle.closing_speed:+.1f} m/s"
    parts = [f"#{obstacle.number}", range_text(obstacle) if with_range else None, speed, f"score {obstacle.score:.1f}"]
    return "  ".join(filter(None, parts))
