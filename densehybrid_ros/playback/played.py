"""What is played: an input, its frames and its messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.options import setting

LONGEST_PAUSE = 30.0
"""s without a frame that mean nothing where a player feeds a segmenter: it waits for subscribers and for answers."""


@dataclass(frozen=True)
class BagTopics:
    """Which topics of a bag are played."""

    image_topic: str = setting("", "of a bag: the pictures; empty = of a camera, colour before grey, never depth")
    camera_info_topic: str = setting("", "of a bag: empty = found by type, frame, size and stamps; none = not played")
    disparity_topic: str = setting("", "of a bag: empty = found as camera_info is; none = not played")
    depth_topic: str = setting(
        "", "of a bag: registered to the pictures; empty = found as camera_info is; none = not played"
    )
    right_image_topic: str = setting(
        "", "of a bag: empty = beside the pictures, or named right instead of left; none = not played"
    )

    @property
    def named(self) -> bool:
        """Whether any topic is chosen. Not a comparison: what is derived from this class, as the player's settings, is
        never equal to it."""
        return any(getattr(self, entry.name) for entry in fields(BagTopics))


@dataclass(frozen=True)
class PlayedFrame:
    """One frame as it will be published."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    time: float
    """s since the start of the input."""
    name: str
    truth: NDArray[np.uint8] | None = None
    """(H, W) open-set ground truth: 0..K−1, K = unknown, 255 = ignore."""
    camera: Pinhole | None = None
    disparity: NDArray[np.float32] | None = None
    """(H, W) px, 0 = none; goes with `camera`."""
    right: NDArray[np.uint8] | None = None
    """(H, W, 3) RGB of the right camera; goes with `camera`."""
    stamp: int | None = None
    """ns; when it was taken, where the input knows."""
    frame_id: str = ""


@dataclass(frozen=True)
class PlayedMessage:
    """A recorded message that belongs to the images, as it will be published: calibration, disparity, ground truth."""

    topic: str
    """Relative, as the player names it."""
    kind: str
    """As in sensor_msgs/msg/CameraInfo."""
    data: bytes
    """CDR; begins with a std_msgs/Header."""
    time: float
    """s since the start of the input."""


@dataclass(frozen=True)
class Source:
    """An input that can be played from its start any number of times."""

    description: str
    frames: Callable[[], Iterator[PlayedFrame | PlayedMessage]]
    topics: Mapping[str, str] = field(default_factory=dict)
    """What is played besides the images: topic and type, as in sensor_msgs/msg/Image."""
