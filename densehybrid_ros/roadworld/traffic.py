"""Sprites of road users: cars from behind, in front and beside, pedestrians, bicyclists."""

from __future__ import annotations

import numpy as np

from densehybrid_ros.roadworld.canvas import Sprite
from densehybrid_ros.roadworld.labels import BICYCLIST, CAR, PEDESTRIAN
from densehybrid_ros.roadworld.painting import Sheet, random_colour

RUBBER = (0.05, 0.05, 0.055)


def car_paint(rng: np.random.Generator) -> np.ndarray:
    """Mostly grey, black, white; sometimes a colour."""
    return random_colour(rng, 0.05, 0.9, 0.05 if rng.random() < 0.65 else 1.0)


def car_end(rng: np.random.Generator, paint: np.ndarray, rear: bool, tall: float) -> Sprite:
    """Rear or front view; `tall` 0 = saloon, 1 = van."""
    sheet = Sheet(160, 192)
    roof = 0.08
    belt = 0.45 - 0.05 * tall
    inset = 0.16 - 0.1 * tall
    for wheel in (0.08, 0.76):
        sheet.polygon([(wheel, 0.75), (wheel + 0.16, 0.75), (wheel + 0.16, 1), (wheel, 1)], RUBBER)
    sheet.polygon(
        [
            (inset, roof + 0.05),
            (inset + 0.05, roof),
            (0.95 - inset, roof),
            (1 - inset, roof + 0.05),
            (0.95, belt),
            (0.98, 0.6),
            (0.96, 0.9),
            (0.04, 0.9),
            (0.02, 0.6),
            (0.05, belt),
        ],
        paint,
    )
    sheet.polygon(
        [(inset + 0.06, roof + 0.06), (0.94 - inset, roof + 0.06), (0.88, belt), (0.12, belt)],
        np.array([0.1, 0.12, 0.14], np.float32) * rng.uniform(0.6, 2.2),
    )
    sheet.polygon(
        [(inset + 0.1, roof + 0.08), (0.5, roof + 0.08), (0.35, belt - 0.05), (0.16, belt - 0.05)],
        np.array([0.3, 0.34, 0.38], np.float32) * rng.uniform(0.6, 1.6),
        opaque=False,
    )
    lamp = (0.65, 0.05, 0.05) if rear else (0.85, 0.85, 0.8)
    for side in (0.06, 0.78):
        sheet.polygon([(side, 0.5), (side + 0.16, 0.5), (side + 0.16, 0.61), (side, 0.62)], lamp)
    if not rear:
        sheet.polygon([(0.3, 0.55), (0.7, 0.55), (0.68, 0.68), (0.32, 0.68)], (0.08, 0.08, 0.08))
    sheet.polygon([(0.05, 0.78), (0.95, 0.78), (0.94, 0.9), (0.06, 0.9)], paint * 0.55)
    sheet.polygon(
        [(0.36, 0.68), (0.64, 0.68), (0.64, 0.76), (0.36, 0.76)], (0.8, 0.78, 0.5) if rear else (0.85, 0.85, 0.85)
    )
    sheet.shade(rng, 0.04, 8)
    return sheet.sprite(CAR)


def car_side(rng: np.random.Generator, paint: np.ndarray, tall: float) -> Sprite:
    """Side view, front to the right."""
    sheet = Sheet(160, 416)
    roof = 0.08
    rear_x, front_x = 0.16 - 0.12 * tall, 0.66 + 0.12 * tall
    sheet.polygon(
        [
            (0.01, 0.82),
            (0.01, 0.5),
            (0.04, 0.46),
            (rear_x, roof + 0.03),
            (rear_x + 0.06, roof),
            (front_x - 0.12, roof),
            (front_x, 0.42),
            (0.93, 0.5),
            (0.99, 0.62),
            (0.99, 0.82),
        ],
        paint,
    )
    glass = np.array([0.1, 0.12, 0.14], np.float32) * rng.uniform(0.6, 2.2)
    sheet.polygon([(rear_x + 0.01, 0.42), (rear_x + 0.06, roof + 0.06), (0.4, roof + 0.06), (0.4, 0.42)], glass)
    sheet.polygon(
        [(0.42, 0.42), (0.42, roof + 0.06), (front_x - 0.13, roof + 0.06), (front_x - 0.03, 0.42)], glass * 0.9
    )
    sheet.line((0.41, 0.44), (0.41, 0.8), 0.004, paint * 0.5)
    sheet.line((0.03, 0.62), (0.97, 0.62), 0.004, paint * 0.7)
    for wheel in (0.2, 0.79):
        sheet.ellipse((wheel, 0.83), (0.078, 0.19), (0.03, 0.03, 0.03))
        sheet.ellipse((wheel, 0.82), (0.066, 0.17), RUBBER)
        sheet.ellipse((wheel, 0.82), (0.04, 0.105), np.array([0.5, 0.5, 0.52], np.float32) * rng.uniform(0.6, 1.3))
    sheet.shade(rng, 0.04, 8)
    return sheet.sprite(CAR)


