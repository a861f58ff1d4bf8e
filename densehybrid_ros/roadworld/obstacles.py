"""Sprites of what no class describes: things that lie or stand on a road and belong nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import IGNORE
from densehybrid_ros.roadworld.canvas import Sprite
from densehybrid_ros.roadworld.noise import noise_patch
from densehybrid_ros.roadworld.painting import Sheet, random_colour


@dataclass(frozen=True)
class Obstacle:
    """A sprite with its size in metres."""

    sprite: Sprite
    width: float
    height: float


def draw_obstacle(rng: np.random.Generator) -> Obstacle:
    """One of the kinds below, in random size, colour and surface."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    sheet, width, height = kind(rng)
    if rng.random() < 0.35:
        _patterned(sheet, rng)
    sheet.shade(rng, float(rng.uniform(0.03, 0.2)), float(np.exp(rng.uniform(-1, 2))))
    size = float(np.exp(rng.normal(0, 0.25)))
    # what is empty below would let the thing float above its own contact shadow and depth
    rows = int(np.flatnonzero((sheet.alpha > 0.5).any(1))[-1]) + 1
    height *= rows / sheet.alpha.shape[0]
    whole = sheet.sprite(IGNORE)
    return Obstacle(Sprite(whole.colour[:rows], whole.alpha[:rows], IGNORE), width * size, height * size)


Drawn = tuple[Sheet, float, float]


def crate(rng: np.random.Generator) -> Drawn:
    """A box with a visible side and top, whole or of slats, sometimes stacked."""
    stack = int(rng.integers(1, 4)) if rng.random() < 0.3 else 1
    sheet = Sheet(96 * stack, 128)
    paint = random_colour(rng, 0.06, 0.75, 0.9)
    side = rng.uniform(0.1, 0.35)
    for level in range(stack):
        top, bottom = level / stack, (level + 1) / stack
        lid = top + 0.14 / stack
        sheet.polygon([(0, lid), (1 - side, lid), (1 - side, bottom), (0, bottom)], paint)
        sheet.polygon([(1 - side, lid), (1, top + 0.03), (1, bottom - 0.08 / stack), (1 - side, bottom)], paint * 0.65)
        sheet.polygon([(0, lid), (side, top), (1, top + 0.03), (1 - side, lid)], paint * 1.25)
        if rng.random() < 0.6:
            for slot in np.linspace(lid, bottom, int(rng.integers(3, 6)))[1:-1]:
                sheet.polygon(
                    [
                        (0.06, slot),
                        (0.94 - side, slot),
                        (0.94 - side, slot + 0.06 / stack),
                        (0.06, slot + 0.06 / stack),
                    ],
                    paint * 0.25,
                )
    return sheet, float(rng.uniform(0.35, 0.8)), float(rng.uniform(0.25, 0.5)) * stack


def boulder(rng: np.random.Generator) -> Drawn:
    """A lump with a ragged outline, lit from above."""
    sheet = Sheet(112, 144)
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    radii = 0.42 * (1 + 0.14 * np.cumsum(rng.normal(0, 0.25, 28)) * np.hanning(28))
    points = [(0.5 + r * np.cos(a), min(0.98, 0.55 + r * np.sin(a))) for r, a in zip(radii, angles, strict=True)]
    sheet.polygon([(float(x), float(y)) for x, y in points], random_colour(rng, 0.15, 0.6, 0.3))
    rough = noise_patch(112, 144, rng, 2)
    sheet.colour *= (1 + 0.25 * rough + np.linspace(0.3, -0.4, 112, dtype=np.float32)[:, None])[..., None]
    return sheet, float(rng.uniform(0.25, 0.9)), float(rng.uniform(0.2, 0.7))


def tyre(rng: np.random.Generator) -> Drawn:
    """A wheel or tyre, standing or lying."""
    lying = rng.random() < 0.5
    sheet = Sheet(64 if lying else 128, 128)
    rubber = np.array([0.07, 0.07, 0.07], np.float32) * rng.uniform(0.6, 2.0)
    sheet.ellipse((0.5, 0.5), (0.48, 0.48), rubber)
    if lying:
        sheet.ellipse((0.5, 0.4), (0.3, 0.22), rubber * 0.4)
    elif rng.random() < 0.5:
        sheet.hollow((0.5, 0.5), (0.27, 0.27))
    else:
        sheet.ellipse((0.5, 0.5), (0.28, 0.28), random_colour(rng, 0.3, 0.7, 0.1))
    return sheet, 0.62, 0.28 if lying else 0.62


