"""What belongs to a frame of all that provides distances, and the tickets of stereo pairs; without ROS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.segmenter.distances.range_input import RangeInput
from densehybrid_ros.nodes.segmenter.distances.stereo import Pair
from densehybrid_ros.nodes.segmenter.frame import Frame
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.ranging.range_image import RangeImage, range_from_disparity
from densehybrid_ros.topics import OBSTACLES_JSON, Topic

DISTANCES = range_from_disparity(np.ones((4, 6), np.float32), 100.0, 0.5, 0.0, 0.5)


@dataclass
class Subscribing:
    """What subscribes; everybody publishes what is in `published`."""

    published: tuple[str, ...]
    callbacks: dict[str, Callable[[Any], None]] = field(default_factory=dict)

    def listen(self, topic: Topic, callback: Callable[[Any], None]) -> Any:
        self.callbacks[topic.name] = callback
        return SimpleNamespace(publishers=lambda: int(topic.name in self.published))


class Matching(ThreadPoolExecutor):
    """The matching thread: held until `go_on`, and failing for pairs without a calibration of the left camera."""

    def __init__(self) -> None:
        super().__init__(1)
        self.begun: list[int] = []
        self.entered, self.go_on = threading.Event(), threading.Event()

    def submit(self, fn: Any, pair: Pair, settings: Settings) -> Future[Any]:
        return super().submit(self._match, pair)

    def _match(self, pair: Pair) -> RangeImage:
        self.begun.append(int(pair.left[0, 0, 0]))
        self.entered.set()
        assert self.go_on.wait(20)
        if pair.left_info is None:
            raise ZeroDivisionError("no left camera")
        return DISTANCES


@dataclass
class Rig:
    ranges: RangeInput
    node: Subscribing
    matching: Matching
    arrivals: list[str]

    def begin(self, second: int, left_info: CameraInfo | None = CameraInfo()) -> Frame:  # noqa: B008 - never changed
        """A left picture whose pixels say which it is."""
        message = Image()
        message.header.stamp.sec = second
        frame = Frame("", message, 0.0)
        frame.image, frame.rectified = np.full((4, 6, 3), second, np.uint8), False
        self.ranges.expect(frame)
        self.ranges.begin(frame, left_info)
        return frame

    def right(self, second: int) -> None:
        message = Image(header=Header())
        message.header.stamp.sec = second
        self.node.callbacks["right/image_raw"](message)


@pytest.fixture
def rig() -> Iterator[Rig]:
    matching, node, arrivals = Matching(), Subscribing(("right/image_raw",)), []
    settings: Any = SimpleNamespace(current=Settings())
    complaints = Complaints(lambda text: pytest.fail(text))
    ranges = RangeInput(node.listen, settings, lambda: {OBSTACLES_JSON}, matching, complaints)
    ranges.subscribe(lambda: arrivals.append(threading.current_thread().name))
    node.callbacks["right/camera_info"](CameraInfo())
    yield Rig(ranges, node, matching, arrivals)
    matching.go_on.set()
    matching.shutdown()


def test_a_pair_is_matched_once_both_halves_are_there(rig: Rig) -> None:
    rig.matching.go_on.set()
    frame = rig.begin(1)
    assert frame.distances is None
    assert rig.ranges.find(frame) is None
    before = len(rig.arrivals)
    rig.right(1)
    assert frame.distances is not None
    assert frame.distances.result(20) is DISTANCES
    found = rig.ranges.find(frame)
    assert found is not None
    assert (found.source, found.ranges, found.why_not) == ("stereo", DISTANCES, "")
    rig.ranges.done(frame)
    assert len(rig.arrivals) >= before + 2  # of the message, and of the outcome


def test_a_pair_that_fails_says_why_and_the_next_is_matched(rig: Rig) -> None:
    rig.matching.go_on.set()
    failed = rig.begin(1, None)
    rig.right(1)
    assert failed.distances is not None
    failed.distances.exception(20)
    found = rig.ranges.find(failed)
    assert found is not None
    assert (found.ranges, found.why_not) == (None, "ZeroDivisionError: no left camera")
    frame = rig.begin(2)
    rig.right(2)
    assert frame.distances is not None
    assert frame.distances.result(20) is DISTANCES


def test_the_newest_pair_wins_and_the_one_at_work_is_finished(rig: Rig) -> None:
    frames = []
    for second in (1, 2, 3):
        frames.append(rig.begin(second))
        rig.right(second)
        assert rig.matching.entered.wait(20)
    tickets = [frame.distances for frame in frames]
    assert [ticket is not None and ticket.cancelled() for ticket in tickets] == [False, True, False]
    assert rig.ranges.find(frames[1]) is None
    rig.matching.go_on.set()
    for ticket in (tickets[0], tickets[2]):
        assert ticket is not None
        assert ticket.result(20) is DISTANCES
    assert rig.matching.begun == [1, 3]


def test_right_halves_that_come_frames_later_find_theirs(rig: Rig) -> None:
    rig.matching.go_on.set()
    frames = [rig.begin(second) for second in (1, 2, 3, 4)]
    for second in (1, 2, 4, 3):
        rig.right(second)
        ticket = frames[second - 1].distances
        if second != 3:
            assert ticket is not None
            assert ticket.result(20) is DISTANCES
    assert frames[2].distances is None  # the newer one was there first
    assert rig.matching.begun == [1, 2, 4]


def test_a_frame_that_is_done_leaves_no_work_behind(rig: Rig) -> None:
    rig.begin(1)
    rig.right(1)
    assert rig.matching.entered.wait(20)
    waiting = rig.begin(2)
    rig.right(2)
    rig.ranges.done(waiting)
    assert waiting.distances is not None
    assert waiting.distances.cancelled()
    halved = rig.begin(3)
    rig.ranges.done(halved)
    rig.right(3)
    assert halved.distances is None


def test_distances_of_another_size_are_refused(rig: Rig) -> None:
    rig.matching.go_on.set()
    frame = rig.begin(1)
    frame.image = frame.image[:, :5]
    rig.right(1)
    assert frame.distances is not None
    frame.distances.result(20)
    found = rig.ranges.find(frame)
    assert found is not None
    assert found.why_not == "stereo is 6x4, the image 5x4"
