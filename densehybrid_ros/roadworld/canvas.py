"""The picture under construction: colour, label, obstacle number and depth, painted from far to near."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole, project


@dataclass(frozen=True)
class Sprite:
    """A flat picture of a thing, standing upright."""

    colour: NDArray[np.float32]
    """(h, w, 3) albedo times alpha, 0..1: straight colours would get a dark rim from bilinear sampling."""
    alpha: NDArray[np.float32]
    """(h, w) 0..1."""
    label: int


@dataclass
class Canvas:
    """All arrays are (H, W) but for colour, (H, W, 3) float32, not yet lit by fog. Open sky is black."""

    colour: NDArray[np.float32]
    labels: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    depth: NDArray[np.float32]
    sky_share: NDArray[np.float32]
    """How much of the sky a pixel sees, 0..1: edges against the sky are mixed, too."""

    def paint_wall(
        self,
        sprite: Sprite,
        camera: Pinhole,
        start: tuple[float, float],
        end: tuple[float, float],
        height: float,
        instance: int = 0,
        lift: float = 0.0,
    ) -> None:
        """A sprite upright between two points (x, z) of the road, m; `start` is its left edge. Both lie ahead."""
        corners: list[tuple[float, float]] = []
        top, bottom = camera.height_above_road - lift - height, camera.height_above_road - lift
        for (x, z), y in ((start, top), (end, top), (end, bottom), (start, bottom)):
            corners.append(project(camera, x, y, z))
        depth = np.array([start[1], end[1], end[1], start[1]])
        self.paint_quad(sprite, np.array(corners, np.float32), depth, instance)

    def paint_quad(
        self,
        sprite: Sprite,
        corners: NDArray[np.float32],
        corner_depth: NDArray[np.floating],
        instance: int = 0,
    ) -> None:
        """A sprite on a plane, given by the pixels (4, 2) and depths (4,) of its corners, clockwise from top left.

        1/z is affine over the picture on a plane, so three corners give the exact depth of every pixel.
        """
        height, width = self.labels.shape
        low = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(corners.max(0)).astype(int) + 2, (width, height))
        if (high <= low).any():
            return
        sprite = _shrunk(sprite, corners)
        rows, columns = sprite.alpha.shape
        source = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32) - 0.5
        matrix = cv2.getPerspectiveTransform(source, (corners - low).astype(np.float32))
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        alpha = cv2.warpPerspective(sprite.alpha, matrix, size, flags=cv2.INTER_LINEAR)
        colour = cv2.warpPerspective(sprite.colour, matrix, size, flags=cv2.INTER_LINEAR)
        window = np.s_[low[1] : high[1], low[0] : high[0]]
        depth = _plane_depth(corners, corner_depth, low, size)
        # things are painted roughly from far to near; the test settles what overlaps in depth
        visible = depth < self.depth[window]
        alpha = alpha * visible
        target = self.colour[window]
        target += colour * visible[..., None] - alpha[..., None] * target
        self.sky_share[window] *= 1 - alpha
        solid = alpha > 0.5
        self.labels[window][solid] = sprite.label
        self.instances[window][solid] = instance
        self.depth[window][solid] = depth[solid]


def _plane_depth(
    corners: NDArray[np.float32], corner_depth: NDArray[np.floating], low: NDArray[np.int_], size: tuple[int, int]
) -> NDArray[np.float32]:
    """(h, w) depth of the plane through the corners, for the window that starts at `low`."""
    design = np.column_stack([corners[[0, 1, 3]], np.ones(3)])
    slope_x, slope_y, offset = np.linalg.solve(design.astype(np.float64), 1 / corner_depth[[0, 1, 3]])
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    inverse = slope_x * (columns + low[0]) + slope_y * (rows + low[1]) + offset
    return (1 / np.maximum(inverse, 1e-4)).astype(np.float32)


def _shrunk(sprite: Sprite, corners: NDArray[np.float32]) -> Sprite:
    """The sprite area-averaged to about its size on the picture: without this, far things alias."""
    wide = max(float(np.hypot(*(corners[1] - corners[0]))), float(np.hypot(*(corners[2] - corners[3]))))
    tall = max(float(np.hypot(*(corners[3] - corners[0]))), float(np.hypot(*(corners[2] - corners[1]))))
    rows, columns = sprite.alpha.shape
    target = (min(columns, max(2, round(wide))), min(rows, max(2, round(tall))))
    if target == (columns, rows):
        return sprite
    colour = cv2.resize(sprite.colour, target, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(sprite.alpha, target, interpolation=cv2.INTER_AREA)
    return Sprite(colour.astype(np.float32), alpha.astype(np.float32), sprite.label)
