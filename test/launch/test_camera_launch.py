"""camera.launch.py under the real launch system."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip(
    "launch_ros", reason="launch_ros is not installed; it comes with a ROS 2 installation, not from PyPI"
)
from launch.actions import DeclareLaunchArgument
from launch_ros.actions import Node

PATH = Path(__file__).resolve().parents[2] / "launch" / "camera.launch.py"


def launch_file() -> ModuleType:
    spec = spec_from_file_location("camera_launch", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_launch_file_declares_its_arguments_and_starts_the_node() -> None:
    entities = launch_file().generate_launch_description().entities
    declared = {entity.name for entity in entities if isinstance(entity, DeclareLaunchArgument)}
    assert {"image_topic", "namespace", "params_file", "model_path", "device"} <= declared
    nodes = [entity for entity in entities if isinstance(entity, Node)]
    assert len(nodes) == 1
    assert nodes[0].node_executable == "segmenter"
