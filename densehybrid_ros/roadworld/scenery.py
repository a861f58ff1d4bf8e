"""Sprites of what lines a road: trees, façades, fences, poles, signs."""

from __future__ import annotations

import numpy as np

from densehybrid_ros.roadworld.canvas import Sprite
from densehybrid_ros.roadworld.labels import BUILDING, FENCE, POLE, SIGN, TREE
from densehybrid_ros.roadworld.noise import noise_patch
from densehybrid_ros.roadworld.painting import Sheet, random_colour


def tree(rng: np.random.Generator, bare: bool) -> Sprite:
    """A leafy crown of noise over a trunk, or bare branches."""
    sheet = Sheet(256, 192)
    bark = np.array([0.28, 0.22, 0.16], np.float32) * rng.uniform(0.5, 1.3)
    trunk = rng.uniform(0.02, 0.05)
    sheet.polygon([(0.5 - trunk, 1), (0.5 - trunk * 0.6, 0.4), (0.5 + trunk * 0.6, 0.4), (0.5 + trunk, 1)], bark)
    if bare:
        _branch(sheet, rng, (0.5, 0.62), -np.pi / 2, 0.2, trunk * 1.2, bark, depth=5)
        return sheet.sprite(TREE)
    green = np.array([rng.uniform(0.1, 0.35), rng.uniform(0.2, 0.42), rng.uniform(0.05, 0.16)], np.float32)
    rows, columns = np.mgrid[0:256, 0:192].astype(np.float32)
    blob = np.full((256, 192), -9.0, np.float32)
    for _ in range(rng.integers(4, 9)):
        centre_x, centre_y = rng.normal(96, 26), rng.normal(90, 32)
        radius = rng.uniform(28, 62)
        # noise lets leaves reach out to about 1.3 radii; beyond the sheet the crown would be cut straight
        centre_x, centre_y = np.clip(centre_x, 1.3 * radius, 191 - 1.3 * radius), max(centre_y, 1.3 * radius)
        blob = np.maximum(blob, 1 - np.hypot(columns - centre_x, rows - centre_y) / radius)
    fine, coarse = noise_patch(256, 192, rng, 0.35), noise_patch(256, 192, rng, 1.5)
    leaves = np.clip((blob * 3 + 0.45 * fine + 0.35 * coarse) * 3, 0, 1)
    light = 0.75 + 0.35 * np.clip((130 - rows) / 130, -1, 1) + 0.28 * fine + 0.2 * coarse
    crown = green * np.clip(light, 0.15, 2)[..., None]
    sheet.colour += leaves[..., None] * (crown - sheet.colour)
    sheet.alpha = np.maximum(sheet.alpha, leaves)
    return sheet.sprite(TREE)


def hedge(rng: np.random.Generator) -> Sprite:
    """A strip of leaves with a ragged top."""
    height, width = 128, 512
    green = np.array([rng.uniform(0.12, 0.4), rng.uniform(0.2, 0.4), rng.uniform(0.06, 0.18)], np.float32)
    fine, coarse = noise_patch(height, width, rng, 0.4), noise_patch(height, width, rng, 3)
    rows = np.arange(height, dtype=np.float32)[:, None]
    alpha = np.clip((rows - 26 + 9 * coarse + 6 * fine) / 4, 0, 1)
    light = np.clip(0.8 + 0.3 * fine + 0.2 * coarse - 0.3 * rows / height, 0.1, 2)
    return Sprite((green * (light * alpha)[..., None]).astype(np.float32), alpha.astype(np.float32), TREE)


