"""What can be set on the node `recorder`."""

from __future__ import annotations

from dataclasses import dataclass

from densehybrid_ros.options import setting
from densehybrid_ros.topics import SEGMENTER


@dataclass(frozen=True)
class RecorderSettings:
    """The recorder."""

    out: str = setting("demo_output", "folder to write into")
    classes: tuple[str, ...] = setting(("",), "names of that node's classes; empty = CamVid's")
    node: str = setting(SEGMENTER, "node whose answers are recorded")
