"""A drive through a procedural world: any frame of it, from its number alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole, disparity_of, ground_depth
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import CAMVID_UNKNOWN
from densehybrid_ros.roadworld import effects
from densehybrid_ros.roadworld.camera import road_camera
from densehybrid_ros.roadworld.canvas import Canvas
from densehybrid_ros.roadworld.ground import MAP_SCALE, MAP_WIDTH, ground_map, render_ground
from densehybrid_ros.roadworld.labels import SKY, TREE
from densehybrid_ros.roadworld.layout import CELL, Thing, oncoming_cars, things_in_cell
from densehybrid_ros.roadworld.style import draw_style

VIEW = 90.0
"""m; farther things are not drawn."""
NEAREST = 1.2
"""m; things are cut off at this depth."""

HILL_DEPTH = 400.0
"""m."""
SKY_DEPTH = 1000.0
"""m; for light and fog only."""


@dataclass(frozen=True)
class Frame:
    """One stereo frame with its exact truth, which belongs to the left picture."""

    index: int
    stamp: float
    """s since the start of the drive."""
    left: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    right: NDArray[np.uint8] | None
    """(H, W, 3) RGB; None where it was not asked for."""
    labels: NDArray[np.uint8]
    """(H, W) CamVid trainIds, 255 on obstacles."""
    anomaly: NDArray[np.bool_]
    """(H, W)."""
    instances: NDArray[np.uint16]
    """(H, W) number of the obstacle, 0 = none; the same over the whole drive."""
    depth: NDArray[np.float32]
    """(H, W) m along the optical axis, inf = sky."""
    disparity: NDArray[np.float32]
    """(H, W) px, fx·baseline/depth, 0 = sky."""
    camera: Pinhole

    @property
    def truth(self) -> NDArray[np.uint8]:
        """(H, W) open-set truth: the labels, with obstacles as unknown."""
        return np.where(self.anomaly, np.uint8(CAMVID_UNKNOWN), self.labels).astype(np.uint8)


@dataclass(frozen=True)
class _View:
    """What one of the two cameras sees."""

    picture: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    depth: NDArray[np.float32]
    bright: float


class Roadworld:
    """An endless drive, fixed by its seed: `frame(i)` does not depend on which frames were asked for before."""

    def __init__(
        self, seed: int, width: int = 960, height: int = 540, rate: float = 10.0, obstacles: bool = True
    ) -> None:
        if width < 32 or height < 32:
            raise SetupError(f"Roadworld pictures of {width}x{height} were asked for; give at least 32x32")
        if seed < 0 or rate <= 0:
            raise SetupError(f"Roadworld needs a seed >= 0 and a rate > 0, not {seed} and {rate}")
        rng = np.random.default_rng([seed, 0])
        self.seed, self.rate, self.obstacles = seed, rate, obstacles
        self.style = draw_style(rng)
        self.camera = road_camera(width, height, rng)
        self._speed = float(rng.uniform(4, 12))
        self._lane = self.style.road_width / 4 + float(rng.normal(0, 0.3))
        # sprites are costly and stay in view for many frames
        self._cell = lru_cache(maxsize=24)(self._draw_cell)

    def frame(self, index: int, stereo: bool = True) -> Frame:
        """Frame number `index` ≥ 0; without `stereo` the right view is not rendered."""
        if index < 0:
            raise SetupError(f"Roadworld frame {index} was asked for; frames count from 0")
        left = self._view(index, 0.0, 0, None)
        right = self._view(index, self.camera.baseline, 1, left.bright).picture if stereo else None
        return Frame(
            index=index,
            stamp=index / self.rate,
            left=left.picture,
            right=right,
            labels=left.labels,
            anomaly=left.instances > 0,
            instances=left.instances,
            depth=left.depth,
            disparity=disparity_of(self.camera, left.depth),
            camera=self.camera,
        )

    def _draw_cell(self, cell: int) -> list[Thing]:
        return things_in_cell(self.style, self.seed, cell, self.obstacles)

    def _view(self, index: int, shift: float, view: int, bright: float | None) -> _View:
        """The picture from a camera `shift` metres to the right of the left one; without `bright` it is metered."""
        camera, style = self.camera, self.style
        time = index / self.rate
        along = self._speed * time
        across = style.centre(along) + self._lane + shift
        things = [thing for cell in self._cells(along) for thing in self._cell(cell)]
        things += oncoming_cars(style, self.seed, along, time)
        things = [thing for thing in things if along + NEAREST < thing.along < along + VIEW]
        things.sort(key=lambda thing: -thing.along)
        origin = float(np.floor(along))
        shadow = self._shadows(things, origin)
        ground = render_ground(style, self.seed, camera, (across, along), shadow, origin)
        canvas = self._canvas(shift)
        canvas.colour[ground.first_row :] = ground.colour
        canvas.labels[ground.first_row :] = ground.labels
        for thing in things:
            self._paint(canvas, thing, across, along)
        wet = ground.wet * np.isclose(canvas.depth, ground_depth(camera)[:, None])[ground.first_row :]
        # a sky pixel at an edge holds some of the thing: it takes that thing's light and fog
        depth = np.minimum(canvas.depth, SKY_DEPTH)
        depth = np.where(np.isinf(canvas.depth), cv2.erode(depth, np.ones((3, 3), np.uint8)), depth)
        lit = effects.light_up(canvas.colour, depth, style, self.seed, camera)
        lit = effects.add_fog(lit, depth, 1 - canvas.sky_share, style)
        lit = lit + canvas.sky_share[..., None] * effects.sky(style, self.seed, camera)
        lit = effects.mirror_wet(lit, wet, ground.first_row, camera)
        lit = effects.add_precipitation(lit, style, np.random.default_rng([self.seed, 9, index, view]))
        noise = np.random.default_rng([self.seed, 10, index, view])
        bright = effects.brightness(lit) if bright is None else bright
        picture = effects.photograph(lit, bright, style, self.seed, noise)
        return _View(picture, canvas.labels, canvas.instances, canvas.depth, bright)

    def _cells(self, along: float) -> range:
        return range(int(along // CELL) - 1, int((along + VIEW) // CELL) + 1)

    def _canvas(self, shift: float) -> Canvas:
        """Sky above the horizon, ground below, a far line of trees between."""
        camera = self.camera
        shape = (camera.height, camera.width)
        depth = np.repeat(ground_depth(camera)[:, None], camera.width, 1)
        canvas = Canvas(
            np.zeros((*shape, 3), np.float32),
            np.full(shape, SKY, np.uint8),
            np.zeros(shape, np.uint16),
            depth,
            np.isinf(depth).astype(np.float32),
        )
        columns = np.arange(camera.width) + camera.fx * shift / HILL_DEPTH
        rng = np.random.default_rng([self.seed, 11])
        hills = np.zeros(camera.width)
        for _ in range(5):
            hills += rng.uniform(0, 1) * np.sin(columns * rng.uniform(0.002, 0.03) + rng.uniform(0, 7))
        tops = camera.cy - camera.height * 0.015 * (2 + hills)
        rows = np.arange(camera.height)[:, None]
        far = (rows >= tops[None]) & (rows <= camera.cy)
        canvas.labels[far] = TREE
        canvas.colour[far] = np.array(self.style.grass, np.float32) * 0.6
        canvas.depth[far] = HILL_DEPTH
        canvas.sky_share[far] = 0
        return canvas

    def _paint(self, canvas: Canvas, thing: Thing, across: float, along: float) -> None:
        """One thing, from road coordinates to the camera's; cut off in front of the camera."""
        ends = [
            (self.style.centre(point[1]) + point[0] - across, point[1] - along) for point in (thing.start, thing.end)
        ]
        sprite = thing.sprite
        if min(z for _, z in ends) < NEAREST:
            near = 0 if ends[0][1] < ends[1][1] else 1
            x, z = ends[near]
            far_x, far_z = ends[1 - near]
            share = (NEAREST - z) / (far_z - z)
            ends[near] = (x + share * (far_x - x), NEAREST)
            cut = round(share * sprite.alpha.shape[1])
            kept = np.s_[:, cut:] if near == 0 else np.s_[:, : sprite.alpha.shape[1] - cut]
            if sprite.alpha[kept].size == 0:
                return
            sprite = type(sprite)(sprite.colour[kept], sprite.alpha[kept], sprite.label)
        canvas.paint_wall(sprite, self.camera, ends[0], ends[1], thing.height, thing.instance, thing.lift)

    def _shadows(self, things: list[Thing], origin: float) -> NDArray[np.float32]:
        """Map of light on the ground: cast shadows as the style has them, and the dark line where things touch it."""
        cast, contact = ground_map(), ground_map()
        for thing in things:
            if not thing.casts_shadow:
                continue
            base = np.array([thing.start, thing.end])
            base = (base + (MAP_WIDTH / 2, -origin)) * MAP_SCALE
            reach = np.array(self.style.sun) * thing.height * MAP_SCALE
            if thing.sprite.label == TREE and np.ptp(base[:, 1]) < 1:
                _tree_shadow(cast, base, reach, 1 - self.style.shadow)
            elif self.style.shadow:
                polygon = np.array([base[0], base[1], base[1] + reach, base[0] + reach])
                cv2.fillPoly(cast, [np.round(polygon).astype(np.int32)], (1 - self.style.shadow,))
            if thing.lift == 0:
                start, end = base.astype(int).tolist()
                cv2.line(contact, start, end, (0.45,), max(2, int(MAP_SCALE * 0.2)))
        return cv2.GaussianBlur(cast, (0, 0), 1.5) * cv2.GaussianBlur(contact, (0, 0), 3)


def _tree_shadow(
    cast: NDArray[np.float32], base: NDArray[np.float64], reach: NDArray[np.float64], light: float
) -> None:
    """Trunk and a crown of blots, in place; the blots come from the tree's place, so they stay from frame to frame."""
    if light == 1:
        return
    foot = base.mean(0)
    half_width = np.ptp(base[:, 0]) / 2
    rng = np.random.default_rng(int(base[0, 0] * 7919) % 2**31)
    cv2.line(cast, foot.astype(int).tolist(), (foot + 0.5 * reach).astype(int).tolist(), (light,), 4)
    for _ in range(18):
        centre = foot + reach * rng.uniform(0.4, 1.0) + rng.normal(0, 0.45, 2) * half_width
        radius = max(2, int(half_width * rng.uniform(0.08, 0.35)))
        cv2.circle(cast, (int(centre[0]), int(centre[1])), radius, (light,), -1)
