"""Topics: named once, in topics.py."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from densehybrid_ros import topics
from densehybrid_ros.core.postprocess import PARTS
from densehybrid_ros.topics import (
    ANOMALY,
    IMAGE,
    LABELS,
    OBSTACLE_TOPICS,
    OPEN_SET,
    OPEN_SET_COLOUR,
    OVERLAY,
    OVERLAY_JPEG,
    SEMANTIC,
    SEMANTIC_COLOUR,
    Topic,
)

ROOT = Path(__file__).resolve().parents[1]
LISTED = [value for value in vars(topics).values() if isinstance(value, Topic)]
SOURCES = [
    path
    for folder in ("densehybrid_ros", "launch", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name != "topics.py" or path.parent.name != "densehybrid_ros"
]
WORDS = r"(image_raw|camera_info|label_info|obstacles_json|/clock|/diagnostics)(?!\w)|ground_truth/|~/"
NAME = re.compile(rf"\S*(?<!\w)({WORDS})\S*")
"""A text without blanks, so no sentence, that holds what only names of topics and services hold."""
MAKERS = ("create_publisher", "create_lifecycle_publisher", "create_subscription", "create_service", "create_client")


def texts_of_code(tree: ast.AST) -> Iterator[ast.Constant]:
    """All text constants but docstrings, and what stands as a text of its own behind a name."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def name_literals(source: str) -> list[str]:
    """Topic names that stand in a source as text."""
    tree = ast.parse(source)
    found = [node.value for node in texts_of_code(tree) if NAME.fullmatch(node.value)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MAKERS:
            found += [ast.unparse(each) for each in node.args if is_text(each)]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_topic_is_named_elsewhere(path: Path) -> None:
    assert name_literals(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        'node.create_publisher(Image, "depth", 1)',
        'node.create_subscription(Image, f"{name}/depth", take)',
        'topic = f"{node}/overlay/image_raw"',
        'NAMES = {"camera_info": 1}',
        'node.create_service(SetBool, "~/enable", call)',
    ],
)
def test_a_name_elsewhere_is_found(source: str) -> None:
    assert name_literals(source)


def test_every_name_is_used_once() -> None:
    names = [topic.of("") for topic in LISTED]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"\w+/msg/\w+", topic.kind) for topic in LISTED)


def test_each_answer_needs_the_parts_that_it_shows() -> None:
    assert {topic: topic.parts for topic in LISTED if topic.parts} == {
        SEMANTIC: {"semantic"},
        ANOMALY: {"score"},
        OPEN_SET: {"open_set"},
        SEMANTIC_COLOUR: {"semantic"},
        OPEN_SET_COLOUR: {"open_set"},
        **{topic: {"open_set", "score"} for topic in (OVERLAY, OVERLAY_JPEG, *OBSTACLE_TOPICS)},
    }
    assert {part for topic in LISTED for part in topic.parts} == PARTS
    assert {topic for topic in LISTED if topic.shows_obstacles} == {OVERLAY, OVERLAY_JPEG, *OBSTACLE_TOPICS}


def test_names_of_a_camera_with_and_without_name() -> None:
    assert (IMAGE.of(""), IMAGE.of("front")) == ("image_raw", "front/image_raw")
    assert (OPEN_SET.of(""), OPEN_SET.of("front")) == ("~/open_set/image_raw", "~/front/open_set/image_raw")
    assert OPEN_SET.under("densehybrid") == "densehybrid/open_set/image_raw"


def test_a_variant_of_a_topic_differs_in_name_and_type_alone() -> None:
    for topic, variant in ((IMAGE, IMAGE.compressed), (LABELS, LABELS.as_json)):
        differing = {each.name for each in fields(Topic) if getattr(topic, each.name) != getattr(variant, each.name)}
        assert differing == {"name", "kind"}
    assert (IMAGE.compressed.name, IMAGE.compressed.kind) == ("image_raw/compressed", "sensor_msgs/msg/CompressedImage")
