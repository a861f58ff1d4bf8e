"""Frames that wait for their distances, on a clock of our own: late, lost, missing and too many."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.player.messages import camera_info_message, disparity_message
from densehybrid_ros.nodes.segmenter.camera import RECTIFIED
from densehybrid_ros.nodes.segmenter.distances import range_input, range_work
from densehybrid_ros.nodes.segmenter.distances.range_input import RangeInput
from densehybrid_ros.nodes.segmenter.distances.range_work import MOST_WAITING, RangeWork
from densehybrid_ros.nodes.segmenter.frame import Frame
from densehybrid_ros.nodes.segmenter.outputs.obstacle_outputs import Omitted
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.topics import OBSTACLES_JSON, Topic

UNKNOWN = 11
CAMERA = Pinhole(fx=50.0, fy=50.0, cx=31.5, cy=23.5, baseline=0.5, width=64, height=48)
PERIOD, STEP, INFERENCE = 1 / 6, 0.01, 0.05
"""s"""
DISPARITY = np.full((48, 64), 2.5, np.float32)
"""px; everything is 10 m away."""


@dataclass
class Rig:
    """One camera at 6 Hz, whose disparities come `delays` later; a lost one has None."""

    work: RangeWork
    ranges: RangeInput
    callbacks: dict[str, Callable[[Any], None]]
    now: list[float]
    calibration: CameraInfo
    settings: Settings
    out: list[tuple[int, str, float | None, list[float | None]]] = field(default_factory=list)
    """Of each frame that went out: number, why_not, delay, ranges."""
    latency: dict[int, float] = field(default_factory=dict)
    """s from the image to its obstacles, by number."""
    most: int = 0
    """Frames that waited at the same time."""

    def run(self, delays: list[float | None], period: float = PERIOD) -> None:
        events: list[tuple[float, Callable[[], None]]] = []
        for number, delay in enumerate(delays, 1):
            begin, frame = number * period, self.frame(number, number * period)
            events += [(begin, lambda frame=frame: self.ranges.expect(frame))]
            events += [(begin + INFERENCE, lambda frame=frame: self.masks_are_out(frame))]
            if delay is not None:
                events += [(begin + delay, lambda number=number: self.callbacks["disparity"](disparity(number)))]
        for at, event in sorted(events, key=lambda each: each[0]):
            self.pass_time(at)
            event()
            self.look()
        self.pass_time(self.now[0] + 11)

    def frame(self, number: int, taken_at: float) -> Frame:
        frame = Frame("", Image(header=header(number)), taken_at)
        open_set = np.zeros((48, 64), np.uint8)
        open_set[10:30, 20:40] = UNKNOWN
        scene: Any = SimpleNamespace(open_set=open_set, score=np.ones((48, 64), np.float32))
        frame.scene = scene
        frame.rectified = self.settings.rectified
        frame.image, frame.map_size, frame.settings = np.zeros((48, 64, 3), np.uint8), (48, 64), self.settings
        frame.wanted, frame.camera_info = frozenset({OBSTACLES_JSON}), self.calibration
        return frame

    def masks_are_out(self, frame: Frame) -> None:
        frame.published_at = self.now[0]
        self.work.add(frame)

    def pass_time(self, until: float) -> None:
        while self.now[0] < until:
            self.now[0] = min(self.now[0] + STEP, until)
            self.look()

    def look(self) -> None:
        """As the publishing thread does it."""
        while (frame := self.work.ready(closing=False)) is not None:
            self.work.publish(frame)
            self.ranges.done(frame)
        self.most = max(self.most, len(self.work._waiting))


def header(number: int) -> Header:
    made = Header()
    made.stamp.sec, made.stamp.nanosec = divmod(round(number * 1e9 / 6), 1_000_000_000)
    return made


def disparity(number: int) -> Any:
    return disparity_message(DISPARITY, CAMERA, header(number))


@pytest.fixture
def make_rig(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Rig]:
    def make(known_from: float = 0.0, **changes: Any) -> Rig:
        """known_from: time, s, from which TF knows the transforms."""
        now, settings, callbacks = [0.0], replace(Settings(), **changes), {}
        for module in (range_input, range_work):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))

        def listen(topic: Topic, callback: Callable[[Any], None]) -> Any:
            callbacks[topic.name] = callback
            return SimpleNamespace(publishers=lambda: int(topic.name == "disparity"))

        def keep(frame: Frame, seen: Any, source: str, why_not: str, delay: float | None) -> Omitted:
            number = round(frame.stamp * 6 / 1e9)
            rig.latency[number] = now[0] - frame.taken_at
            rig.out.append((number, why_not, delay, [each.range for each in seen.obstacles]))
            return Omitted()

        calibration = camera_info_message(CAMERA, Header(), 0.0)
        live: Any = SimpleNamespace(current=settings)
        complaints = Complaints(lambda text: pytest.fail(text))
        wanted: Any = lambda: {OBSTACLES_JSON}  # noqa: E731
        ranges = RangeInput(listen, live, wanted, ThreadPoolExecutor(1), complaints)
        ranges.subscribe(lambda: None)
        obstacles = SimpleNamespace(publish=keep, lacks_transform=lambda frame: now[0] < known_from)
        outputs: Any = SimpleNamespace(obstacles=obstacles, publish_overlay=lambda frame, obstacles, with_ranges: None)
        rig = Rig(RangeWork(ranges, outputs, UNKNOWN, [3]), ranges, callbacks, now, calibration, settings)
        return rig

    return make


@pytest.mark.parametrize("delay", [-0.02, 0.0, 0.08, 0.25, 0.4])
def test_disparity_later_than_a_frame_gives_ranges_in_order(make_rig: Callable[..., Rig], delay: float) -> None:
    rig = make_rig()
    rig.run([delay] * 30)
    assert [number for number, *_ in rig.out] == list(range(1, 31))
    assert {why_not for _, why_not, *_ in rig.out} == {""}
    assert all(ranges == [pytest.approx(10.0)] for *_, ranges in rig.out)
    assert all(told == pytest.approx(max(delay, 0.0), abs=STEP) for _, _, told, _ in rig.out)
    assert rig.most <= 4
    assert rig.work.report.delay == pytest.approx(max(delay, 0.0), abs=STEP)


def test_what_comes_later_than_range_wait_is_given_up_and_named(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(range_wait=0.3)
    rig.run([0.7] * 12)
    assert [number for number, *_ in rig.out] == list(range(1, 13))
    assert all((delay, ranges) == (None, [None]) for _, _, delay, ranges in rig.out)
    assert "the last disparity came 0.70 s after its image" in rig.out[-1][1]
    assert "range_wait 0.3 s" in rig.work.report.status
    assert rig.most <= 3


def test_without_range_wait_obstacles_go_out_with_the_masks(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(range_wait=0.0)
    rig.run([0.04, 0.06, 0.04])
    assert [ranges for *_, ranges in rig.out] == [[pytest.approx(10.0)], [None], [pytest.approx(10.0)]]


def test_a_lost_disparity_holds_up_nothing_newer(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.run([0.1, None, 0.1, 0.1])
    assert [(number, bool(delay)) for number, _, delay, _ in rig.out] == [(1, True), (2, False), (3, True), (4, True)]
    assert rig.out[1][1] == "no disparity has the stamp of the image"
    assert [rig.latency[number] for number in (1, 3, 4)] == pytest.approx([0.1] * 3, abs=STEP)
    assert rig.latency[2] == pytest.approx(PERIOD + 0.1, abs=STEP)  # until those of the next one came


def test_frames_that_wait_are_bounded_and_all_go_out(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(range_wait=10.0)
    rig.run([None] * 100, period=0.02)
    assert rig.most == MOST_WAITING
    assert [number for number, *_ in rig.out] == list(range(1, 101))


def test_obstacles_wait_for_a_late_transform_and_no_longer_than_is_allowed(make_rig: Callable[..., Rig]) -> None:
    in_time = make_rig(known_from=PERIOD + 0.2)
    in_time.run([0.0] * 3)
    assert in_time.latency[1] == pytest.approx(0.2, abs=STEP)
    assert in_time.latency[3] == pytest.approx(INFERENCE, abs=STEP)
    never = make_rig(known_from=1e9, transform_wait=0.1)
    never.run([0.0] * 3)
    assert list(never.latency.values()) == pytest.approx([INFERENCE + 0.1] * 3, abs=2 * STEP)


@pytest.mark.parametrize("rectified", [False, True])
def test_a_distorted_camera_gives_metres_only_where_images_are_rectified(
    make_rig: Callable[..., Rig], rectified: bool
) -> None:
    rig = make_rig(rectified=rectified)
    rig.calibration.d = [-0.37, 0.2, 0.0, 0.0, 0.0]
    rig.run([0.0] * 3)
    expected = pytest.approx(10.0) if rectified else None
    assert [ranges for *_, ranges in rig.out] == [[expected]] * 3
    assert ("distorted" in rig.work.report.trouble) is not rectified


def test_another_aspect_ratio_gives_no_metres(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(rectified=True)
    rig.calibration.height = 36
    rig.run([0.0] * 3)
    assert [ranges for *_, ranges in rig.out] == [[None]] * 3
    assert "aspect ratio" in rig.work.report.status


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("/camera/image_rect", True),
        ("/camera/image_rect_color/compressed", True),
        ("/zed/rgb/color/rect/image", True),
        ("/left/image_rectified", True),
        ("/camera/image_raw", False),
        ("/unrectified/direct/image", False),
    ],
)
def test_names_of_topics_of_rectified_images(name: str, known: bool) -> None:
    assert (RECTIFIED.search(name) is not None) is known
