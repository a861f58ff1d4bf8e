"""One image on its way through the node."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from densehybrid_ros.core.scenes import Scene
from densehybrid_ros.nodes.common.stamps import nanoseconds
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.ranging.range_image import RangeImage
from densehybrid_ros.topics import Topic

AnyImage: TypeAlias = Image | CompressedImage


class Dropped(Exception):
    """The frame is of no use any more, although nothing is wrong with it.

    Args:
        cause: the field of Counts that counts it.
        reason: for the user; "" where there is nothing to say.
    """

    def __init__(self, cause: str, reason: str = "") -> None:
        super().__init__(reason)
        self.cause = cause


@dataclass(frozen=True)
class Found:
    """The distances of an image, or why those that came cannot be used."""

    source: str
    """disparity, depth or stereo."""
    ranges: RangeImage | None
    delay: float
    """s after the image at which they were there; 0 = with it, or before."""
    why_not: str = ""


@dataclass(eq=False)
class Frame:
    """Filled on its way: taken → decoded → answered → published → ranged. One thread after the other has it.

    What fails leaves its fault in the frame, which goes on to the end of the line, and is counted there.
    """

    camera: str
    message: AnyImage
    taken_at: float
    """Steady time, s."""
    stages_ms: dict[str, float] = field(default_factory=dict)
    """What it has taken so far, by the name of the stage."""
    fault: Exception | None = None

    settings: Settings = field(init=False)
    """As they were when work on it began."""
    wanted: frozenset[Topic] = field(init=False)
    """Names of the outputs that are made of it."""
    rectified: bool = field(init=False)
    """Whether the image is known to be rectified."""
    image: NDArray[np.uint8] = field(init=False)
    """(H, W, 3) RGB."""
    map_size: tuple[int, int] = field(init=False)
    """Height and width of its maps, px."""

    scene: Scene = field(init=False)
    camera_info: CameraInfo | None = field(init=False)

    published_at: float = field(init=False)
    """Steady time at which its maps were out, s."""

    distances: Future[RangeImage] | None = None
    """The ticket of its stereo pair, from the moment when both halves are there."""
    matched_at: float = math.inf
    """Steady time at which its stereo pair was matched, s."""
    found: Found | None = None

    @property
    def header(self) -> Header:
        return self.message.header

    @property
    def stamp(self) -> int:
        """ns"""
        return nanoseconds(self.message.header.stamp)

    @property
    def can_be_relabelled(self) -> bool:
        """Whether its scene holds what another threshold needs."""
        return bool(self.scene.score.size and self.scene.semantic.size)

    def relabelled(self, settings: Settings, wanted: frozenset[Topic], unknown: int) -> Frame:
        """The frame with the threshold of the settings, for the outputs that are wanted of it now; shares its arrays.

        Args:
            unknown: K.
        """
        again = copy.copy(self)
        again.scene = self.scene.relabelled(settings.threshold, unknown)
        again.settings, again.wanted, again.stages_ms, again.fault = settings, wanted, {}, None
        return again

    def at_image_size(self) -> Frame:
        """The frame with its scene at the image's size, which obstacles, ranges and overlay are of."""
        height, width = self.image.shape[:2]
        if self.map_size == (height, width):
            return self
        larger = copy.copy(self)
        larger.scene, larger.map_size = self.scene.enlarged(height, width), (height, width)
        return larger

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Takes the time of what is done within; an exception becomes the frame's fault."""
        begun = time.monotonic()
        try:
            yield
        except Exception as error:
            self.fault = error
        self.stages_ms[name] = (time.monotonic() - begun) * 1000
