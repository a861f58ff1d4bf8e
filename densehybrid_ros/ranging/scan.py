"""The nearest unknown for every bearing, as a planar scanner would report it.

Frame of a scan: x forward, z up (REP-103); bearings turn from x to y, to the left. Angles in rad, lengths in m.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.ranging.obstacle_range import NEAR_SHARE, View
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.own_pixels import own_pixels
from densehybrid_ros.ranging.regions import Region

STEP = math.radians(0.25)
"""Between two bearings: what is reported is off by half of it at most."""
MOST_PIXELS = 8192
"""Of one obstacle that are looked at."""
UPRIGHT = 0.5
"""Least cosine between the picture's up and the frame's z: a camera that looks steeper sees no bearings."""


@dataclass(frozen=True)
class Scan:
    """One ring of bearings, from the right to the left."""

    first: float
    """Bearing of the first range; those behind the frame go on beyond π."""
    step: float
    ranges: NDArray[np.float32]
    """(N,) horizontal distance from the frame's origin: inf = nothing unknown is seen, nan = not known."""


def lies_level(rotation: NDArray[np.float64]) -> bool:
    """Whether z of the frame points up in the picture; that of an optical frame points away from the camera.

    Args:
        rotation: (3, 3), from the optical frame.
    """
    return bool(-rotation[2, 1] >= UPRIGHT)


def scan_of(
    obstacles: Sequence[Obstacle],
    too_near: Sequence[Region],
    view: View,
    matrix: NDArray[np.float64],
    nearest: float,
    farthest: float,
) -> Scan:
    """The scan of one frame. It is about unknown obstacles alone: beyond a wall or a car it is inf as well.

    nan stands where an unknown region has no range or is too near, and where the camera sees only part of the way.

    Args:
        too_near: regions that are no obstacles because they are nearer than `nearest`.
        matrix: (3, 4), from the optical frame to that of the scan, which `lies_level`.
        nearest, farthest: m along the optical axis between which obstacles are reported; what is farther than
            `farthest` from the frame's origin is out of the scan's reach, and inf.
    """
    ring = _ring(view, matrix, nearest, farthest)
    ranges, doubtful = np.full(ring.count, np.inf), ~ring.seen
    for region in (*too_near, *(each.region for each in obstacles if each.range is None)):
        doubtful |= ring.between(_corners(region, view, (nearest, farthest)))
    for obstacle in (each for each in obstacles if each.range is not None):
        assert obstacle.range is not None
        own = _ranges(obstacle, view, ring)
        beyond = np.isfinite(own) & (own > farthest)
        doubtful |= ring.between(_corners(obstacle.region, view, (obstacle.range,))) & ~beyond
        ranges = np.minimum(ranges, np.where(beyond, np.inf, own))
    ranges[np.isinf(ranges) & doubtful] = np.nan
    return Scan(ring.first + ring.step / 2, ring.step, ranges.astype(np.float32))


