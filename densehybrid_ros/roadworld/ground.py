"""The ground: road with marks, patches and cracks, kerb, pavement, verge; lit, shadowed and wetted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole, ground_depth
from densehybrid_ros.roadworld.labels import PAVEMENT, ROAD, TREE
from densehybrid_ros.roadworld.noise import sample_tile, shared_noise
from densehybrid_ros.roadworld.style import Style

MAP_LENGTH, MAP_WIDTH, MAP_SCALE = 96.0, 28.0, 16.0
"""Metres ahead, metres across, and px/m of the map that holds shadows and road damage."""
TEXTURE_PERIOD = 360.0
"""m; a multiple of the period of every texture (4 cells), of the slabs (0.6 m) and of the dashes (9 m)."""
Field = NDArray[np.floating]
"""float32; where a Python number is a factor, NumPy's stubs allow for float64."""
DAMAGE_CELL = 12.0
"""Metres of road whose damage is drawn from one random stream."""


@dataclass(frozen=True)
class Ground:
    """The ground as seen by one camera; (rows below the horizon, W, …)."""

    first_row: int
    colour: NDArray[np.float32]
    labels: NDArray[np.uint8]
    wet: NDArray[np.float32]
    """Share of mirrored light, 0..1."""


def render_ground(
    style: Style,
    seed: int,
    camera: Pinhole,
    position: tuple[float, float],
    shadow: NDArray[np.float32],
    origin: float,
) -> Ground:
    """The ground from a camera at `position` (sideways, along), m.

    Args:
        shadow: ground map (along, across) of light, from `ground_map`-sized canvases; 1 = lit.
        origin: distance along at which the map starts, m.
    """
    first_row = int(np.floor(camera.cy)) + 1
    depth = ground_depth(camera)[first_row:].clip(max=400)
    ahead = np.repeat(depth[:, None], camera.width, 1)
    columns = np.arange(camera.width, dtype=np.float32)
    sideways = (columns - camera.cx)[None] * ahead / camera.fx + position[0]
    # float32 holds 75 km only to 8 mm: float64 here, and textures wrapped at a common multiple of their periods
    distances = depth.astype(np.float64) + position[1]
    bend = np.array([style.centre(distance) for distance in distances], np.float32)
    across = (sideways - bend[:, None]).astype(np.float32)
    along = np.repeat(np.mod(distances, TEXTURE_PERIOD).astype(np.float32)[:, None], camera.width, 1)
    footprint = (depth / camera.fx)[:, None]
    stretch = footprint * (depth / camera.height_above_road)[:, None]
    road_edge, pavement_edge = style.road_width / 2, style.road_width / 2 + style.pavement_width
    distance = np.abs(across)
    labels = np.full(across.shape, TREE, np.uint8)
    labels[distance < pavement_edge] = PAVEMENT
    labels[distance < road_edge] = ROAD
    road_share = _coverage(road_edge - distance, footprint)[..., None]
    pavement_share = _coverage(pavement_edge - distance, footprint)[..., None]
    damage, paint = _damage_map(style, seed, origin)
    map_columns = (across + MAP_WIDTH / 2) * MAP_SCALE
    map_rows = np.repeat(((distances - origin) * MAP_SCALE).astype(np.float32)[:, None], camera.width, 1)
    near = np.clip(1.5 - ahead / 60, 0, 1)
    gain = 1 + near * (_read(damage, map_columns, map_rows) - 1)
    colour = _verge(style, across, along, footprint)
    pavement = _pavement(style, across, along, footprint, stretch)
    road = _asphalt(style, across, along, footprint) * gain[..., None]
    marks = np.clip(
        _marks(style, across, along, footprint, stretch) + near * _read(paint, map_columns, map_rows, 0), 0, 1
    )
    wear = np.clip(0.75 + 0.35 * _texture(1, across, along, footprint, 2.0), 0, 1) * style.mark_strength
    white = np.array([0.85, 0.85, 0.8], np.float32) * (1 + 0.05 * _texture(2, across, along, footprint, 0.4))[..., None]
    road = road + (marks * wear)[..., None] * (white - road)
    colour = colour + pavement_share * (pavement - colour)
    colour = colour + road_share * (road - colour)
    kerb = _coverage(0.12 - np.abs(distance - road_edge - 0.1), footprint) * (style.pavement_width > 0)
    colour = colour + kerb[..., None] * (np.array(style.pavement, np.float32) * 1.2 - colour)
    colour = colour * _read(shadow, map_columns, map_rows)[..., None]
    puddles = np.clip(_texture(3, across, along, footprint, 6.0) * 1.5 - 0.3, 0, 1)
    wet = style.wetness * (0.45 + 0.55 * puddles) * (labels != TREE)
    return Ground(first_row, colour.astype(np.float32), labels, wet.astype(np.float32))


