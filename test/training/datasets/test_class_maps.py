"""Class maps: those that are built in cover their classes, and those of YAML files say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.taxonomies import BUILT_IN, CAMVID_11, CITYSCAPES_19, map_table, prediction_table
from densehybrid_ros.training.datasets.class_maps import class_map, read_class_map

CLASSES = ["tarmac", "tram", "yeti"]
GOOD = "target: cityscapes\nclasses: {tarmac: road, tram: train, yeti: null}\n"


@pytest.mark.parametrize("key", BUILT_IN)
def test_a_built_in_map_has_a_row_for_every_class_and_leads_to_classes(key: tuple[tuple[str, ...], str]) -> None:
    mapped = BUILT_IN[key]
    assert list(mapped.names) == list(key[0])
    assert {name for name in mapped.names.values() if name} <= set(mapped.target.classes)


def test_truth_keeps_unknown_and_void_where_classes_move() -> None:
    table = map_table(CLASSES, {"tarmac": "road", "tram": "train", "yeti": None}, CITYSCAPES_19.classes)
    assert table[[0, 1, 2, 3, 4, 254, 255]].tolist() == [0, 16, 254, 19, 255, 254, 255]


def test_predictions_are_read_only_where_every_class_can_come_out() -> None:
    there = prediction_table(CITYSCAPES_19.classes, CAMVID_11.classes)
    assert there is not None
    assert there[[0, 1, 2, 3, 6, 9, 12, 18]].tolist() == [3, 4, 1, 1, 6, 5, 10, 10]
    assert prediction_table(CAMVID_11.classes, CITYSCAPES_19.classes) is None, "no terrain, no truck"
    same = prediction_table(CLASSES, CLASSES)
    assert same is not None
    assert same.tolist() == list(range(256))


def test_a_map_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(GOOD)
    mapped = class_map(CLASSES, str(path))
    assert mapped.target is CITYSCAPES_19
    assert mapped.names == {"tarmac": "road", "tram": "train", "yeti": None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("a: [", "cannot be read"),
        ("[1]", "must hold 'target'"),
        ("target: cityscapes", "must hold 'target'"),
        (GOOD.replace("cityscapes", "mars"), "'mars' is unknown; choose one of cityscapes"),
        (GOOD.replace(", yeti: null", ""), "lacks a row for yeti"),
        (GOOD.replace("yeti", "yeti: null, elf"), "what the set has not: elf"),
        (GOOD.replace("road", "moon"), "what the target has not: moon"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "map.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SetupError, match=message):
        read_class_map(path, CLASSES)


def test_a_set_without_a_built_in_map_is_told_to_bring_one() -> None:
    with pytest.raises(SetupError, match=r"no map to the classes of 'camvid' is built in.*write one as a YAML file"):
        class_map(CLASSES, "camvid")