def pedestrian(rng: np.random.Generator) -> Sprite:
    """A standing or striding person."""
    sheet = Sheet(224, 96)
    _person(sheet, rng, foot=0.99, head=0.06, stride=float(rng.uniform(0.0, 0.22)))
    sheet.shade(rng, 0.09, 3)
    return sheet.sprite(PEDESTRIAN)


def bicyclist(rng: np.random.Generator) -> Sprite:
    """A rider from the side or from behind."""
    sheet = Sheet(224, 192)
    frame = random_colour(rng, 0.1, 0.8, 1.0)
    if rng.random() < 0.5:
        for wheel in (0.22, 0.78):
            sheet.ellipse((wheel, 0.8), (0.2, 0.19), RUBBER)
            sheet.hollow((wheel, 0.8), (0.17, 0.16))
        for start, end in (
            ((0.22, 0.8), (0.45, 0.58)),
            ((0.45, 0.58), (0.7, 0.55)),
            ((0.7, 0.5), (0.78, 0.8)),
            ((0.45, 0.58), (0.5, 0.82)),
            ((0.5, 0.82), (0.7, 0.57)),
            ((0.22, 0.8), (0.5, 0.82)),
        ):
            sheet.line(start, end, 0.025, frame)
        cloth, trousers = random_colour(rng, 0.1, 0.8, 1.0), random_colour(rng, 0.05, 0.4, 0.4)
        sheet.line((0.45, 0.5), (0.58, 0.68), 0.07, trousers)
        sheet.line((0.58, 0.68), (0.5, 0.86), 0.055, trousers)
        sheet.line((0.44, 0.5), (0.56, 0.24), 0.13, cloth)
        sheet.line((0.57, 0.28), (0.7, 0.48), 0.05, cloth * 0.9)
        sheet.ellipse((0.6, 0.12), (0.06, 0.075), np.array([0.75, 0.58, 0.48], np.float32) * rng.uniform(0.4, 1.1))
    else:
        sheet.polygon([(0.47, 0.55), (0.53, 0.55), (0.53, 1), (0.47, 1)], RUBBER)
        sheet.line((0.35, 0.5), (0.65, 0.5), 0.03, frame)
        _person(sheet, rng, foot=0.9, head=0.05, stride=0.03, centre=0.5, width=0.5)
    sheet.shade(rng, 0.08, 3)
    return sheet.sprite(BICYCLIST)


def _person(
    sheet: Sheet,
    rng: np.random.Generator,
    foot: float,
    head: float,
    stride: float,
    centre: float = 0.5,
    width: float = 1.0,
) -> None:
    """Head, torso, arms and legs in random clothes."""
    skin = np.array([0.78, 0.6, 0.5], np.float32) * rng.uniform(0.35, 1.1)
    coat, trousers = random_colour(rng, 0.05, 0.8, 0.8), random_colour(rng, 0.04, 0.5, 0.4)
    tall = foot - head
    hip, shoulder = head + 0.5 * tall, head + 0.19 * tall
    for sign in (-1, 1):
        knee = (centre + sign * width * (0.06 + stride * 0.5), hip + 0.25 * tall)
        ankle = (centre + sign * width * (0.07 + stride), foot - 0.02)
        sheet.line((centre + sign * width * 0.06, hip), knee, 0.15 * width, trousers)
        sheet.line(knee, ankle, 0.11 * width, trousers * 0.95)
        sheet.line(ankle, (ankle[0] + 0.05 * width, ankle[1]), 0.08 * width, (0.08, 0.07, 0.07))
        hand = (centre + sign * width * (0.22 + 0.3 * stride), hip + 0.02)
        sheet.line((centre + sign * width * 0.17, shoulder + 0.03), hand, 0.09 * width, coat * 0.9)
    length = rng.uniform(0.0, 0.15) * tall
    sheet.polygon(
        [
            (centre - 0.2 * width, shoulder),
            (centre + 0.2 * width, shoulder),
            (centre + 0.17 * width, hip + length),
            (centre - 0.17 * width, hip + length),
        ],
        coat,
    )
    sheet.ellipse((centre, head + 0.08 * tall), (0.1 * width, 0.075 * tall), skin)
    sheet.ellipse((centre, head + 0.05 * tall), (0.105 * width, 0.055 * tall), random_colour(rng, 0.03, 0.4, 0.3))
