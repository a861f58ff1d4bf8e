"""config/camera.rviz and config/foxglove_layout.json: what a user opens shows what the node publishes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from densehybrid_ros.rviz import layout_for
from densehybrid_ros.topics import (
    ANOMALY,
    DIAGNOSTICS,
    OBSTACLE_MARKERS,
    OBSTACLE_POINTS,
    OPEN_SET_COLOUR,
    OVERLAY,
    OVERLAY_JPEG,
    SEGMENTER,
    SEMANTIC_COLOUR,
    Topic,
)

CONFIG = Path(__file__).resolve().parents[2] / "config"
RVIZ = CONFIG / "camera.rviz"
FOXGLOVE = CONFIG / "foxglove_layout.json"
COMMON = (SEMANTIC_COLOUR, ANOMALY, OPEN_SET_COLOUR, OBSTACLE_POINTS, OBSTACLE_MARKERS)
SHOWN = {topic.under(SEGMENTER): topic for topic in (OVERLAY, *COMMON)}
"""By RViz, which takes names for relative to its namespace."""
SHOWN_BY_FOXGLOVE = {f"/{topic.under(SEGMENTER)}": topic for topic in (OVERLAY_JPEG, *COMMON)}
"""Foxglove knows absolute names alone."""
WITHOUT_TOPIC = {"rviz_default_plugins/Grid", "rviz_default_plugins/TF"}


def rviz() -> dict[str, Any]:
    return yaml.safe_load(RVIZ.read_text(encoding="utf-8"))


def displays() -> list[dict[str, Any]]:
    return rviz()["Visualization Manager"]["Displays"]


def shown_topics() -> dict[str, dict[str, Any]]:
    """Topic → the RViz display that subscribes to it."""
    return {display["Topic"]["Value"]: display for display in displays() if "Topic" in display}


def foxglove() -> dict[str, Any]:
    return json.loads(FOXGLOVE.read_text(encoding="utf-8"))


def panels_in(tree: str | dict[str, Any]) -> Iterator[str]:
    """The panel ids at the leaves of a layout tree, in order."""
    if isinstance(tree, str):
        yield tree
        return
    assert tree["direction"] in ("row", "column")
    assert 0 < tree["splitPercentage"] < 100
    yield from panels_in(tree["first"])
    yield from panels_in(tree["second"])


def panel(kind: str) -> dict[str, Any]:
    """The config of the only panel of a kind."""
    found = [config for name, config in foxglove()["configById"].items() if name.split("!")[0] == kind]
    assert len(found) == 1, kind
    return found[0]


@pytest.mark.parametrize(("path", "shown"), [(RVIZ, SHOWN), (FOXGLOVE, SHOWN_BY_FOXGLOVE)], ids=["rviz", "foxglove"])
def test_a_layout_names_the_topics_of_the_node_and_no_other(path: Path, shown: dict[str, Topic]) -> None:
    named = set(re.findall(rf"/?{SEGMENTER}/\w[\w/]+", path.read_text(encoding="utf-8")))
    assert named == set(shown)


def test_no_layout_shows_a_map_of_ids_which_viewers_draw_black() -> None:
    assert not [topic.name for topic in (*SHOWN.values(), *SHOWN_BY_FOXGLOVE.values()) if "mono8" in topic.description]


def test_the_layout_for_a_node_of_another_name_shows_its_topics() -> None:
    text = RVIZ.read_text(encoding="utf-8")
    layout = yaml.safe_load(layout_for(text, "other", ()))
    named = [each["Topic"]["Value"] for each in layout["Visualization Manager"]["Displays"] if "Topic" in each]
    assert named == [SHOWN[topic].under("other") for topic in shown_topics()]
    assert layout_for(text, SEGMENTER, ()) == text


@pytest.mark.parametrize("node", [SEGMENTER, "other"])
def test_the_layout_for_several_cameras_shows_each_of_them(node: str) -> None:
    before = displays()
    layout = yaml.safe_load(layout_for(RVIZ.read_text(encoding="utf-8"), node, ["front", "left"]))
    after = layout["Visualization Manager"]["Displays"]
    named = {display["Name"]: display for display in after}
    assert len(named) == len(after)
    for display in before:
        if "Topic" not in display:
            assert named[display["Name"]] == display
            continue
        for camera in ("front", "left"):
            made = named.pop(f"{display['Name']} {camera}")
            topic = SHOWN[display["Topic"]["Value"]]
            assert made["Topic"] == display["Topic"] | {"Value": topic.under(node, camera)}
            assert made["Enabled"] == made["Value"] == (topic not in (SEMANTIC_COLOUR, ANOMALY, OPEN_SET_COLOUR))
    assert set(named) == {display["Name"] for display in before if "Topic" not in display}
    others = dict(layout["Visualization Manager"], Displays=before)
    assert others == rviz()["Visualization Manager"]


def test_every_rviz_display_has_a_class_a_name_of_its_own_and_a_topic_of_its_kind() -> None:
    names = [display["Name"] for display in displays()]
    assert len(set(names)) == len(names)
    for display in displays():
        assert display["Enabled"] is True
        if display["Class"] not in WITHOUT_TOPIC:
            topic = display["Topic"]["Value"]
            assert display["Class"] == f"rviz_default_plugins/{SHOWN[topic].kind.rpartition('/')[2]}", topic
    assert set(shown_topics()) == set(SHOWN)


@pytest.mark.parametrize("topic", sorted(SHOWN))
def test_rviz_subscribes_with_the_quality_of_service_that_the_node_offers(topic: str) -> None:
    quality, offered = shown_topics()[topic]["Topic"], SHOWN[topic]
    assert quality["Reliability Policy"] == ("Reliable" if offered.reliable else "Best Effort")
    assert quality["Durability Policy"] == ("Transient Local" if offered.latched else "Volatile")
    assert quality["History Policy"] == "Keep Last"
    assert 1 <= quality["Depth"] <= 5


def test_rviz_scales_the_negative_score_by_itself_and_over_one_frame() -> None:
    display = shown_topics()[ANOMALY.under(SEGMENTER)]
    assert display["Normalize Range"] is True  # a fixed range is cast to uint16 in Jazzy's RViz
    assert display["Median window"] == 1  # and so is a median


def test_rviz_and_foxglove_colour_the_obstacle_points_by_score_over_the_same_range() -> None:
    points = shown_topics()[OBSTACLE_POINTS.under(SEGMENTER)]
    assert points["Color Transformer"] == "Intensity"
    assert points["Channel Name"] == "score"
    assert points["Autocompute Intensity Bounds"] is False
    settings = panel("3D")["topics"][f"/{OBSTACLE_POINTS.under(SEGMENTER)}"]
    assert settings["colorField"] == "score"
    assert settings["colorMode"] == "colormap"
    assert (settings["minValue"], settings["maxValue"]) == (points["Min Intensity"], points["Max Intensity"])


def test_rviz_and_foxglove_look_from_the_frame_of_the_player() -> None:
    assert rviz()["Visualization Manager"]["Global Options"]["Fixed Frame"] == "camera"
    assert panel("3D")["followTf"] == "camera"


def test_the_rviz_window_restores_a_dock_for_every_panel_and_image() -> None:
    geometry = rviz()["Window Geometry"]
    state = bytes.fromhex(geometry["QMainWindow State"])
    docks = [entry["Name"] for entry in rviz()["Panels"]]
    docks += [display["Name"] for display in displays() if display["Class"].endswith("/Image")]
    for name in docks:
        assert geometry[name] == {"collapsed": False}
        assert name.encode("utf-16-be") in state, name


def test_a_foxglove_layout_has_the_keys_that_an_import_asks_for() -> None:
    assert set(foxglove()) == {"configById", "globalVariables", "userNodes", "playbackConfig", "layout"}


def test_every_foxglove_panel_stands_once_in_the_tree_and_has_a_config() -> None:
    leaves = list(panels_in(foxglove()["layout"]))
    assert len(set(leaves)) == len(leaves)
    assert set(leaves) == set(foxglove()["configById"])
    assert all(re.fullmatch(r"\w+!\w+", leaf) for leaf in leaves)


def test_every_foxglove_image_panel_shows_an_image_of_the_node() -> None:
    panels = [config for name, config in foxglove()["configById"].items() if name.startswith("Image!")]
    shown = {config["imageMode"]["imageTopic"] for config in panels}
    assert len(panels) == len(shown)
    assert shown == {name for name, topic in SHOWN_BY_FOXGLOVE.items() if "Image" in topic.kind}


def test_foxglove_shows_diagnostics_and_parameters() -> None:
    assert panel("DiagnosticSummary")["topicToRender"] == DIAGNOSTICS.name
    assert panel("DiagnosticStatusPanel")["topicToRender"] == DIAGNOSTICS.name
    assert panel("Parameters")


def test_foxglove_plots_keys_that_the_diagnostics_carry() -> None:
    keys = {f"latency_ms_{name}" for name in ("mean", "p95", "max")} | {"input_hz", "output_hz"}
    pattern = rf'{DIAGNOSTICS.name}\.status\[:\]\{{name=="/{SEGMENTER}"\}}\.values\[:\]\{{key=="(\w+)"\}}\.value'
    for path in panel("Plot")["paths"]:
        match = re.fullmatch(pattern, path["value"])
        assert match, path["value"]
        assert match[1] in keys