def plank(rng: np.random.Generator) -> Drawn:
    """A flat thing: board, pallet, sheet of cardboard, mattress."""
    sheet = Sheet(48, 224)
    paint = random_colour(rng, 0.15, 0.75, 0.5)
    lean = rng.uniform(0, 0.25)
    sheet.polygon([(lean, 0.05), (1, 0.15), (1 - lean, 0.8), (0, 0.7)], paint)
    sheet.polygon([(0, 0.7), (1 - lean, 0.8), (1 - lean, 0.98), (0, 0.9)], paint * 0.5)
    return sheet, float(rng.uniform(0.6, 2.0)), float(rng.uniform(0.08, 0.3))


def barrel(rng: np.random.Generator) -> Drawn:
    """Barrel, bin or bucket with bands."""
    sheet = Sheet(144, 96)
    paint = random_colour(rng, 0.1, 0.8, 1.0)
    narrow = rng.uniform(0, 0.12)
    sheet.polygon([(narrow, 0.06), (1 - narrow, 0.06), (0.95, 0.94), (0.8, 1), (0.2, 1), (0.05, 0.94)], paint)
    sheet.ellipse((0.5, 0.07), (0.48 - narrow, 0.06), paint * 0.7)
    for band in rng.uniform(0.2, 0.9, int(rng.integers(0, 4))):
        sheet.polygon([(0.03, band), (0.97, band), (0.97, band + 0.04), (0.03, band + 0.04)], paint * 0.6, opaque=False)
    sheet.colour *= (0.55 + 0.6 * np.sin(np.linspace(0.3, np.pi, 96, dtype=np.float32)))[None, :, None]
    return sheet, float(rng.uniform(0.3, 0.65)), float(rng.uniform(0.35, 0.95))


def bag(rng: np.random.Generator) -> Drawn:
    """A slumped sack with a knot."""
    sheet = Sheet(112, 112)
    paint = random_colour(rng, 0.04, 0.8, 0.6)
    sheet.polygon(
        [
            (0.45, 0.12),
            (0.38, 0.0),
            (0.62, 0.02),
            (0.55, 0.12),
            (0.8, 0.35),
            (0.97, 0.75),
            (0.9, 0.98),
            (0.1, 0.98),
            (0.03, 0.72),
            (0.2, 0.32),
        ],
        paint,
    )
    folds = noise_patch(112, 112, rng, 3)
    sheet.colour *= np.clip(1 + 0.35 * folds, 0.3, 2)[..., None]
    return sheet, float(rng.uniform(0.35, 0.8)), float(rng.uniform(0.35, 0.8))


def ball(rng: np.random.Generator) -> Drawn:
    """Ball, helmet, pumpkin."""
    sheet = Sheet(96, 96)
    sheet.ellipse((0.5, 0.5), (0.48, 0.49), random_colour(rng, 0.1, 0.9, 1.2))
    rows, columns = np.mgrid[-1:1:96j, -1:1:96j].astype(np.float32)
    sheet.colour *= np.clip(1.2 - 0.7 * np.hypot(rows + 0.4, columns + 0.3), 0.25, 1.4)[..., None]
    return sheet, float(rng.uniform(0.18, 0.45)), float(rng.uniform(0.18, 0.45))


def cone(rng: np.random.Generator) -> Drawn:
    """A fallen or standing cone."""
    sheet = Sheet(128, 96)
    paint = (
        np.array([0.85, 0.3, 0.08], np.float32) * rng.uniform(0.6, 1.1)
        if rng.random() < 0.7
        else random_colour(rng, 0.2, 0.8, 1)
    )
    sheet.polygon([(0.44, 0), (0.56, 0), (0.82, 0.92), (0.18, 0.92)], paint)
    sheet.polygon([(0.37, 0.35), (0.63, 0.35), (0.7, 0.58), (0.3, 0.58)], (0.85, 0.85, 0.85), opaque=False)
    sheet.polygon([(0, 0.9), (1, 0.9), (1, 1), (0, 1)], paint * 0.6)
    return sheet, 0.4, float(rng.uniform(0.35, 0.75))


