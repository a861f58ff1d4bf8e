"""What comes from one camera to tell distances by: disparity, depth, or the right picture of a rectified pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.convert.images import FrameError
from densehybrid_ros.convert.ranges import depth_from_image, disparity_from_message
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.stamps import nanoseconds
from densehybrid_ros.nodes.common.topics import subscription
from densehybrid_ros.nodes.segmenter.distances.stamp_matching import StampMatcher
from densehybrid_ros.nodes.segmenter.distances.stereo_work import Pair, StereoWork
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.ranging.range_image import RangeImage, range_from_depth, range_from_disparity
from densehybrid_ros.topics import DEPTH, DISPARITY, RIGHT_IMAGE, RIGHT_INFO, Topic

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Found:
    """The distances of an image, or why those that came cannot be used."""

    source: str
    """disparity, depth or stereo."""
    ranges: RangeImage | None
    why_not: str = ""


class RangeInput:
    """Subscriptions of one camera, and what has come on them. Thread-safe but for subscribe and unsubscribe."""

    def __init__(
        self, node: Node, camera: str, settings: Callable[[], Settings], stereo: StereoWork, complaints: Complaints
    ) -> None:
        self._node, self._camera, self._settings = node, camera, settings
        self._stereo, self._complaints = stereo, complaints
        self._subscriptions: dict[str, Subscription] = {}
        self._matchers: dict[str, StampMatcher[Any]] = {
            name: StampMatcher() for name in ("disparity", "depth", "right")
        }
        self._left: tuple[int, NDArray[np.uint8], CameraInfo | None] | None = None
        """The picture that waits for its right half."""
        self._right_info: CameraInfo | None = None
        self._arrived: Callable[[], None] = lambda: None

    def subscribe(self, wanted: Callable[[], bool], arrived: Callable[[], None]) -> None:
        """Begins to take messages while `wanted`; `arrived` is told, in the executor's thread, that one has come."""
        settings = self._settings()
        self._arrived = arrived
        source = settings.range_source
        right = RIGHT_IMAGE.compressed if settings.image_transport == "compressed" else RIGHT_IMAGE
        kinds = {
            "disparity": {"disparity": DISPARITY},
            "depth": {"depth": DEPTH},
            "stereo": {"right": right, "right_info": RIGHT_INFO},
        }
        for kind in kinds if source == "auto" else kinds.keys() & {source}:
            for name, topic in kinds[kind].items():
                self._subscribe(name, topic, wanted)

    def unsubscribe(self) -> None:
        """Ends the deliveries and forgets what has come."""
        for each in self._subscriptions.values():
            self._node.destroy_subscription(each)
        self._subscriptions.clear()
        self.restart()

    def restart(self, stamp: int | None = None) -> None:
        """After a jump of the clock to that stamp: nothing from before it belongs to what comes."""
        self._left = None
        for matcher in self._matchers.values():
            matcher.restart(stamp)

    def source(self) -> str:
        """Where ranges of the next frame should come from: disparity, depth, stereo, ground, or "" for nowhere.

        Of what is subscribed to, the first that somebody publishes.
        """
        names = {"disparity": "disparity", "depth": "depth", "right": "stereo"}
        for name, source in names.items():
            heard = self._subscriptions.get(name)
            if heard is not None and heard.get_publisher_count() > 0:
                return source
        settings = self._settings()
        return "ground" if settings.camera_height > 0 and settings.range_source in ("auto", "ground") else ""

    def expect(self, stamp: int) -> None:
        """An image with that stamp was taken."""
        for matcher in self._matchers.values():
            matcher.expect(stamp)

    def done(self, stamp: int) -> None:
        """The image with that stamp is published or dropped."""
        for matcher in self._matchers.values():
            matcher.done(stamp)
        self._stereo.forget(self._camera, stamp)

    def begin(self, stamp: int, image: NDArray[np.uint8], camera_info: CameraInfo | None) -> None:
        """Inference has begun on an image: its right half, once it is there, is matched at the same time."""
        if self.source() == "stereo":
            self._left = (stamp, image, camera_info)
            self._pair_up()

    def is_at_work(self, stamp: int) -> bool:
        """Whether the pair of that stamp is being matched."""
        return self._stereo.is_at_work(self._camera, stamp)

    def find(self, stamp: int, shape: tuple[int, ...]) -> Found | None:
        """The distances of the image with that stamp and shape (H, W); None while they have not come."""
        settings, tolerance = self._settings(), self._tolerance()
        disparity = self._matchers["disparity"].nearest(stamp, tolerance)
        if disparity is not None:
            return _checked("disparity", lambda: _from_disparity(disparity, settings), shape)
        depth = self._matchers["depth"].nearest(stamp, tolerance)
        if depth is not None:
            error, limit = settings.depth_error, settings.max_image_pixels
            return _checked("depth", lambda: range_from_depth(depth_from_image(depth, limit), error), shape)
        matched = self._stereo.result(self._camera, stamp)
        if matched is None:
            return None
        return Found("stereo", matched.ranges, matched.why_not)

    def _subscribe(self, name: str, topic: Topic, wanted: Callable[[], bool]) -> None:
        def take(message: Any) -> None:
            try:
                if wanted():
                    self._take(name, message)
            except Exception as error:  # one that leaves a callback would end rclpy's spin
                self._complaints.once((name, type(error)), f"{name} not used: {type(error).__name__}: {error}")

        self._subscriptions[name] = subscription(self._node, topic, self._camera, take)

    def _take(self, name: str, message: Any) -> None:
        if name == "right_info":
            self._right_info = message
        else:
            self._matchers[name].offer(nanoseconds(message.header.stamp), message, self._tolerance())
        if name in ("right", "right_info"):
            self._pair_up()
        self._arrived()

    def _pair_up(self) -> None:
        """Hands the waiting left picture over once its right half is there."""
        left = self._left
        if left is None or self._right_info is None:
            return
        stamp, image, camera_info = left
        right = self._matchers["right"].nearest(stamp, self._tolerance())
        if right is not None:
            self._left = None
            self._stereo.put(Pair(self._camera, stamp, image, right, camera_info, self._right_info))

    def _tolerance(self) -> int:
        return round(self._settings().sync_tolerance * NANOSECONDS)


def _from_disparity(message: DisparityImage, settings: Settings) -> RangeImage:
    fields = disparity_from_message(message, settings.max_image_pixels)
    return range_from_disparity(
        fields.values, fields.focal_length, fields.baseline, fields.min_disparity, settings.disparity_error
    )


def _checked(source: str, make: Callable[[], RangeImage], shape: tuple[int, ...]) -> Found:
    """What was made, unless it cannot be made or is not of the image's shape."""
    try:
        ranges = make()
    except FrameError as error:
        return Found(source, None, str(error))
    if ranges.shape != shape[:2]:
        (height, width), (wanted_height, wanted_width) = ranges.shape, shape[:2]
        return Found(source, None, f"{source} is {width}x{height}, the image {wanted_width}x{wanted_height}")
    return Found(source, ranges)
