"""RViz's layout for a node of another name and for several cameras, made of that for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from densehybrid_ros.topics import SEGMENTER

SHOWN = "Overlay"
"""The image display that is enabled for every camera; the others would fill the window, and wait for a tick."""


def layout_for(layout: str, node: str, cameras: Sequence[str]) -> str:
    """Every display that has a topic becomes one for each camera, with the camera's name behind its own.

    Args:
        layout: of a camera without a name, as in config/camera.rviz.
        node: name of the node.
        cameras: names; () = one camera without.
    """
    layout = layout.replace(f"Value: {SEGMENTER}/", f"Value: {node}/")
    if not cameras:
        return layout
    content = yaml.safe_load(layout)
    manager = content["Visualization Manager"]
    manager["Displays"] = [each for display in manager["Displays"] for each in _copies(display, node, cameras)]
    content["Window Geometry"].pop("QMainWindow State")  # places docks by the names of the former displays
    return yaml.safe_dump(content, sort_keys=False)


def _copies(display: dict[str, Any], node: str, cameras: Sequence[str]) -> list[dict[str, Any]]:
    if "Topic" not in display:
        return [display]
    enabled = not display["Class"].endswith("/Image") or display["Name"] == SHOWN
    topic = display["Topic"]
    return [
        display
        | {"Name": f"{display['Name']} {camera}", "Enabled": enabled, "Value": enabled}
        | {"Topic": topic | {"Value": topic["Value"].replace(f"{node}/", f"{node}/{camera}/", 1)}}
        for camera in cameras
    ]
