"""What comes from one camera: images, checked before they wait, and the newest camera_info."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from densehybrid_ros.convert.compressed import check_compressed
from densehybrid_ros.convert.images import FrameError, check_image
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.stamps import Order, StampOrder, nanoseconds
from densehybrid_ros.nodes.common.topics import subscription
from densehybrid_ros.nodes.segmenter.health.statistics import FrameStatistics
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.topics import CAMERA_INFO, IMAGE

AnyImage: TypeAlias = Image | CompressedImage


@dataclass(frozen=True)
class Taken:
    """An image message that can be used, and the steady time at which it was taken, s."""

    camera: str
    message: AnyImage
    taken: float

    @property
    def stamp(self) -> int:
        """ns"""
        return nanoseconds(self.message.header.stamp)


class CameraInput:
    """Subscriptions of one camera. A frame that cannot be used never displaces one that waits."""

    def __init__(
        self,
        node: Node,
        camera: str,
        settings: Callable[[], Settings],
        statistics: FrameStatistics,
        complaints: Complaints,
    ) -> None:
        self._node, self._camera = node, camera
        self._settings, self._statistics, self._complaints = settings, statistics, complaints
        self._subscriptions: list[Subscription] = []
        self._order = StampOrder()
        self.camera_info: CameraInfo | None = None

    def subscribe(
        self,
        wanted: Callable[[], bool],
        deliver: Callable[[Taken], None],
        jumped_back: Callable[[int], None] = lambda stamp: None,
    ) -> None:
        """Begins to deliver usable frames while `wanted`, in the executor's thread.

        Args:
            jumped_back: told the stamp of a frame, before it is delivered, that lies well before the last one's.
        """
        compressed = self._settings().image_transport == "compressed"
        self._order = StampOrder()

        def take(message: AnyImage) -> None:
            try:
                self._take(message, wanted, deliver, jumped_back)
            except Exception as error:  # one that leaves a callback would end rclpy's spin
                self._statistics.drop("dropped_error", f"{type(error).__name__}: {error}")
                self._complaints.once(type(error), f"frame dropped: {type(error).__name__}: {error}")

        image = IMAGE.compressed if compressed else IMAGE
        for topic, callback in ((image, take), (CAMERA_INFO, self._keep_camera_info)):
            self._subscriptions.append(subscription(self._node, topic, self._camera, callback))

    def unsubscribe(self) -> None:
        """Ends the deliveries; harmless where there are none."""
        for each in self._subscriptions:
            self._node.destroy_subscription(each)
        self._subscriptions.clear()

    def _take(
        self,
        message: AnyImage,
        wanted: Callable[[], bool],
        deliver: Callable[[Taken], None],
        jumped_back: Callable[[int], None],
    ) -> None:
        """Executor's thread: nothing here takes longer than looking at the header."""
        taken = time.monotonic()
        self._statistics.arrived()
        if not wanted():
            self._statistics.drop("dropped_unwanted")
            return
        try:
            self._check(message)
        except FrameError as error:
            self.refuse(error)
            return
        order = self._order.next(message.header.stamp)  # after the check: a broken header's stamp decides about nothing
        if order is Order.OLDER:
            stamp = message.header.stamp
            self._statistics.drop("dropped_stale", f"stamp {stamp.sec}.{stamp.nanosec:09} is older than the last one")
            return
        if order is Order.JUMPED_BACK:
            self._statistics.restart_windows()
            jumped_back(nanoseconds(message.header.stamp))
        deliver(Taken(self._camera, message, taken))

    def refuse(self, error: Exception) -> None:
        """Counts and reports a frame that cannot be used."""
        self._statistics.drop("dropped_invalid", str(error))
        where = f" from camera '{self._camera}'" if self._camera else ""
        self._complaints.throttled((self._camera, "invalid"), f"frame{where} dropped: {error}")

    def _check(self, message: AnyImage) -> None:
        limit = self._settings().max_image_pixels
        if isinstance(message, CompressedImage):
            check_compressed(message, limit)
        else:
            check_image(message, limit)

    def _keep_camera_info(self, message: CameraInfo) -> None:
        self.camera_info = message