def ground_map() -> NDArray[np.float32]:
    """An empty map (along, across) of factors, all 1."""
    return np.ones((int(MAP_LENGTH * MAP_SCALE), int(MAP_WIDTH * MAP_SCALE)), np.float32)


def _read(
    values: NDArray[np.float32], columns: NDArray[np.float32], rows: NDArray[np.float32], outside: float = 1.0
) -> NDArray[np.float32]:
    return cv2.remap(
        values,
        columns.astype(np.float32),
        rows.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(outside,),
    )


def _coverage(inside: Field, footprint: Field) -> Field:
    """Share of a pixel of that footprint (m) that lies inside, from the signed distance (m) to the edge."""
    return np.clip(inside / footprint + 0.5, 0, 1)


def _texture(number: int, across: Field, along: Field, footprint: Field, cell: float) -> Field:
    """Noise whose largest features are about `cell` metres; it fades out where a pixel sees more than one feature."""
    scale = np.float32(128 / cell)
    fade = np.clip(cell / (40 * footprint), 0, 1)
    return fade * sample_tile(shared_noise(number), across * scale, along * scale)


def _asphalt(style: Style, across: Field, along: Field, footprint: Field) -> Field:
    """Grain, blotches and the polished wheel tracks."""
    grain = _texture(0, across, along, footprint, 0.5)
    blotches = _texture(1, across, along, footprint * 0.3, 9.0)
    lane = style.road_width / 4
    tracks = np.exp(-(((np.abs(np.abs(across) - lane) - 0.75) / 0.35) ** 2))
    level = 1 + style.asphalt_contrast * (grain + 0.4 * blotches) + 0.06 * tracks
    return np.array(style.asphalt, np.float32) * np.clip(level, 0.2, 2)[..., None]


def _pavement(style: Style, across: Field, along: Field, footprint: Field, stretch: Field) -> Field:
    """Slabs with dark joints."""
    pitch = 0.6
    joints = np.maximum(
        _coverage(0.02 - np.abs(np.mod(across, pitch) - pitch / 2), footprint),
        _coverage(0.02 - np.abs(np.mod(along, pitch) - pitch / 2), stretch) * (stretch < 0.3),
    )
    level = (1 + 0.1 * _texture(2, across, along, footprint, 1.5)) * (1 - 0.25 * joints * (footprint < 0.06))
    return np.array(style.pavement, np.float32) * level[..., None]


def _verge(style: Style, across: Field, along: Field, footprint: Field) -> Field:
    """Grass, with earth or snow between."""
    blades = _texture(0, across, along, footprint, 0.25)
    clumps = _texture(3, across, along, footprint * 0.3, 5.0)
    level = np.clip(1 + 0.25 * blades + 0.2 * clumps, 0.2, 2)[..., None]
    second = np.array([0.8, 0.82, 0.85] if style.weather == "snow" else [0.36, 0.3, 0.22], np.float32)
    share = np.clip(0.4 * clumps + (0.4 if style.weather == "snow" else 0.1), 0, 1)[..., None]
    return (np.array(style.grass, np.float32) * (1 - share) + second * share) * level