def facade(rng: np.random.Generator, storeys: int) -> Sprite:
    """A house front of brick, plaster or glass with windows, doors, sills and dirt."""
    height, width = 64 * storeys, 384
    wall = (
        random_colour(rng, 0.3, 0.8, 0.15)
        if rng.random() < 0.5
        else np.array([0.5, 0.32, 0.25], np.float32) * rng.uniform(0.6, 1.3)
    )
    colour = np.ones((height, width, 3), np.float32) * wall
    if rng.random() < 0.5:
        colour[::5] *= 0.88
    colour *= (1 + 0.06 * noise_patch(height, width, rng, 0.5) + 0.07 * noise_patch(height, width, rng, 6))[..., None]
    pitch = int(rng.integers(34, 64))
    window_width, window_height = int(pitch * rng.uniform(0.35, 0.7)), int(rng.integers(28, 46))
    frame = random_colour(rng, 0.5, 0.9, 0.1)
    for storey in range(storeys):
        top = height - 64 * (storey + 1) + 10
        shop = storey == 0 and rng.random() < 0.4
        for left in range(pitch // 4, width - window_width, pitch):
            _window(colour, rng, top, left, 50 if shop else window_height, window_width, frame)
        if shop:
            colour[top - 8 : top] = random_colour(rng, 0.1, 0.8, 1.0)
    door = int(rng.integers(10, width - 40))
    colour[height - 50 :, door : door + 22] = random_colour(rng, 0.05, 0.5, 0.8)
    colour[:6] *= 0.6
    return Sprite(np.clip(colour, 0.02, 1), np.ones((height, width), np.float32), BUILDING)


def fence(rng: np.random.Generator) -> Sprite:
    """Bars, boards or a wall-like panel with posts."""
    sheet = Sheet(96, 512)
    paint = random_colour(rng, 0.1, 0.8, 0.4)
    kind = rng.random()
    step = rng.uniform(0.012, 0.05)
    bar = step * (0.3 if kind < 0.5 else 0.85)
    for left in np.arange(0, 1, step):
        sheet.polygon([(left, 0.08), (left + bar, 0.08), (left + bar, 1), (left, 1)], paint * rng.uniform(0.85, 1.1))
    for rail in (0.15, 0.8):
        sheet.polygon([(0, rail), (1, rail), (1, rail + 0.07), (0, rail + 0.07)], paint * 0.9)
    sheet.shade(rng, 0.1)
    return sheet.sprite(FENCE)


def lamp_post(rng: np.random.Generator) -> Sprite:
    """A thin post with an arm."""
    sheet = Sheet(384, 96)
    paint = random_colour(rng, 0.12, 0.6, 0.1)
    sheet.polygon([(0.46, 0.03), (0.53, 0.03), (0.55, 1), (0.44, 1)], paint)
    if rng.random() < 0.7:
        sheet.line((0.5, 0.04), (0.9, 0.02), 0.05, paint)
        sheet.polygon([(0.75, 0.01), (1, 0.01), (1, 0.03), (0.75, 0.035)], paint * 1.2)
    sheet.shade(rng, 0.05)
    return sheet.sprite(POLE)


def sign(rng: np.random.Generator) -> Sprite:
    """The plate alone: disc, triangle, or board, with a border and something on it."""
    sheet = Sheet(96, 96)
    border = np.array(
        [[0.75, 0.08, 0.08], [0.08, 0.2, 0.65], [0.85, 0.7, 0.1], [0.1, 0.4, 0.2]][rng.integers(4)], np.float32
    )
    face = np.array([0.9, 0.9, 0.88], np.float32) if rng.random() < 0.6 else border * 0.9
    kind = rng.integers(3)
    if kind == 0:
        sheet.ellipse((0.5, 0.5), (0.48, 0.48), border)
        sheet.ellipse((0.5, 0.5), (0.36, 0.36), face)
    elif kind == 1:
        sheet.polygon([(0.5, 0.03), (0.98, 0.95), (0.02, 0.95)], border)
        sheet.polygon([(0.5, 0.25), (0.8, 0.85), (0.2, 0.85)], face)
    else:
        sheet.polygon([(0.02, 0.1), (0.98, 0.1), (0.98, 0.9), (0.02, 0.9)], border)
        sheet.polygon([(0.07, 0.16), (0.93, 0.16), (0.93, 0.84), (0.07, 0.84)], face)
    for _ in range(rng.integers(1, 4)):
        x, y = rng.uniform(0.3, 0.6, 2)
        sheet.polygon([(x, y), (x + 0.15, y), (x + 0.15, y + 0.12), (x, y + 0.12)], (0.1, 0.1, 0.12), opaque=False)
    sheet.shade(rng, 0.03)
    return sheet.sprite(SIGN)


def post(rng: np.random.Generator) -> Sprite:
    """A plain post, for signs, bollards and marker posts."""
    sheet = Sheet(128, 16)
    sheet.polygon([(0.1, 0), (0.9, 0), (0.9, 1), (0.1, 1)], random_colour(rng, 0.2, 0.8, 0.2))
    sheet.shade(rng, 0.05)
    return sheet.sprite(POLE)


def _window(
    colour: np.ndarray, rng: np.random.Generator, top: int, left: int, height: int, width: int, frame: np.ndarray
) -> None:
    """A pane that reflects the sky or shows a dark room, with a frame and a sill; in place."""
    colour[top - 2 : top + height + 2, left - 2 : left + width + 2] = frame
    pane = rng.uniform(0.04, 0.3) + np.linspace(rng.uniform(0, 0.3), 0, height, dtype=np.float32)[:, None, None]
    colour[top : top + height, left : left + width] = pane * np.array([0.9, 1.0, 1.1], np.float32)
    colour[top : top + height, left + width // 2 : left + width // 2 + 2] = frame
    colour[top + height + 2 : top + height + 5, left - 3 : left + width + 3] *= 0.6


def _branch(
    sheet: Sheet,
    rng: np.random.Generator,
    start: tuple[float, float],
    angle: float,
    reach: float,
    thickness: float,
    bark: np.ndarray,
    depth: int,
) -> None:
    """Recursive twigs, drawn into the sheet."""
    end = (start[0] + reach * np.cos(angle) * 1.3, start[1] + reach * np.sin(angle))
    sheet.line(start, end, max(thickness, 0.006), bark)
    if depth == 0:
        return
    for turn in rng.normal(0, 0.5, 3 if depth > 2 else 2):
        _branch(sheet, rng, end, angle + turn, reach * rng.uniform(0.6, 0.85), thickness * 0.65, bark, depth - 1)
