"""One camera's ways in and out: frames begin here when their message comes, and end here, published or lost."""

from __future__ import annotations

import math
import re
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage

from densehybrid_ros.convert.compressed import check_compressed
from densehybrid_ros.convert.images import FrameError, check_image
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import WeightsInfo
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.inlets import Inlet
from densehybrid_ros.nodes.common.stamps import Order, StampOrder
from densehybrid_ros.nodes.segmenter.distances.range_input import RangeInput
from densehybrid_ros.nodes.segmenter.distances.range_work import RangeWork
from densehybrid_ros.nodes.segmenter.frame import AnyImage, Dropped, Frame
from densehybrid_ros.nodes.segmenter.health.arrivals import StampGaps
from densehybrid_ros.nodes.segmenter.health.inputs import InputReport
from densehybrid_ros.nodes.segmenter.health.statistics import FrameStatistics
from densehybrid_ros.nodes.segmenter.live_settings import LiveSettings
from densehybrid_ros.nodes.segmenter.outputs.camera_outputs import CameraOutputs, needs_obstacles
from densehybrid_ros.nodes.segmenter.outputs.transforms import Transforms
from densehybrid_ros.nodes.segmenter.pipeline import Pipeline
from densehybrid_ros.ranging.survey import drivable_ids
from densehybrid_ros.topics import CAMERA_INFO, IMAGE, Topic

RECTIFIED = re.compile(r"(?<![A-Za-z])rect")
"""What a topic of rectified images has in its name: image_rect, image_rect_color, rect/image, …"""
LINGER = 1.0
"""s without a listener after which images are no longer taken; one that comes anew is served at once."""


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
        self._pipeline: Pipeline[Frame] | None = None
        """While the node is active."""
        self._images: Inlet | None = None
        """While images are taken."""
        self._infos: Inlet | None = None
        self._unwanted_since: float | None = None
        self._ranged_at = -math.inf
        """Steady time at which obstacles were wanted last, s."""
        self.listening_since: float | None = None
        """Steady time, s; None while no images are taken."""
        self._gaps = StampGaps()
        current = settings.current
        drivable = drivable_ids(weights.classes, current.drivable_classes, current.road_gate)
        self.outputs = CameraOutputs(node, name, weights, transforms)
        self.ranges = RangeInput(self._listen, settings, self.wanted, matching, complaints)
        self.obstacles = RangeWork(self.ranges, self.outputs, len(weights.classes), drivable)

    def destroy(self) -> None:
        self.outputs.destroy()

    def wanted(self) -> frozenset[Topic]:
        """The outputs that are wanted now."""
        return self.outputs.wanted() if self.enabled else frozenset()

    def subscribe(self, pipeline: Pipeline[Frame]) -> None:
        """Begins to put usable frames into the pipeline, whenever something is wanted: images are taken only then."""
        self._pipeline, self._infos = pipeline, self._listen(CAMERA_INFO, self._keep_camera_info)
        self.attend()

    def attend(self) -> None:
        """To be called a few times a second: takes images while they are wanted, as their publishers offer them."""
        if self._pipeline is None:
            return
        eager = self.enabled and not self._settings.current.lazy
        now, wanted = time.monotonic(), bool(self.wanted()) or eager
        if needs_obstacles(self.wanted()) or eager:
            self._ranged_at = now
        self._unwanted_since = None if wanted else self._unwanted_since or now
        if wanted and self._images is None:
            self._take_images(self._pipeline)
        elif self._unwanted_since is not None and (not self.enabled or now - self._unwanted_since >= LINGER):
            self._close_images()
        self._attend_ranges(self._pipeline, now)
        for each in self._inlets():
            each.adapt()

    def unsubscribe(self) -> None:
        """Ends the deliveries of images; harmless where there are none. Distances may still be waited for."""
        self._pipeline = None
        if self._infos is not None:
            self._infos.close()
        self._infos = None
        self._close_images()

    def inputs(self, silent: bool) -> InputReport:
        """The topics as the graph shows them.

        Args:
            silent: nothing comes, so that it is worth a look why.
        """
        if self._images is None or self._infos is None:
            return InputReport(self.image_topic())
        misfits = (each.misfit() for each in self._inlets())
        return InputReport(
            self._images.name,
            self._images.publishers(),
            "reliable" if self._images.reliable else "best_effort",
            self._images.silence() if silent else "",
            self._infos.silence() if self.camera_info is None else "",
            next(filter(None, misfits), ""),
        )

    def image_topic(self) -> str:
        """As it is resolved."""
        return self._node.resolve_topic_name(self._image().of(self.name))

    def _inlets(self) -> list[Inlet]:
        return [*filter(None, (self._images, self._infos)), *self.ranges.inlets()]

    def _listen(self, topic: Topic, callback: Callable[[Any], None]) -> Inlet:
        return Inlet(self._node, topic, self.name, callback)

    def _image(self) -> Topic:
        return IMAGE.compressed if self._settings.current.image_transport == "compressed" else IMAGE

    def _take_images(self, pipeline: Pipeline[Frame]) -> None:
        order = StampOrder()

        def take(message: AnyImage) -> None:
            self._take(message, order, pipeline)

        def lost(count: int) -> None:
            self.statistics.absent("lost", count)

        self._gaps.restart()
        self._images = Inlet(self._node, self._image(), self.name, take, lost)
        self.listening_since = time.monotonic()
        self.says_rectified = RECTIFIED.search(self._images.name) is not None

    def _attend_ranges(self, pipeline: Pipeline[Frame], now: float) -> None:
        """Distances are heard for obstacles alone; the last ones until the frames at work, which may ask, end."""
        heard, wanted = bool(self.ranges.inlets()), now - self._ranged_at < LINGER
        if wanted and self._images is not None:
            self.ranges.subscribe(pipeline.wake)
        elif heard and (not wanted or self.statistics.snapshot().counts.in_work == 0):
            self.ranges.unsubscribe()

    def _close_images(self) -> None:
        if self._images is not None:
            self._images.close()
        self._images = self.listening_since = None

    def is_quiet(self, seconds: float) -> bool:
        """Whether no image has come for so long, and none is at work."""
        now = self.statistics.snapshot()
        return now.last_frame_age >= seconds and now.counts.in_work == 0

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
        self.statistics.absent("missing", self._gaps.missing(frame.stamp))
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
            self.statistics.drop("dropped_error", f"{type(fault).__name__}: {text}")
            self.report_error("frame dropped", fault)

    def report_error(self, what: str, fault: Exception) -> None:
        """One that nobody foresaw, with its trace, once for every place where it is raised."""
        trace = "".join(traceback.format_exception(fault)).rstrip()
        place = traceback.extract_tb(fault.__traceback__)[-1]
        text = f"{what}: {type(fault).__name__}: {fault}\n{trace}"
        self._complaints.once((type(fault), place.filename, place.lineno), text)

    def _keep_camera_info(self, message: CameraInfo) -> None:
        self.camera_info = message
