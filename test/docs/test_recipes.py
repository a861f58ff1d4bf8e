"""The recipe for Nav2 in docs/node.md, against what its obstacle layer declares and this node gives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.topics import OBSTACLE_SCAN, SEGMENTER

PAGE = Path(__file__).resolve().parents[2] / "docs" / "node.md"
LAYER = {
    *("enabled", "footprint_clearing_enabled", "min_obstacle_height", "max_obstacle_height", "combination_method"),
    *("observation_sources", "tf_filter_tolerance"),
}
SOURCE = {
    *("topic", "sensor_frame", "observation_persistence", "expected_update_rate", "data_type", "min_obstacle_height"),
    *("max_obstacle_height", "inf_is_valid", "marking", "clearing", "transport_type", "obstacle_max_range"),
    *("obstacle_min_range", "raytrace_max_range", "raytrace_min_range"),
}
"""Parameters that Nav2's obstacle_layer.cpp declares, for itself and for each of its sources (August 2026)."""


@pytest.fixture(scope="module")
def layers() -> dict[str, Any]:
    text = PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(r"(?s)```yaml\n(local_costmap:.*?)```", text)
    return yaml.safe_load(block)["local_costmap"]["local_costmap"]["ros__parameters"]


def test_every_key_is_one_that_the_plugin_declares(layers: dict[str, Any]) -> None:
    layer = layers["unknown_layer"]
    assert "unknown_layer" in layers["plugins"]
    assert layer["plugin"] == "nav2_costmap_2d::ObstacleLayer"
    (name,) = layer["observation_sources"].split()
    assert layer.keys() - {"plugin", name} <= LAYER
    assert layer[name].keys() <= SOURCE
    commented = re.findall(r"(?m)^ +# (\w+): ", PAGE.read_text(encoding="utf-8").split("unknown_layer:")[1][:1200])
    assert set(commented) <= SOURCE


def test_the_layer_takes_the_scan_as_the_node_publishes_it(layers: dict[str, Any]) -> None:
    layer = layers["unknown_layer"]
    source = layer[layer["observation_sources"]]
    assert source["topic"] == f"/{OBSTACLE_SCAN.under(SEGMENTER)}"
    assert (source["data_type"], OBSTACLE_SCAN.kind) == ("LaserScan", "sensor_msgs/msg/LaserScan")
    assert all(source[name] is True for name in ("marking", "clearing", "inf_is_valid"))
    # inf becomes a little less than the scan's range_max: it must clear, and not mark
    assert source["obstacle_max_range"] < Settings().max_range
    assert source["obstacle_max_range"] < source["raytrace_max_range"]
    # a scan lies at the height of its frame
    assert source["min_obstacle_height"] < 0 < source["max_obstacle_height"] <= layer["max_obstacle_height"]