def _marks(style: Style, across: Field, along: Field, footprint: Field, stretch: Field) -> Field:
    """Coverage of white paint by the lines along the road."""
    if style.marks == "none":
        return np.zeros_like(across)
    edge = style.road_width / 2 - 0.25
    lines = _coverage(0.06 - np.abs(np.abs(across) - edge), footprint) * (style.marks in ("edge", "dashed"))
    if style.marks == "double":
        return np.maximum(lines, _coverage(0.05 - np.abs(np.abs(across) - 0.15), footprint))
    dash = _coverage(1.5 - np.abs(np.mod(along, 9.0) - 4.5), stretch)
    return np.maximum(lines, dash * _coverage(0.07 - np.abs(across), footprint))


def _damage_map(style: Style, seed: int, origin: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Maps of the road's brightness (patches, cracks, manholes, tyre marks) and of odd paint (arrows, stop lines).

    Each cell draws from its own stream, and only into itself, so that the road is the same from wherever it is seen.
    """
    gain, paint = ground_map(), np.zeros_like(ground_map())
    first = int(np.floor(origin / DAMAGE_CELL))
    half = style.road_width / 2 - 0.3
    for cell in range(first - 1, first + int(MAP_LENGTH / DAMAGE_CELL) + 1):
        rng = np.random.default_rng([seed, 3, cell + 1_000_000])
        for _ in range(rng.integers(0, 5)):
            left, start = rng.uniform(-half, half), cell * DAMAGE_CELL + rng.uniform(1, DAMAGE_CELL - 3)
            _draw_damage(gain, paint, rng, left, start - origin, half)
    return cv2.GaussianBlur(gain, (0, 0), 0.8), paint


def _draw_damage(
    gain: NDArray[np.float32],
    paint: NDArray[np.float32],
    rng: np.random.Generator,
    left: float,
    start: float,
    half: float,
) -> None:
    """One feature at (`left` of the centre line, `start` in the map), m; in place."""

    def at(across: float, along: float) -> tuple[int, int]:
        return round((across + MAP_WIDTH / 2) * MAP_SCALE), round(along * MAP_SCALE)

    kind = rng.random()
    factor = float(rng.uniform(0.5, 0.85))
    if kind < 0.25:
        width, length = rng.uniform(0.4, 2.5), rng.uniform(0.5, 5)
        level = factor if rng.random() < 0.7 else 2 - factor
        cv2.rectangle(gain, at(max(left - width, -half), start), at(left, start + length), (float(level),), -1)
    elif kind < 0.5:
        walk = np.cumsum(rng.normal(0, 0.25, (24, 2)) + rng.uniform(-0.25, 0.25, 2), 0)
        points = np.array([at(left + x, start + y) for x, y in walk], np.int32)
        cv2.polylines(gain, [points], False, (factor,), int(rng.integers(1, 3)))
    elif kind < 0.65:
        radius = int(rng.uniform(0.25, 0.4) * MAP_SCALE)
        cv2.circle(gain, at(left, start), radius, (factor,), -1)
        cv2.circle(gain, at(left, start), radius, (factor * 0.6,), 1)
        cv2.circle(gain, at(left, start), max(radius // 2, 1), (factor * 1.2,), 1)
    elif kind < 0.8:
        for offset in (0, 1.5):
            points = np.array([at(left + offset + 0.02 * d * d, start + d) for d in np.linspace(0, 8, 12)], np.int32)
            cv2.polylines(gain, [points], False, (factor,), 3)
    elif kind < 0.9:
        cv2.rectangle(gain, at(-half, start), at(half, start + 0.1), (factor,), -1)
    elif rng.random() < 0.5:
        cv2.rectangle(paint, at(0.2, start), at(half, start + 0.4), (1.0,), -1)
    else:
        tip = at(left, start + 4)
        cv2.line(paint, at(left, start), tip, (1.0,), 3)
        cv2.fillPoly(paint, [np.array([at(left - 0.4, start + 2.8), at(left + 0.4, start + 2.8), tip])], (1.0,))
