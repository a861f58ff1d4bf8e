"""Negatives that look built: machines, cabins and trailers, of painted bodies with panes, ribs, wheels and booms.

A network that knows vehicles and walls by their parts takes the side of a crane for a car and a booth for a building.
These have such parts, and no known thing has them in this order.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.training.batches.cutouts import CutOut, cut_out
from densehybrid_ros.training.batches.negative_set import NegativeSet

SIDE = 192
"""px of the picture that a machine is drawn in."""
FINER = 2
"""Times as fine as that are its lines drawn, and then averaged."""
MARGIN = 12
Canvas = NDArray[np.float32]
Colour = NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """Where a body stands, px of the finer picture."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


def machine_cutout(negatives: NegativeSet, rng: np.random.Generator) -> CutOut:
    """One to four bodies on and beside each other, on wheels, a track or the ground, weathered by a real picture."""
    side = FINER * SIDE
    image, mask = np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.uint8)
    paint, bodies = _paint(rng), _bodies(rng, side)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.5, 0.25, 0.15, 0.1]))):
        _draw_boom(image, mask, bodies[int(rng.integers(len(bodies)))], paint, rng)
    for body in bodies:
        own = paint if rng.random() < 0.7 else _paint(rng)
        _draw_body(image, mask, body, own, rng)
    under = rng.random()
    if under < 0.4:
        _draw_wheels(image, mask, bodies[0], rng)
    elif under < 0.6:
        _draw_track(image, mask, bodies[0], rng)
    cover = cv2.resize(mask.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    # an edge's mean is that of the machine's part of the pixel alone: with the black around it a rim would show
    image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) / np.maximum(cover, 0.25)[..., None]
    light = cv2.resize(rng.uniform(0.75, 1.2, (3, 3)).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    light *= _weathered(negatives, rng)
    noise = cv2.GaussianBlur(rng.normal(0, 8, (SIDE, SIDE, 3)), (0, 0), float(rng.uniform(0.5, 1.5)))
    return cut_out(np.clip(image * light[..., None] + noise, 0, 255).astype(np.uint8), cover > 0.5)


def _weathered(negatives: NegativeSet, rng: np.random.Generator) -> Canvas:
    """(SIDE, SIDE), about 1: dirt and reflections, of the brightness of a piece of a picture."""
    grey = negatives.random_piece(rng).mean(2).astype(np.float32)
    spread = cv2.resize(grey / max(float(grey.mean()), 1.0), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.clip(1 + rng.uniform(0, 0.7) * (spread - 1), 0.3, 1.7).astype(np.float32)


def _paint(rng: np.random.Generator) -> Colour:
    """Grey, dark, white or a colour as machines are painted."""
    kind = rng.random()
    if kind < 0.35:
        return np.clip(rng.uniform(50, 190) + rng.normal(0, 8, 3), 10, 240)
    if kind < 0.5:
        return rng.uniform(15, 60, 3)
    if kind < 0.62:
        return rng.uniform(195, 245) + rng.normal(0, 5, 3)
    hsv = np.array([[[rng.integers(180), rng.integers(110, 256), rng.integers(70, 240)]]], np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float64)


def _bodies(rng: np.random.Generator, side: int) -> list[Box]:
    """The first stands at the bottom, the others on top of it or beside it."""
    room, foot = side - 2 * MARGIN * FINER, side - MARGIN * FINER - side * 0.08
    aspect = float(np.exp(rng.uniform(np.log(0.35), np.log(3.2))))  # width to height
    wide, tall = (room * 0.9, room * 0.9 / aspect) if aspect > 1 else (room * 0.84 * aspect, room * 0.84)
    count = int(rng.choice([1, 2, 3, 4], p=[0.35, 0.3, 0.2, 0.15]))
    if count > 1:
        wide, tall = wide * rng.uniform(0.6, 0.9), tall * rng.uniform(0.4, 0.75)
    left = (side - wide) / 2
    bodies = [Box(left, foot - tall, left + wide, foot)]
    first = bodies[0]
    for _ in range(count - 1):
        width, height = wide * rng.uniform(0.2, 0.7), rng.uniform(0.25, 0.9) * min(tall, room * 0.5)
        if rng.random() < 0.6:
            start = first.left + rng.uniform(-0.1, 1.1) * (wide - width)
            bottom = first.top + rng.uniform(0, 0.1) * tall
        else:
            start = first.right - 0.1 * width if rng.random() < 0.5 else first.left - 0.9 * width
            bottom = foot - rng.uniform(0, 0.4) * tall
        bodies.append(Box(start, bottom - height, start + width, bottom))
    return bodies


def _draw_body(image: Canvas, mask: NDArray[np.uint8], body: Box, paint: Colour, rng: np.random.Generator) -> None:
    """A face, at times with another one round the corner, with what is on it."""
    corners = _outline(body, rng)
    if rng.random() < 0.5:
        away = np.array(
            [rng.choice([-1, 1]) * rng.uniform(0.08, 0.35) * body.width, -rng.uniform(0, 0.08) * body.height]
        )
        hull = cv2.convexHull(np.concatenate([corners, corners + away]).astype(np.int32))
        _fill(image, mask, hull, paint * rng.uniform(0.4, 0.8))
    stencil = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(stencil, [corners.astype(np.int32)], (1,))
    face = np.tile((paint * rng.uniform(0.7, 1.2)).astype(np.float32), (*mask.shape, 1))
    rows = np.linspace(rng.uniform(0.8, 1.25), rng.uniform(0.6, 1.1), mask.shape[0]).astype(np.float32)
    face *= rows[:, None, None]
    if rng.random() < 0.45:
        _draw_ribs(face, body, paint, rng)
    if rng.random() < 0.5:
        _draw_panes(face, body, rng)
    inside = stencil > 0
    image[inside] = face[inside]
    mask[inside] = 1
    if rng.random() < 0.6:
        edge = (paint * rng.uniform(0.2, 1.4)).tolist()
        cv2.polylines(image, [corners.astype(np.int32)], True, edge, int(rng.integers(1, 5)) * FINER)


def _outline(body: Box, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N, 2): a trapezium, or an ellipse cut at the bottom."""
    if rng.random() < 0.15:
        angles = np.linspace(np.pi, 2 * np.pi, 14)
        arch = np.stack([np.cos(angles) * body.width / 2, np.sin(angles) * body.height], 1)
        return arch + ((body.left + body.right) / 2, body.bottom)
    cut = rng.uniform(0, 0.22, 2) * body.width if rng.random() < 0.5 else np.zeros(2)
    corners = [
        (body.left + cut[0], body.top),
        (body.right - cut[1], body.top),
        (body.right, body.bottom),
        (body.left, body.bottom),
    ]
    return np.array(corners) + rng.normal(0, 0.015, (4, 2)) * body.width


def _draw_ribs(face: Canvas, body: Box, paint: Colour, rng: np.random.Generator) -> None:
    """Lines across or along: boards, seams, corrugation, a band of another colour."""
    colour = tuple((paint * rng.uniform(0.3, 0.75)).tolist()) if rng.random() < 0.7 else tuple(_paint(rng).tolist())
    width = int(rng.integers(1, 5)) * FINER
    count = int(rng.integers(1, 14))
    for share in (np.arange(count) + 0.5) / count:
        if rng.random() < 0.06:
            continue
        if width % (2 * FINER):
            x = int(body.left + share * body.width)
            cv2.line(face, (x, int(body.top)), (x, int(body.bottom)), colour, width)
        else:
            y = int(body.top + share * body.height)
            cv2.line(face, (int(body.left), y), (int(body.right), y), colour, width)


def _draw_panes(face: Canvas, body: Box, rng: np.random.Generator) -> None:
    """A grid of windows, hatches or grilles in a part of the face."""
    across, down = int(rng.integers(1, 6)), int(rng.integers(1, 7))
    low, high = np.sort(rng.uniform(0.05, 0.95, 2))
    if high - low < 0.25:
        low, high = 0.1, rng.uniform(0.4, 0.9)
    inset, gap = rng.uniform(0.04, 0.25), rng.uniform(0.08, 0.35)
    wide, tall = (1 - 2 * inset) * body.width / across, (high - low) * body.height / down
    bright = rng.random() < 0.3
    glass = (rng.uniform(140, 235) if bright else rng.uniform(8, 80)) + rng.normal(0, 12, 3)
    for row in range(down):
        for column in range(across):
            left, top = body.left + inset * body.width + column * wide, body.top + low * body.height + row * tall
            start = int(left + gap * wide / 2), int(top + gap * tall / 2)
            end = int(left + wide * (1 - gap / 2)), int(top + tall * (1 - gap / 2))
            cv2.rectangle(face, start, end, (np.clip(glass * rng.uniform(0.75, 1.25), 0, 255)).tolist(), -1)


def _draw_wheels(image: Canvas, mask: NDArray[np.uint8], body: Box, rng: np.random.Generator) -> None:
    """Two to six under a body, at times of two sizes."""
    count = int(rng.integers(1, 7))
    usual = min(rng.uniform(0.12, 0.45) * body.height, 0.6 * body.width / count, 0.13 * SIDE * FINER)
    for place in np.linspace(0.08, 0.92, count) if count > 1 else [0.5]:
        radius = usual * (rng.uniform(1.2, 1.9) if rng.random() < 0.2 else 1)
        centre = int(body.left + place * body.width), int(body.bottom + 0.08 * SIDE * FINER - radius)
        _draw_wheel(image, mask, centre, radius, rng)


def _draw_track(image: Canvas, mask: NDArray[np.uint8], body: Box, rng: np.random.Generator) -> None:
    """A band about a row of rollers."""
    radius = min(rng.uniform(0.15, 0.35) * body.height, 0.1 * SIDE * FINER)
    y = int(body.bottom + 0.08 * SIDE * FINER - radius)
    ends = (int(body.left + radius), y), (int(body.right - radius), y)
    dark = rng.uniform(10, 60)
    for canvas, colour in ((image, (dark,) * 3), (mask, (1,))):
        cv2.line(canvas, *ends, colour, int(2 * radius))
    count = int(rng.integers(3, 8))
    for x in np.linspace(ends[0][0], ends[1][0], count):
        _draw_wheel(image, mask, (int(x), y), radius * 0.8, rng)


def _draw_wheel(
    image: Canvas, mask: NDArray[np.uint8], centre: tuple[int, int], radius: float, rng: np.random.Generator
) -> None:
    flat = rng.uniform(0.75, 1.0)
    tyre = rng.uniform(8, 50)
    hub = _paint(rng) * rng.uniform(0.5, 1.1) if rng.random() < 0.3 else np.full(3, rng.uniform(20, 190))
    axes = max(2, int(radius * flat)), max(2, int(radius))
    cv2.ellipse(image, centre, axes, 0, 0, 360, (tyre,) * 3, -1)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, (1,), -1)
    share = rng.uniform(0.3, 0.75)
    cv2.ellipse(image, centre, (int(axes[0] * share), int(axes[1] * share)), 0, 0, 360, hub.tolist(), -1)


def _draw_boom(image: Canvas, mask: NDArray[np.uint8], body: Box, paint: Colour, rng: np.random.Generator) -> None:
    """An arm, a pipe or a pole that begins in a body."""
    start = body.left + rng.uniform(0.1, 0.9) * body.width, body.top + rng.uniform(0, 0.5) * body.height
    angle, reach = rng.uniform(np.pi, 2 * np.pi), rng.uniform(0.15, 0.6) * SIDE * FINER
    end = start[0] + reach * np.cos(angle), start[1] + reach * np.sin(angle)
    width = max(1, int(FINER * np.exp(rng.uniform(np.log(2), np.log(12)))))
    line = np.array([start, end]).astype(int).tolist()
    cv2.line(image, line[0], line[1], (paint * rng.uniform(0.4, 1.2)).tolist(), width)
    cv2.line(mask, line[0], line[1], (1,), width)


def _fill(image: Canvas, mask: NDArray[np.uint8], points: NDArray[np.int32], colour: Colour) -> None:
    cv2.fillPoly(image, [points], colour.tolist())
    cv2.fillPoly(mask, [points], (1,))
