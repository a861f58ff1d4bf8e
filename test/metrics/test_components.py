"""Component metrics, worked by hand, and against the plain rule spelled out over sets of pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from densehybrid_ros.metrics.components import (
    ComponentOverlaps,
    Components,
    ComponentSizes,
    component_overlaps,
)

ALL = ComponentSizes(predicted=1, truth=1)


def picture(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and truth: `x` found of a thing, `o` missed, `+` found in vain, `?` ignored and found, `.` nothing."""
    rows = np.array([list(line) for line in text.split()])
    truth = np.select([np.isin(rows, ["x", "o"]), rows == "?"], [1, 255], 0).astype(np.uint8)
    return np.isin(rows, ["x", "+", "?"]), truth


@pytest.mark.parametrize(
    ("text", "siou", "ppv"),
    [
        ("..xx.. ..oo..", [2 / 4], [1.0]),
        ("..xx++ ......", [2 / 4], [2 / 4]),
        ("x....o", [1.0, 0.0], [1.0]),
        (".x+x.", [1 / 2, 1 / 2], [2 / 3]),  # one prediction over two things is held against neither
        ("x.... .x...", [1.0], [1.0]),  # corners touch
        ("x?x..", [1.0, 1.0], [1.0, 1.0]),  # nothing is predicted where the truth is ignored
        ("+.+.. .....", [], [0.0, 0.0]),
        ("ooo..", [0.0], []),
    ],
)
def test_small_pictures(text: str, siou: list[float], ppv: list[float]) -> None:
    overlaps = component_overlaps(*picture(text), ALL)
    assert overlaps.truth.tolist() == pytest.approx(siou)
    assert overlaps.predicted.tolist() == pytest.approx(ppv)


def test_small_predictions_are_dropped_and_small_things_ignored() -> None:
    found, truth = picture("+..xxx ++.xxx ...... x.....")
    overlaps = component_overlaps(found, truth, ComponentSizes(predicted=4, truth=2))
    assert overlaps.truth.tolist() == [1.0]
    assert overlaps.predicted.tolist() == [1.0]
    overlaps = component_overlaps(found, truth, ComponentSizes(predicted=1, truth=7))
    assert overlaps.truth.tolist() == []
    assert overlaps.predicted.tolist() == [0.0], "what lies on ignored things does not count"


def test_f1_is_averaged_over_eleven_overlaps() -> None:
    """Two things found up to 0.52 and 0.9; of three predictions one is in vain, one from 0.62 on."""
    things = Components.of(ComponentOverlaps(np.array([0.52, 0.9]), np.array([1.0, 0.62, 0.0])))
    assert (things.siou, things.ppv) == (pytest.approx(0.71), pytest.approx(0.54))
    assert things.f1 == pytest.approx((6 * 4 / (4 + 0 + 1) + 2 * 2 / (2 + 1 + 1) + 3 * 2 / (2 + 1 + 2)) / 11)


def test_without_things_and_predictions_nothing_is_defined() -> None:
    things = Components.of(ComponentOverlaps.together([]))
    assert all(map(math.isnan, (things.siou, things.ppv, things.f1)))


@pytest.mark.parametrize("density", [0.15, 0.35, 0.6])
@pytest.mark.parametrize("seed", range(12))
def test_they_follow_the_rule_over_sets_of_pixels(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.random((2, 6, 8)) < density
    found, thing = (cv2.resize(each.astype(np.uint8), (24, 18), interpolation=cv2.INTER_NEAREST) > 0 for each in coarse)
    found ^= rng.random(found.shape) < 0.05
    truth = np.where(rng.random(found.shape) < 0.03, 255, thing).astype(np.uint8)
    sizes = ComponentSizes(predicted=3, truth=4)
    overlaps = component_overlaps(found, truth, sizes)
    siou, ppv = by_sets(found, truth, sizes)
    assert sorted(overlaps.truth) == pytest.approx(sorted(siou))
    assert sorted(overlaps.predicted) == pytest.approx(sorted(ppv))


Pixels = set[tuple[int, int]]


def by_sets(found: np.ndarray, truth: np.ndarray, sizes: ComponentSizes) -> tuple[list[float], list[float]]:
    things, predictions = components(truth == 1), components(found & (truth != 255))
    predictions = [each for each in predictions if len(each) >= sizes.predicted]
    ignored = pixels_of(truth == 255).union(*(each for each in things if len(each) < sizes.truth))
    things = [each for each in things if len(each) >= sizes.truth]
    predictions = [kept for each in predictions if (kept := each - ignored)]
    every_thing: Pixels = set().union(*things)
    siou: list[float] = []
    for thing in things:
        there: Pixels = set().union(*(each for each in predictions if each & thing))
        union = (there | thing) - (every_thing - thing)
        siou.append(len(there & thing) / len(union))
    return siou, [len(each & every_thing) / len(each) for each in predictions]


def pixels_of(mask: np.ndarray) -> Pixels:
    return {(int(row), int(column)) for row, column in zip(*np.nonzero(mask), strict=True)}


def components(mask: np.ndarray) -> list[Pixels]:
    left = pixels_of(mask)
    found: list[Pixels] = []
    while left:
        component, edge = set(), [left.pop()]
        while edge:
            row, column = edge.pop()
            component.add((row, column))
            near = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(component)
    return found