@dataclass(frozen=True)
class _Ring:
    """Equal sectors of bearings, from `first` to the left."""

    matrix: NDArray[np.float64]
    heading: float
    """Bearing of the optical axis; all others lie within π of it."""
    first: float
    step: float
    seen: NDArray[np.bool_]
    """(count,) whether the camera sees it all the way."""

    @property
    def count(self) -> int:
        return self.seen.size

    def places(self, xyz: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 2) x and y in the frame of the scan of (N, 3) points in the optical frame."""
        return xyz @ self.matrix[:2, :3].T + self.matrix[:2, 3]

    def sectors(self, places: NDArray[np.float64]) -> NDArray[np.intp]:
        """(N,) the sectors of (N, 2) places; those beyond the ring fall into its ends."""
        sectors = np.floor((_bearings(places, self.heading) - self.first) / self.step)
        return np.clip(sectors, 0, self.count - 1).astype(np.intp)

    def between(self, xyz: NDArray[np.floating]) -> NDArray[np.bool_]:
        """(count,) the sectors from the rightmost to the leftmost of the points."""
        sectors, every = self.sectors(self.places(xyz)), np.arange(self.count)
        return (every >= sectors.min()) & (every <= sectors.max())


def _ring(view: View, matrix: NDArray[np.float64], nearest: float, farthest: float) -> _Ring:
    """Over all that the camera sees between the two distances, at the height of the camera itself."""
    columns = np.array([-0.5, view.open_set.shape[1] - 0.5])
    x, _ = view.pinhole.directions(columns, columns)
    level = -(matrix[2, 0] * x + matrix[2, 2]) / matrix[2, 1]  # y of the rays that neither rise nor fall
    rays = np.column_stack([x, level, np.ones(2)])
    heading = math.atan2(matrix[1, 2], matrix[0, 2])
    near, far = (
        _bearings((rays * distance) @ matrix[:2, :3].T + matrix[:2, 3], heading) for distance in (nearest, farthest)
    )
    right, left = min(near.min(), far.min()), max(near.max(), far.max())
    count = max(2, math.ceil((left - right) / STEP))
    step = (left - right) / count
    middles = right + (np.arange(count) + 0.5) * step
    return _Ring(matrix, heading, right, step, (middles > far.min()) & (middles < far.max()))


def _corners(region: Region, view: View, distances: Sequence[float]) -> NDArray[np.float64]:
    """(N, 3) points of the optical frame behind the corners of a region's box, at distances along the axis."""
    rows, columns = region.window
    u, v = (each.ravel() - 0.5 for each in np.meshgrid([columns.start, columns.stop], [rows.start, rows.stop]))
    x, y = view.pinhole.directions(u, v)
    rays = np.column_stack([x, y, np.ones_like(x)])
    return np.concatenate([rays * distance for distance in distances])


def _ranges(obstacle: Obstacle, view: View, ring: _Ring) -> NDArray[np.float64]:
    """(count,) of one obstacle, inf beside it: of its own pixels, and of its outline where none was measured."""
    ranges = _outline_ranges(obstacle, ring)
    own = own_pixels(obstacle, view)
    if own is None or not own.rows.size:
        return ranges
    places = ring.places(own.xyz[:: max(1, own.rows.size // MOST_PIXELS)].astype(np.float64))
    sectors, distances = ring.sectors(places), np.hypot(*places.T)
    order = np.lexsort([distances, sectors])
    counts = np.bincount(sectors, minlength=ring.count)
    starts, measured = np.cumsum(counts) - counts, counts > 0
    near_side = starts + (NEAR_SHARE * (counts - 1)).astype(np.intp)
    ranges[measured] = distances[order][near_side[measured]]
    return ranges


def _outline_ranges(obstacle: Obstacle, ring: _Ring) -> NDArray[np.float64]:
    """(count,) of the obstacle's foot, a straight line across the view at its range; inf beside it."""
    assert obstacle.range is not None
    assert obstacle.centre is not None
    assert obstacle.size is not None
    (x, y, _), (width, height, _) = obstacle.centre, obstacle.size
    ends = np.array([[x + side * width / 2, y + height / 2, obstacle.range] for side in (1, -1)])
    right, left = ring.places(ends)
    within = ring.between(ends)
    bearings = ring.first + (np.flatnonzero(within) + 0.5) * ring.step
    along = left - right
    facing = np.cos(bearings) * along[1] - np.sin(bearings) * along[0]
    crossing = (right[0] * along[1] - right[1] * along[0]) / np.where(facing == 0, np.inf, facing)
    ranges = np.full(ring.count, np.inf)
    # the middles of the two outer sectors may pass the line by
    nearest = right + np.clip(-right @ along / max(along @ along, 1e-12), 0, 1) * along
    ranges[within] = np.clip(crossing, math.hypot(*nearest), max(math.hypot(*right), math.hypot(*left)))
    return ranges


def _bearings(places: NDArray[np.float64], heading: float) -> NDArray[np.float64]:
    """(N,) bearings of (N, 2) places, within π of the heading."""
    off = np.arctan2(places[:, 1], places[:, 0]) - heading
    return heading + (off + math.pi) % (2 * math.pi) - math.pi
