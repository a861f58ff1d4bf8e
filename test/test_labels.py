"""Conventions of ground truth, and the conversions between them."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from densehybrid_ros.labels import (
    CAMVID_TABLE,
    binary_truth,
    closed_set_truth,
    label_table,
    lostandfound_truth,
    open_set_truth,
    relabelled,
)

ROOT = Path(__file__).parents[1]
OPEN_SET = np.array([[0, 3, 10, 11, 12, 255]], np.uint8)


def test_open_set_truth_is_binary_where_it_is_labelled() -> None:
    assert binary_truth(OPEN_SET, 11).tolist() == [[0, 0, 0, 1, 255, 255]]
    assert closed_set_truth(OPEN_SET, 11).tolist() == [[0, 3, 10, 255, 255, 255]]


@pytest.mark.parametrize("classes", [1, 2, 19, 254])
def test_binary_truth_survives_the_way_through_any_taxonomy(classes: int) -> None:
    binary = np.array([[0, 1, 255, 0]], np.uint8)
    assert open_set_truth(binary, classes).tolist() == [[0, classes, 255, 0]]
    np.testing.assert_array_equal(binary_truth(open_set_truth(binary, classes), classes), binary)


def test_a_table_does_what_indexing_does() -> None:
    rng = np.random.default_rng(1)
    labels, table = rng.integers(0, 256, (40, 50)).astype(np.uint8), label_table({3: 0, 7: 1, 250: 11})
    np.testing.assert_array_equal(relabelled(labels, table), table[labels])
    assert table[[0, 3, 7, 250, 255]].tolist() == [255, 0, 1, 11, 255]
    assert (label_table({}) == 255).all()


def test_free_road_is_inlier_and_obstacles_are_outliers_in_lostandfound() -> None:
    assert lostandfound_truth(np.array([[0, 1, 2, 3, 255]], np.uint8)).tolist() == [[255, 0, 1, 255, 255]]


def test_file_ids_of_camvid_ood_are_classes_void_and_anomaly() -> None:
    assert CAMVID_TABLE[[0, 10, 11, 12, 13, 255]].tolist() == [0, 10, 255, 11, 255, 255]


def numbers_with_a_meaning(node: ast.AST) -> list[ast.AST]:
    """What is named, compared with or filled in at a node, and not scaled, clipped or part of a colour."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
        return list(node.value.elts)
    if isinstance(node, ast.Assign | ast.Compare):
        return list(ast.iter_child_nodes(node))
    filling = isinstance(node, ast.Call) and ast.unparse(node.func) in {"np.full", "np.where", "frozenset"}
    return list(ast.walk(node)) if filling else []


@pytest.mark.parametrize("room", ["densehybrid_ros", "models", "training", "benchmarks"])
def test_255_is_given_its_meaning_in_one_place(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / room).rglob("*.py")
        if path != ROOT / "densehybrid_ros" / "labels.py"
        for source in [path.read_text()]
        for node in ast.walk(ast.parse(source))
        for part in numbers_with_a_meaning(node)
        if isinstance(part, ast.Constant) and ast.get_source_segment(source, part) == "255"
    ]
    assert not found
