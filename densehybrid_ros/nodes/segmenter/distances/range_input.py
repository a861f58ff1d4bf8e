"""What comes from one camera to tell distances by: disparity, depth, or the right picture of a rectified pair."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from sensor_msgs.msg import CameraInfo, Image
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.convert.images import FrameError
from densehybrid_ros.convert.ranges import depth_from_image, disparity_from_message
from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.inlets import Inlet, Listen
from densehybrid_ros.nodes.common.stamps import nanoseconds
from densehybrid_ros.nodes.segmenter.distances.stamp_matching import StampMatcher
from densehybrid_ros.nodes.segmenter.distances.stereo import Pair, ranges_of_pair
from densehybrid_ros.nodes.segmenter.frame import Found, Frame
from densehybrid_ros.nodes.segmenter.live_settings import LiveSettings
from densehybrid_ros.nodes.segmenter.outputs.camera_outputs import needs_obstacles
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.ranging.range_image import RangeImage, range_from_depth, range_from_disparity
from densehybrid_ros.topics import DEPTH, DISPARITY, RIGHT_IMAGE, RIGHT_INFO, Topic

NANOSECONDS = 1_000_000_000
REMEMBERED = 256
"""Images whose times of arrival are known, to say how late a message comes."""


@dataclass(frozen=True)
class Arrived:
    """A message, and the steady time of its arrival, s."""

    message: Any
    at: float


class RangeInput:
    """Subscriptions of one camera, and what has come on them. Thread-safe but for subscribe and unsubscribe."""

    def __init__(
        self,
        listen: Listen,
        settings: LiveSettings,
        wanted: Callable[[], Collection[Topic]],
        matching: Executor,
        complaints: Complaints,
    ) -> None:
        """
        Args:
            wanted: names of the outputs that are wanted now; messages are only taken for those with obstacles.
            matching: runs the matching of stereo pairs, while the network works on the left picture.
        """
        self._listen, self._settings, self._wanted = listen, settings, wanted
        self._matching, self._complaints = matching, complaints
        self._inlets: dict[str, Inlet] = {}
        self._matchers: dict[str, StampMatcher[Arrived]] = {
            name: StampMatcher() for name in ("disparity", "depth", "right")
        }
        self._pairing = threading.Lock()
        self._lefts: dict[Frame, CameraInfo | None] = {}
        """The pictures that wait for their right halves, oldest first."""
        self._right_info: CameraInfo | None = None
        self._newest: Future[RangeImage] = Future()
        """The ticket of the newest pair."""
        self._images: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)
        """Stamps, ns, and steady times of arrival, s, of the last images; of the executor's thread."""
        self._delays: dict[str, float] = {}
        self._arrived: Callable[[], None] = lambda: None

    def subscribe(self, arrived: Callable[[], None]) -> None:
        """Begins to take messages; `arrived` is called whenever a message, or the outcome of a pair, has come."""
        settings = self._settings.current
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
                if name not in self._inlets:
                    self._subscribe(name, topic)

    def unsubscribe(self) -> None:
        """Ends the deliveries and forgets what has come."""
        for each in self._inlets.values():
            each.close()
        self._inlets.clear()
        self.restart()

    def inlets(self) -> list[Inlet]:
        """What is subscribed to."""
        return list(self._inlets.values())

    def restart(self, stamp: int | None = None) -> None:
        """After a jump of the clock to that stamp: nothing from before it belongs to what comes."""
        with self._pairing:
            self._lefts.clear()
        self._images.clear()
        for matcher in self._matchers.values():
            matcher.restart(stamp)

    def source(self) -> str:
        """Where ranges of the next frame should come from: disparity, depth, stereo, ground, or "" for nowhere.

        Of what is subscribed to, the first that somebody publishes.
        """
        names = {"disparity": "disparity", "depth": "depth", "right": "stereo"}
        for name, source in names.items():
            heard = self._inlets.get(name)
            if heard is not None and heard.publishers() > 0:
                return source
        settings = self._settings.current
        return "ground" if settings.camera_height > 0 and settings.range_source in ("auto", "ground") else ""

    def expect(self, frame: Frame) -> None:
        """The frame was taken."""
        self._images.append((frame.stamp, frame.taken_at))
        for matcher in self._matchers.values():
            matcher.expect(frame.stamp)

    def done(self, frame: Frame) -> None:
        """The expected frame is published or lost."""
        for matcher in self._matchers.values():
            matcher.done(frame.stamp)
        with self._pairing:
            self._lefts.pop(frame, None)
        if frame.distances is not None:
            frame.distances.cancel()

    def begin(self, frame: Frame, camera_info: CameraInfo | None) -> None:
        """Inference begins on the frame: its right half, once it is there, is matched at the same time."""
        if self.source() == "stereo":
            with self._pairing:
                self._lefts[frame] = camera_info
            self._pair_up()

    def find(self, frame: Frame) -> Found | None:
        """The distances of the frame; None while they have not come."""
        settings, tolerance, shape = self._settings.current, self._tolerance(), frame.image.shape
        disparity = self._matchers["disparity"].nearest(frame.stamp, tolerance)
        if disparity is not None:
            delay = disparity.at - frame.taken_at
            return _found("disparity", lambda: _from_disparity(disparity.message, settings), shape, delay)
        depth = self._matchers["depth"].nearest(frame.stamp, tolerance)
        if depth is not None:
            return _found("depth", lambda: _from_depth(depth.message, settings), shape, depth.at - frame.taken_at)
        ticket = frame.distances
        if ticket is None or not ticket.done() or ticket.cancelled():
            return None
        return _found("stereo", ticket.result, shape, min(frame.matched_at, time.monotonic()) - frame.taken_at)

    def delay(self, source: str) -> float | None:
        """s by which the newest message of disparity, depth or stereo came after its image; None = not known."""
        return self._delays.get("right" if source == "stereo" else source)

    def _subscribe(self, name: str, topic: Topic) -> None:
        def take(message: Any) -> None:
            try:
                if needs_obstacles(self._wanted()):
                    self._take(name, message)
            except Exception as error:  # one that leaves a callback would end rclpy's spin
                self._complaints.once((name, type(error)), f"{name} not used: {type(error).__name__}: {error}")

        self._inlets[name] = self._listen(topic, take)

    def _take(self, name: str, message: Any) -> None:
        if name == "right_info":
            self._right_info = message
        else:
            stamp, tolerance, now = nanoseconds(message.header.stamp), self._tolerance(), time.monotonic()
            self._matchers[name].offer(stamp, Arrived(message, now), tolerance)
            taken = next((at for image, at in reversed(self._images) if abs(image - stamp) <= tolerance), None)
            if taken is not None:
                self._delays[name] = now - taken
        if name in ("right", "right_info"):
            self._pair_up()
        self._arrived()

    def _pair_up(self) -> None:
        """Hands the newest left picture over whose right half is there; older pairs that were not begun give way."""
        with self._pairing:
            nearest, tolerance = self._matchers["right"].nearest, self._tolerance()
            halves = ((frame, nearest(frame.stamp, tolerance)) for frame in reversed(self._lefts))
            frame, right = next((each for each in halves if each[1] is not None), (None, None))
            if frame is None or right is None or self._right_info is None:
                return
            pair = Pair(frame.image, right.message, self._lefts[frame], self._right_info, frame.rectified)
            for older in [*takewhile(lambda each: each is not frame, self._lefts), frame]:
                del self._lefts[older]
            self._newest.cancel()
            ticket = self._matching.submit(ranges_of_pair, pair, self._settings.current)
            frame.distances = self._newest = ticket

        def matched(ticket: Future[RangeImage]) -> None:
            frame.matched_at = time.monotonic()
            self._arrived()

        ticket.add_done_callback(matched)

    def _tolerance(self) -> int:
        return round(self._settings.current.sync_tolerance * NANOSECONDS)


def _from_disparity(message: DisparityImage, settings: Settings) -> RangeImage:
    fields = disparity_from_message(message, settings.max_image_pixels)
    return range_from_disparity(
        fields.values, fields.focal_length, fields.baseline, fields.min_disparity, settings.disparity_error
    )


def _from_depth(message: Image, settings: Settings) -> RangeImage:
    return range_from_depth(depth_from_image(message, settings.max_image_pixels), settings.depth_error)


def _found(source: str, measured: Callable[[], RangeImage], shape: tuple[int, ...], delay: float) -> Found:
    """What was measured, unless it cannot be used or is not of the image's shape (H, W, 3)."""
    delay = max(delay, 0.0)
    try:
        ranges = measured()
    except (FrameError, SetupError) as error:
        return Found(source, None, delay, str(error))
    except Exception as error:  # whatever OpenCV meets in a picture: the frame goes without ranges, the node lives
        return Found(source, None, delay, f"{type(error).__name__}: {error}")
    if ranges.shape != shape[:2]:
        (height, width), (wanted_height, wanted_width) = ranges.shape, shape[:2]
        return Found(source, None, delay, f"{source} is {width}x{height}, the image {wanted_width}x{wanted_height}")
    return Found(source, ranges, delay)
