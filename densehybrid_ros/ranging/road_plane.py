"""The road as a plane: fitted to measured distances of drivable pixels, or given by the camera's height and pitch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.ranging.range_image import RangeImage

STEP = 12
"""px between the pixels that a fit looks at."""
MOST_SAMPLES = 1600
FEWEST = 80
"""Samples below which no plane is fitted."""
TRIALS, TRIAL_SAMPLES = 60, 800
REFINEMENTS = 3
AGREEING = 0.25
"""Share of the samples that must agree: block matching on a dark or smooth road is wrong more often than right."""
HEIGHTS = (0.3, 6.0)
"""m over the road at which a vehicle carries a camera."""
MOST_TILT = math.radians(25)
"""Of the plane against the camera, in pitch and in roll; farther tilted, the fit has found something else."""


@dataclass(frozen=True)
class RoadPlane:
    """1/Z of the road at a pixel (u, v) is column·u + row·v + offset; a plane is affine in inverse depth."""

    column: float
    """1/(m·px)."""
    row: float
    offset: float
    """1/m."""
    camera_height: float
    """m over the road."""
    inverse_depth_error: float = 0.0
    """One standard deviation of the plane's own 1/Z, 1/m."""

    def inverse_depth(
        self, u: NDArray[np.floating] | float, v: NDArray[np.floating] | float
    ) -> NDArray[np.floating] | float:
        """1/Z of the road, 1/m; 0 and below at and above the horizon."""
        return self.column * u + self.row * v + self.offset

    def height_of(
        self, u: NDArray[np.floating], v: NDArray[np.floating], inverse_depth: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Height above the road of what is seen at (u, v) with that 1/Z > 0, m."""
        return self.camera_height * (1 - self.inverse_depth(u, v) / inverse_depth)


def plane_from_camera(pinhole: Pinhole, height: float, pitch: float, pitch_error: float) -> RoadPlane:
    """A flat road below a camera that does not roll.

    Args:
        height: m over the road.
        pitch: rad, positive = looks down.
        pitch_error: one standard deviation, rad.
    """
    row = math.cos(pitch) / height / pinhole.fy
    offset = math.sin(pitch) / height - row * pinhole.cy
    return RoadPlane(0.0, row, offset, height, pitch_error / height)


def fit_road_plane(
    ranges: RangeImage, labels: NDArray[np.uint8], drivable: NDArray[np.bool_], pinhole: Pinhole
) -> RoadPlane | None:
    """RANSAC over a grid of drivable pixels, then least squares on what agrees; None where no road can be seen.

    Args:
        labels: (H, W) ids.
        drivable: (256,) True for the ids of what can be driven on.
    """
    grid = labels[STEP // 2 :: STEP, STEP // 2 :: STEP]
    inverse = ranges.inverse_depth((slice(STEP // 2, None, STEP), slice(STEP // 2, None, STEP)))
    rows, columns = np.nonzero(drivable[grid] & (inverse > 0))
    if rows.size < FEWEST:
        return None
    if rows.size > MOST_SAMPLES:
        kept = np.linspace(0, rows.size - 1, MOST_SAMPLES).astype(np.intp)
        rows, columns = rows[kept], columns[kept]
    measured = inverse[rows, columns].astype(np.float64)
    design = np.column_stack([columns * STEP + STEP // 2, rows * STEP + STEP // 2, np.ones(rows.size)])
    # scaled to the picture, so that the normal equations stay well conditioned
    size = np.array([labels.shape[1], labels.shape[0], 1.0])
    design = design / size
    tolerance = 2 * np.maximum(ranges.error * (measured if ranges.kind == "depth" else 1 / ranges.scale), 1e-6)
    plane = _consensus(design, measured, tolerance, size, pinhole)
    if plane is None:
        return None
    column, row, offset = plane / size
    height = 1 / float(np.linalg.norm(_normals(np.array([[column, row, offset]]), pinhole)))
    return RoadPlane(float(column), float(row), float(offset), height)


def _consensus(
    design: NDArray[np.float64],
    measured: NDArray[np.float64],
    tolerance: NDArray[np.float64],
    size: NDArray[np.float64],
    pinhole: Pinhole,
) -> NDArray[np.float64] | None:
    """The plausible (3,) plane that most samples agree with; None where too few do."""
    picks = np.random.default_rng(0).integers(0, len(measured), (TRIALS, 3))
    picks = picks[np.abs(np.linalg.det(design[picks])) > 1e-4]
    candidates = np.linalg.solve(design[picks], measured[picks][..., None])[..., 0]
    candidates = candidates[_plausible(candidates / size, pinhole)]
    if not len(candidates):
        return None
    some = slice(None, None, max(1, len(measured) // TRIAL_SAMPLES))  # enough to choose by; all of them refine it
    agreeing = (
        np.abs(candidates @ design[some].T - measured[some]) < np.broadcast_to(tolerance, measured.shape)[some]
    ).sum(1)
    plane = candidates[int(np.argmax(agreeing))]
    for _ in range(REFINEMENTS):
        near = np.abs(design @ plane - measured) < tolerance
        if near.sum() < max(FEWEST // 2, AGREEING * len(measured)):
            return None
        kept = design[near]
        plane = np.linalg.solve(kept.T @ kept, kept.T @ measured[near])
    return plane if _plausible(plane[None] / size, pinhole)[0] else None


def _normals(planes: NDArray[np.float64], pinhole: Pinhole) -> NDArray[np.float64]:
    """(N, 3) normals n of planes (N, 3) in inverse depth, with n·X = 1 on the road."""
    column, row, offset = planes.T
    return np.column_stack([column * pinhole.fx, row * pinhole.fy, column * pinhole.cx + row * pinhole.cy + offset])


def _plausible(planes: NDArray[np.float64], pinhole: Pinhole) -> NDArray[np.bool_]:
    """Whether a vehicle's camera may stand like that over a road."""
    normals = _normals(planes, pinhole)
    length = np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
    tilt = np.abs(normals[:, [0, 2]]).max(1) / length
    low, high = HEIGHTS
    return (normals[:, 1] > 0) & (tilt < math.sin(MOST_TILT)) & (length > 1 / high) & (length < 1 / low)
