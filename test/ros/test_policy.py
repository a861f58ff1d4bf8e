"""The SROS 2 policy against what running nodes open: all of it is allowed, and little else."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image

from densehybrid_ros.dds.policy import NODES, Names, rights
from densehybrid_ros.topics import (
    ANOMALY,
    CLOCK,
    LOG,
    OPEN_SET,
    OVERLAY,
    PARAMETER_EVENTS,
    PARAMETER_SERVICES,
    SEMANTIC,
    TF,
    TF_STATIC,
)

if TYPE_CHECKING:
    from conftest import Process

PATIENCE = 90.0
"""s"""
OF_EVERY_NODE = {PARAMETER_EVENTS.name, LOG, CLOCK.name}
NAMES = Names(cameras=["front", "left"])
Open = dict[str, set[str]]


def endpoints(node: Node, name: str) -> Open:
    found = {
        "publish": node.get_publisher_names_and_types_by_node(name, "/"),
        "subscribe": node.get_subscriber_names_and_types_by_node(name, "/"),
        "reply": node.get_service_names_and_types_by_node(name, "/"),
    }
    return {kind: {each for each, _ in entries} for kind, entries in found.items()}


BY_INSTALLATION = ("/obstacles", "/obstacles/boxes", "/label_info", "/label_info_json", TF_STATIC.name)
"""What a segmenter publishes only where messages for it, or listeners, are there."""
NONE: Open = {"publish": set(), "subscribe": set(), "reply": set()}


def is_complete(role: str, spare: Open) -> bool:
    """Whether a node has opened all that it always opens.

    Args:
        spare: what the policy allows, without what was found.
    """
    if role == "segmenter":
        unopened = all(name.endswith(BY_INSTALLATION) for name in spare["publish"])
        return unopened and not spare["reply"] and "/left/image_raw" not in spare["subscribe"]
    return spare == NONE if role in ("recorder", "evaluator") else "/player/pause" not in spare["reply"]


def unopened(allowed: Open, found: Open) -> Open:
    return {kind: allowed[kind] - found[kind] - OF_EVERY_NODE for kind in found}


def settled(node: Node, name: str, role: str, allowed: Open) -> Open:
    """What the node has opened, once that is all it always opens: the graph learns of one endpoint after the other."""
    end, found = time.monotonic() + PATIENCE, Open()
    while time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.1)
        if (name, "/") in node.get_node_names_and_namespaces():
            found = endpoints(node, name)
            if is_complete(role, unopened(allowed, found)):
                return found
    raise AssertionError(f"{name} never opened all that it was to open, but {found}")


@pytest.mark.usefixtures("context")
def test_running_nodes_open_what_the_policy_allows_and_nothing_else(
    start: Callable[..., Process], random_weights: Path, tmp_path: Path
) -> None:
    start("segmenter", f"model_path:={random_weights}", "cameras:=[front, left]", "lazy:=false")
    start("player", "start_paused:=true", "stereo:=true", "publish_clock:=true")
    start("recorder", f"out:={tmp_path}")
    start("evaluator")
    looker = rclpy.create_node("looker")
    for answer in (SEMANTIC, ANOMALY, OPEN_SET, OVERLAY):
        # of a camera without a name: the recorder opens the rest when it hears all of them
        looker.create_publisher(Image, answer.under("densehybrid"), 1)
    spare: dict[str, Open] = {}
    for role, name in NODES.items():
        # the player publishes for a camera without a name, as do those who judge it
        own = rights(NAMES if role == "segmenter" else Names())[role]
        allowed: Open = {
            "publish": {*own.publish, *OF_EVERY_NODE},
            "subscribe": {*own.subscribe, *OF_EVERY_NODE},
            "reply": {*own.reply, *NAMES.absolute(PARAMETER_SERVICES, name)},
        }
        found = settled(looker, name, role, allowed)
        assert not {kind: found[kind] - allowed[kind] for kind in found if found[kind] - allowed[kind]}, role
        spare[role] = unopened(allowed, found)
    looker.destroy_node()
    assert {TF, TF_STATIC.name} <= spare["segmenter"]["subscribe"]  # nothing is to be turned
