"""One camera's ways in and out: frames begin here when their message comes, and end here, published or lost."""

from __future__ import annotations

import re
import time
import traceback
from concurrent.futures import Executor

from rclpy.lifecycle import LifecycleNode
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage

from densehybrid_ros.convert.compressed import check_compressed
from densehybrid_ros.convert.images import FrameError, check_image
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import WeightsInfo
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.stamps import Order, StampOrder
from densehybrid_ros.nodes.common.topics import subscription
from densehybrid_ros.nodes.segmenter.distances.range_input import RangeInput
from densehybrid_ros.nodes.segmenter.distances.range_work import RangeWork
from densehybrid_ros.nodes.segmenter.frame import AnyImage, Dropped, Frame
from densehybrid_ros.nodes.segmenter.health.statistics import FrameStatistics
from densehybrid_ros.nodes.segmenter.live_settings import LiveSettings
from densehybrid_ros.nodes.segmenter.outputs.camera_outputs import CameraOutputs
from densehybrid_ros.nodes.segmenter.outputs.transforms import Transforms
from densehybrid_ros.nodes.segmenter.pipeline import Pipeline
from densehybrid_ros.ranging.survey import drivable_ids
from densehybrid_ros.topics import CAMERA_INFO, IMAGE, Topic

RECTIFIED = re.compile(r"(?<![A-Za-z])rect")
"""What a topic of rectified images has in its name: image_rect, image_rect_color, rect/image, …"""


class Camera:
    """Exists while the node is configured; a frame that cannot be used never displaces one that waits."""

    def __init__(
        self,
        node: LifecycleNode,
        name: str,
        settings: LiveSettings,
        weights: WeightsInfo,
        statistics: FrameStatistics,
        complaints: Complaints,
        matching: Executor,
        transforms: Transforms | None,
    ) -> None:
        """
        Args:
            matching: runs the matching of stereo pairs.

        Raises:
            SetupError: road_gate is set and the weights do not know the road.
        """
        self.name, self.statistics = name, statistics
        self.enabled = True
        self.camera_info: CameraInfo | None = None
        self.says_rectified = False
        """The name of the topic of its images."""
        self._node, self._settings, self._complaints = node, settings, complaints
        self._subscriptions: list[Subscription] = []
        current = settings.current
        drivable = drivable_ids(weights.classes, current.drivable_classes, current.road_gate)
        self.outputs = CameraOutputs(node, name, weights, transforms)
        self.ranges = RangeInput(node, name, settings, self.wanted, matching, complaints)
        self.obstacles = RangeWork(self.ranges, self.outputs, len(weights.classes), drivable)

    def destroy(self) -> None:
        self.outputs.destroy()

    def wanted(self) -> frozenset[Topic]:
        """The outputs that are wanted now."""
        return self.outputs.wanted() if self.enabled else frozenset()

    def subscribe(self, pipeline: Pipeline[Frame]) -> None:
        """Begins to put usable frames into the pipeline while something is wanted."""
        order = StampOrder()

        def take(message: AnyImage) -> None:
            self._take(message, order, pipeline)

        self.ranges.subscribe(pipeline.wake)
        compressed = self._settings.current.image_transport == "compressed"
        for topic, callback in (
            (IMAGE.compressed if compressed else IMAGE, take),
            (CAMERA_INFO, self._keep_camera_info),
        ):
            self._subscriptions.append(subscription(self._node, topic, self.name, callback))
        self.says_rectified = RECTIFIED.search(self._subscriptions[0].topic_name) is not None

    def unsubscribe(self) -> None:
        """Ends the deliveries; harmless where there are none."""
        for each in self._subscriptions:
            self._node.destroy_subscription(each)
        self._subscriptions.clear()

    def end(self, frame: Frame) -> None:
        """The frame leaves the node: all of it is out, or it is lost for its fault. Its latency is that of the maps."""
        self.ranges.done(frame)
        fault, frame.fault = frame.fault, None  # its trace holds the frame: the two would keep each other
        if fault is None:
            self.statistics.finished(frame.published_at - frame.taken_at, frame.stages_ms)
        else:
            self._count_loss(fault)

    def _take(self, message: AnyImage, order: StampOrder, pipeline: Pipeline[Frame]) -> None:
        """Executor's thread: nothing here takes longer than looking at the header."""
        frame = Frame(self.name, message, time.monotonic())
        self.statistics.arrived()
        try:
            self._check(frame, order)
        except Exception as fault:  # one that leaves a callback would end rclpy's spin
            self._count_loss(fault)
            return
        self.ranges.expect(frame)
        older = pipeline.put(self.name, frame)
        if older is not None:
            older.fault = Dropped("dropped_stale")
            self.end(older)

    def _check(self, frame: Frame, order: StampOrder) -> None:
        """
        Raises:
            Dropped, FrameError: the frame is not taken.
        """
        if not self.wanted():
            raise Dropped("dropped_unwanted")
        message, limit = frame.message, self._settings.current.max_image_pixels
        if isinstance(message, CompressedImage):
            check_compressed(message, limit)
        else:
            check_image(message, limit)
        stamp = message.header.stamp
        place = order.next(stamp)  # after the check: a broken header's stamp decides about nothing
        if place is Order.OLDER:
            raise Dropped("dropped_stale", f"stamp {stamp.sec}.{stamp.nanosec:09} is older than the last one")
        if place is Order.JUMPED_BACK:
            self.statistics.restart_windows()
            self.ranges.restart(frame.stamp)

    def _count_loss(self, fault: Exception) -> None:
        """Counts a lost frame under the cause that its fault stands for, and reports what a user should read."""
        text = str(fault)
        if isinstance(fault, Dropped):
            self.statistics.drop(fault.cause, text)
        elif isinstance(fault, FrameError | SetupError):
            self.statistics.drop("dropped_invalid", text)
            where = f" from camera '{self.name}'" if self.name else ""
            self._complaints.throttled((self.name, "invalid"), f"frame{where} dropped: {text}")
        else:  # whatever a driver, the device or the middleware raised: the node lives
            text = f"{type(fault).__name__}: {text}"
            self.statistics.drop("dropped_error", text)
            trace = "".join(traceback.format_exception(fault)).rstrip()
            place = traceback.extract_tb(fault.__traceback__)[-1]
            self._complaints.once((type(fault), place.filename, place.lineno), f"frame dropped: {text}\n{trace}")

    def _keep_camera_info(self, message: CameraInfo) -> None:
        self.camera_info = message