def animal(rng: np.random.Generator) -> Drawn:
    """A four-legged outline, from cat to cow."""
    sheet = Sheet(144, 192)
    fur = random_colour(rng, 0.06, 0.8, 0.35)
    body, legs = rng.uniform(0.14, 0.26), rng.uniform(0.04, 0.09)
    sheet.ellipse((0.45, 0.42), (0.32, body), fur)
    for x in (0.2, 0.3, 0.6, 0.7):
        sheet.line((x, 0.5), (x + rng.normal(0, 0.03), 0.98), legs, fur * rng.uniform(0.7, 1.0))
    neck = rng.uniform(0.1, 0.4)
    sheet.line((0.7, 0.38), (0.84, neck), 0.13, fur)
    sheet.ellipse((0.88, neck), (0.11, 0.09), fur * 0.95)
    sheet.polygon([(0.83, neck - 0.05), (0.86, neck - 0.14), (0.89, neck - 0.04)], fur * 0.8)
    sheet.line((0.14, 0.38), (0.03, rng.uniform(0.2, 0.75)), 0.03, fur * 0.9)
    spots = noise_patch(144, 192, rng, 5) > rng.uniform(0.3, 2.5)
    spots &= sheet.alpha > 0.5
    sheet.colour[spots] = random_colour(rng, 0.05, 0.9, 0.2) * sheet.alpha[spots, None]
    tall = float(np.exp(rng.uniform(np.log(0.3), np.log(1.5))))
    return sheet, tall * 1.35, tall


def sticks(rng: np.random.Generator) -> Drawn:
    """Branches, a shovel, a ladder's remains: thin things at all angles."""
    sheet = Sheet(96, 192)
    paint = random_colour(rng, 0.06, 0.6, 0.5)
    for _ in range(rng.integers(2, 8)):
        start = (rng.uniform(0.05, 0.95), rng.uniform(0.3, 0.95))
        end = (rng.uniform(0.05, 0.95), rng.uniform(0.05, 0.95))
        sheet.line(start, end, float(rng.uniform(0.015, 0.05)), paint * rng.uniform(0.7, 1.2))
    if rng.random() < 0.5:
        x = rng.uniform(0.1, 0.7)
        sheet.polygon([(x, 0.3), (x + 0.22, 0.25), (x + 0.25, 0.9), (x + 0.02, 0.95)], paint * 0.7)
    return sheet, float(rng.uniform(0.5, 1.6)), float(rng.uniform(0.2, 0.8))


def shard(rng: np.random.Generator) -> Drawn:
    """A random polygon: wreckage, cargo, something under a tarpaulin."""
    sheet = Sheet(128, 128)
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(5, 12)))
    radii = rng.uniform(0.25, 0.5, angles.size)
    points = [(0.5 + r * np.cos(a), 0.5 + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]
    points += [(0.2, 0.99), (0.8, 0.99)] if rng.random() < 0.5 else []
    hull = cv2.convexHull(np.array(points, np.float32))[:, 0]
    sheet.polygon([(float(x), float(y)) for x, y in hull], random_colour(rng, 0.05, 0.85, 1.0))
    return sheet, float(rng.uniform(0.3, 1.4)), float(rng.uniform(0.2, 1.2))


KINDS: tuple[Callable[[np.random.Generator], Drawn], ...] = (
    crate,
    crate,
    boulder,
    tyre,
    plank,
    barrel,
    bag,
    ball,
    cone,
    animal,
    animal,
    sticks,
    shard,
)


def _patterned(sheet: Sheet, rng: np.random.Generator) -> None:
    """Stripes, checks or blotches of a second colour over the drawn parts, in place."""
    rows, columns = np.mgrid[0 : sheet.alpha.shape[0], 0 : sheet.alpha.shape[1]].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(8, 40)
    wave: NDArray[np.floating] = np.sin((rows * np.sin(angle) + columns * np.cos(angle)) * 2 * np.pi / period)
    kind = rng.integers(3)
    if kind == 1:
        wave = wave * np.sin((columns * np.sin(angle) - rows * np.cos(angle)) * 2 * np.pi / period)
    elif kind == 2:
        wave = noise_patch(*sheet.alpha.shape, rng, float(rng.uniform(1, 6)))
    chosen = (wave > rng.uniform(-0.2, 0.5)) & (sheet.alpha > 0)
    second = random_colour(rng, 0.05, 0.9, 1.0) * sheet.alpha[chosen, None]
    sheet.colour[chosen] = sheet.colour[chosen] * 0.35 + second * 0.65
