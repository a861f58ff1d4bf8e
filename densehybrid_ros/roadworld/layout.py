"""What stands where: every cell of road draws its things from a stream of its own, so any frame can be made first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from densehybrid_ros.roadworld import scenery, traffic
from densehybrid_ros.roadworld.canvas import Sprite
from densehybrid_ros.roadworld.obstacles import draw_obstacle
from densehybrid_ros.roadworld.style import Style

CELL = 16.0
"""m of road per cell."""


@dataclass(frozen=True)
class Thing:
    """An upright sprite between two points of the road, in road coordinates (across, along), m.

    A billboard has both points at one distance along.
    """

    sprite: Sprite
    start: tuple[float, float]
    end: tuple[float, float]
    height: float
    instance: int = 0
    """Number of the obstacle, from 1; 0 = not an obstacle."""
    lift: float = 0.0
    """Height of the lower edge above the road, m."""
    casts_shadow: bool = True

    @property
    def along(self) -> float:
        """Of its farther end."""
        return max(self.start[1], self.end[1])


def billboard(
    sprite: Sprite, across: float, along: float, width: float, height: float, **more: float | int | bool
) -> Thing:
    """A thing that faces the camera."""
    return Thing(sprite, (across - width / 2, along), (across + width / 2, along), height, **more)  # type: ignore[arg-type]


def things_in_cell(style: Style, seed: int, cell: int, obstacles: bool) -> list[Thing]:
    """All that stands still in one cell."""
    rng = np.random.default_rng([seed, 1, cell + 1_000_000])
    things: list[Thing] = []
    for side in (-1, 1):
        things += _roadside(style, rng, side, cell * CELL)
        things += _kerb(style, rng, side, cell * CELL)
    if obstacles:
        things += _obstacles(style, np.random.default_rng([seed, 2, cell + 1_000_000]), cell)
    return things


def oncoming_cars(style: Style, seed: int, position: float, time: float) -> list[Thing]:
    """Cars that come towards the camera in the left lane, and one that drives ahead."""
    things: list[Thing] = []
    for number in range(3):
        rng = np.random.default_rng([seed, 4, number])
        if rng.random() > 0.5 * style.density:
            continue
        start, speed = rng.uniform(0, 150), rng.uniform(6, 14)
        ahead = 5 + (start - position - speed * time) % 150
        things += car(rng, -style.road_width / 4, position + ahead, rear=False, seen_from=style.road_width / 4)
    rng = np.random.default_rng([seed, 5])
    if rng.random() < 0.4 * style.density:
        ahead = rng.uniform(14, 40) + 3 * np.sin(0.2 * time)
        things += car(rng, style.road_width / 4, position + ahead, rear=True, seen_from=style.road_width / 4)
    return things


def car(rng: np.random.Generator, across: float, along: float, rear: bool, seen_from: float) -> list[Thing]:
    """The near end and the visible side of a car or van whose near end is at `along`."""
    paint = traffic.car_paint(rng)
    tall = float(rng.choice([0.0, 0.4, 1.0], p=[0.55, 0.3, 0.15]))
    width, height, length = 1.75 + 0.2 * tall, 1.45 + 0.7 * tall, 4.3 + 0.6 * tall
    near = billboard(traffic.car_end(rng, paint, rear, tall), across, along, width, height)
    side = traffic.car_side(rng, paint, tall)
    flank = across - width / 2 if across > seen_from else across + width / 2
    ends = (
        ((flank, along + length), (flank, along)) if across > seen_from else ((flank, along), (flank, along + length))
    )
    if rear == (across > seen_from):
        # drawn with its front to the right: mirrored where the front lies to the left
        side = Sprite(side.colour[:, ::-1].copy(), side.alpha[:, ::-1].copy(), side.label)
    return [Thing(side, ends[0], ends[1], height, casts_shadow=False), near]


def _roadside(style: Style, rng: np.random.Generator, side: int, start: float) -> list[Thing]:
    """Behind the pavement: house fronts in town; hedges, fences and trees in the country."""
    edge = style.road_width / 2 + style.pavement_width
    things: list[Thing] = []
    built = rng.random() < (0.12 if style.rural else 0.8)
    if built:
        storeys = int(rng.integers(1, 3) if style.rural else rng.integers(2, 6))
        back = side * (edge + rng.uniform(0.2, 2.5) + (6 if style.rural else 0))
        ends = ((back, start), (back, start + CELL)) if side < 0 else ((back, start + CELL), (back, start))
        things.append(Thing(scenery.facade(rng, storeys), ends[0], ends[1], 3.2 * storeys))
        # the gable, seen where the neighbour is lower or absent
        gable = ((back - 8, start), (back, start)) if side < 0 else ((back, start), (back + 8, start))
        things.append(Thing(scenery.facade(rng, storeys), gable[0], gable[1], 3.2 * storeys, casts_shadow=False))
    elif rng.random() < 0.45:
        strip = side * (edge + rng.uniform(0.3, 2.0))
        ends = ((strip, start), (strip, start + CELL)) if side < 0 else ((strip, start + CELL), (strip, start))
        if rng.random() < 0.5:
            things.append(Thing(scenery.hedge(rng), ends[0], ends[1], float(rng.uniform(0.8, 2.5))))
        else:
            things.append(Thing(scenery.fence(rng), ends[0], ends[1], float(rng.uniform(0.8, 1.6))))
    for _ in range(rng.poisson((0.5 if built else 2.2) * style.density)):
        far = rng.uniform(0.5, 2.0) if built else rng.uniform(0.8, 14)
        tall = float(rng.uniform(3.5, 10))
        sprite = scenery.tree(rng, bare=bool(rng.random() < style.bareness))
        things.append(billboard(sprite, side * (edge + far), start + rng.uniform(0, CELL), 0.75 * tall, tall))
    return things


def _kerb(style: Style, rng: np.random.Generator, side: int, start: float) -> list[Thing]:
    """On the pavement and along the kerb: posts, signs, people, parked cars, riders."""
    things: list[Thing] = []
    kerb = style.road_width / 2
    town = 0.5 if style.rural else 1.0
    if rng.random() < 0.35:
        things.append(
            billboard(scenery.lamp_post(rng), side * (kerb + 0.5), start + rng.uniform(0, CELL), 1.0, rng.uniform(4, 7))
        )
    if rng.random() < 0.3:
        across, along, tall = side * (kerb + 0.6), start + rng.uniform(0, CELL), float(rng.uniform(1.6, 2.6))
        size = float(rng.uniform(0.5, 0.9))
        things.append(billboard(scenery.post(rng), across, along, 0.08, tall))
        things.append(billboard(scenery.sign(rng), across, along - 0.05, size, size, lift=tall - 0.3))
    if rng.random() < 0.2:
        things.append(
            billboard(scenery.post(rng), side * (kerb + 0.3), start + rng.uniform(0, CELL), 0.14, rng.uniform(0.8, 1.1))
        )
    for _ in range(rng.poisson(0.55 * town * style.density)):
        across = rng.uniform(0.4, max(style.pavement_width, 1.5)) + kerb
        if rng.random() < 0.12:
            across = rng.uniform(0, kerb)
        tall = float(rng.uniform(1.1, 1.9))
        things.append(
            billboard(traffic.pedestrian(rng), side * across, start + rng.uniform(0, CELL), 0.42 * tall, tall)
        )
    if style.road_width > 6 and rng.random() < 0.4 * town * style.density:
        things += car(
            rng, side * (kerb - 1.0), start + rng.uniform(0, 8), rear=side > 0, seen_from=style.road_width / 4
        )
    if rng.random() < 0.1 * style.density:
        things.append(billboard(traffic.bicyclist(rng), side * (kerb - 0.7), start + rng.uniform(0, CELL), 1.35, 1.7))
    return things


def _obstacles(style: Style, rng: np.random.Generator, cell: int) -> list[Thing]:
    """Unknown things on the road, numbered by cell."""
    things: list[Thing] = []
    for number in range(min(int(rng.poisson(1.2)), 3)):
        obstacle = draw_obstacle(rng)
        across = rng.uniform(-style.road_width / 2 + 0.3, style.road_width / 2 - 0.3)
        along = cell * CELL + rng.uniform(0, CELL)
        instance = 1 + (cell * 4 + number) % 60_000
        things.append(
            billboard(obstacle.sprite, float(across), float(along), obstacle.width, obstacle.height, instance=instance)
        )
    return things
