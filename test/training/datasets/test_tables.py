"""What every data set's ids and classes mean, written out here, so that no swap in the sources passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from densehybrid_ros.training.datasets import CHECKABLE, DATASETS, labelled_set

CITYSCAPES_19 = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13, 27: 14, 28: 15,
    31: 16, 32: 17, 33: 18,
}  # fmt: skip
CITYSCAPES_CLASSES = [
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
]  # fmt: skip
VOID_AS_UNKNOWN = (4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30)
CAMVID_11 = {**{id_: id_ for id_ in range(11)}, 12: 11}
TABLES: dict[str, dict[int, int]] = {
    "camvid": CAMVID_11,
    "camvid-ood": CAMVID_11,
    "roadworld": CAMVID_11,
    "cityscapes": CITYSCAPES_19,
    "cityscapes-void": {**CITYSCAPES_19, **dict.fromkeys(VOID_AS_UNKNOWN, 19)},
    "wilddash2": {**CITYSCAPES_19, 34: 13, 35: 13, 38: 0},
    "streethazards": {1: 0, 2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 8: 6, 9: 7, 10: 8, 11: 9, 12: 10, 13: 11, 14: 12},
    "lostandfound": {1: 0, 2: 1},
    "smiyc-lostandfound-noknown": {1: 0, **dict.fromkeys(range(2, 201), 1)},
    "fishyscapes-lostandfound": {0: 0, 1: 1},
    "fishyscapes-static": {0: 0, 1: 1},
    "smiyc-anomaly": {0: 0, 1: 1},
    "smiyc-obstacle": {0: 0, 1: 1},
    "roadanomaly": {0: 0, 1: 0, 2: 1},
    "folder": {0: 0, 1: 1},
}
"""Id in the files → trainId; all others are ignored. Those of Vistas stand in conftest.py, with its labels."""
SPLITS_TO_REPORT_ON = {
    "camvid": "val",
    "roadworld": "val",
    "cityscapes": "val",
    "cityscapes-void": "val",
    "vistas": "validation",
    "streethazards": "test",
    "lostandfound": "test",
    "smiyc-lostandfound-noknown": "test",
}


@pytest.mark.parametrize("name", DATASETS)
def test_every_id_goes_where_the_documentation_says(
    tmp_path: Path, make: Callable[..., Any], vistas_targets: dict[str, int], name: str
) -> None:
    vistas = {id_: target for id_, target in enumerate(vistas_targets.values()) if target != 255}
    table = labelled_set(name, tmp_path, make(tmp_path, name).split).table
    assert {id_: int(target) for id_, target in enumerate(table) if target != 255} == {**TABLES, "vistas": vistas}[name]


@pytest.mark.parametrize("name", ["cityscapes", "cityscapes-void", "vistas", "wilddash2"])
def test_the_19_classes_stand_in_their_order(tmp_path: Path, name: str, make: Callable[..., Any]) -> None:
    assert labelled_set(name, tmp_path, make(tmp_path, name).split).classes == CITYSCAPES_CLASSES


def test_splits_to_report_on_and_protocols_are_those_of_the_benchmarks() -> None:
    assert {name: each.reported for name, each in DATASETS.items() if each.reported} == SPLITS_TO_REPORT_ON
    protocols = {name: each.protocol for name, each in DATASETS.items() if each.protocol != "pooled"}
    assert protocols == {"streethazards": "per-picture", "lostandfound": "by-range", "folder": "folder"}


def test_what_results_are_reported_on_alone_is_not_trained_on() -> None:
    trainable = {name for name, each in CHECKABLE.items() if each.trainable}
    assert trainable == {"camvid", "roadworld", "cityscapes", "vistas", "wilddash2", "streethazards"}
