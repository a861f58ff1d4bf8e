"""A camera of the node, and its frames on their way through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo

from densehybrid_ros.core.segmenter import Scene
from densehybrid_ros.nodes.segmenter.camera_input import CameraInput, Taken
from densehybrid_ros.nodes.segmenter.distances.range_input import RangeInput
from densehybrid_ros.nodes.segmenter.distances.range_work import RangeWork
from densehybrid_ros.nodes.segmenter.health.statistics import FrameStatistics
from densehybrid_ros.nodes.segmenter.outputs.camera_outputs import CameraOutputs
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.topics import Topic


@dataclass(frozen=True)
class Camera:
    """One camera's ways in and out."""

    name: str
    statistics: FrameStatistics
    input: CameraInput
    outputs: CameraOutputs
    ranges: RangeInput
    range_work: RangeWork


@dataclass(frozen=True)
class Decoded:
    """A frame on its way into the network."""

    frame: Taken
    image: NDArray[np.uint8]
    wanted: frozenset[Topic]
    decode_ms: float


@dataclass(frozen=True)
class Answer:
    """A frame on its way out."""

    frame: Taken
    image: NDArray[np.uint8]
    wanted: frozenset[Topic]
    scene: Scene
    camera_info: CameraInfo | None
    settings: Settings
    stages_ms: Mapping[str, float]
