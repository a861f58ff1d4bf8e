"""The measurements of ranging, in short: their limits hold on a few drives, and on the KITTI pair."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.labels import CAMVID_CLASSES, label_table, relabelled
from densehybrid_ros.nodes.segmenter.settings import Settings

MEDIAN_LIMITS = {"exact": 0.02, "sgbm": 0.05}
"""Relative range error up to 50 m."""
WRONG_LIMITS = {"exact": 1 / 200, "sgbm": 0.03}
"""Share of ranges that are off by more than 20 %. Block matching does not keep once in 200 on Roadworld's own masks,
which hold many far and half hidden obstacles (figures: docs/measurements.md): its limit only guards what is reached.
"""


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, Path(__file__).resolve().parents[2] / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def measured() -> Callable[[range, tuple[int, int]], dict[str, tuple[int, int, float, int]]]:
    """By source: obstacles, those without range, median error, those that are wrong."""
    module = script("range_accuracy")

    def measure(seeds: range, size: tuple[int, int]) -> dict[str, tuple[int, int, float, int]]:
        found = module.sightings_of_drives(seeds, size, None)
        results = [module.accuracy(source, sightings) for source, sightings in found.items()]
        return {each.source: (each.count, each.without_range, each.median_error, each.wrong) for each in results}

    return measure


def test_ranges_of_a_few_drives_are_right(measured: Callable[..., dict[str, tuple[int, int, float, int]]]) -> None:
    for source, (count, without, median, wrong) in measured(range(2000, 2004), (640, 360)).items():
        assert count >= 10
        assert without == 0
        assert median <= MEDIAN_LIMITS[source]
        assert wrong == 0


def test_masks_are_read_in_the_classes_of_the_weights_that_made_them() -> None:
    module = script("range_accuracy")
    own = module.sightings_of_drives(range(2000, 2001), (640, 360), None)
    classes = (*reversed(CAMVID_CLASSES), "one more")  # other numbers for road and for the unknown
    table = label_table({index: classes.index(name) for index, name in enumerate(CAMVID_CLASSES)} | {11: len(classes)})

    def by_truth(image: np.ndarray) -> SimpleNamespace:
        frame = next(each for each in frames if np.array_equal(each.left, image))
        return SimpleNamespace(open_set=relabelled(frame.truth, table), score=frame.anomaly.astype(np.float32))

    frames = [module.Roadworld(2000, 640, 360).frame(number) for number in module.FRAMES]
    segmenter = Mock(side_effect=by_truth, info=SimpleNamespace(classes=classes), classes=len(classes))
    found = module.sightings_of_drives(range(2000, 2001), (640, 360), segmenter)
    assert len(own["exact"]) > 0
    for source in ("exact", "sgbm"):
        ranges = [(each.place, each.true, each.told.range) for each in own[source]]
        assert [(each.place, each.true, each.told.range) for each in found[source]] == ranges


@pytest.mark.slow
def test_ranges_of_many_drives_are_right(measured: Callable[..., dict[str, tuple[int, int, float, int]]]) -> None:
    for source, (count, without, median, wrong) in measured(range(2000, 2020), (960, 540)).items():
        assert count >= 100
        assert without == 0
        assert median <= MEDIAN_LIMITS[source]
        assert wrong <= max(1, count * WRONG_LIMITS[source])


def test_the_scan_of_a_few_frames_stands_where_the_obstacles_are() -> None:
    beams = script("scan_accuracy").measured(range(2000, 2002), (640, 360))
    assert beams.off.size >= 50
    assert (beams.off <= script("scan_accuracy").CLOSE).mean() >= 0.98
    assert (beams.missed <= script("scan_accuracy").CLOSE).mean() >= 0.9
    errors = abs(beams.errors[~np.isnan(beams.errors)])
    assert [(errors <= sigmas).mean() >= least for sigmas, least in ((1, 0.68), (2, 0.9), (3, 0.95))] == [True] * 3


def test_the_kitti_pair_agrees_with_its_lidar_scan(shared_data: Path) -> None:
    error, share, points = script("range_accuracy").kitti_error(shared_data / "kitti_stereo", Settings())
    assert points > 10_000
    assert share > 0.7
    assert error <= 0.02


def test_the_timed_scene_holds_twenty_ranged_obstacles() -> None:
    surveys, _, ranged = script("ranging_time").milliseconds()
    assert ranged == 20
    assert surveys.min() > 0
