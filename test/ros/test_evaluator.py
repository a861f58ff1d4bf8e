"""The evaluator in its own process: its table is that of the frames that were published, each once."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.convert.images import image_message
from densehybrid_ros.metrics.by_range import RangeTable, range_of_disparity, table_dict, table_text

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]
SHAPE = (60, 80)
FOCAL_LENGTH, BASELINE, MIN_DISPARITY = 500.0, 0.2, 1.0


class Frame:
    """Score, truth and disparity of one second."""

    def __init__(self, second: int, shape: tuple[int, int] = SHAPE) -> None:
        rng = np.random.default_rng(second)
        self.second = second
        self.truth = rng.choice([0, 1, 255], shape).astype(np.uint8)
        self.score = (rng.normal(0, 2, shape) + (self.truth == 1)).astype(np.float32)
        self.disparity = rng.uniform(-1, 25, shape).astype(np.float32)

    @property
    def metres(self) -> np.ndarray:
        return range_of_disparity(self.disparity, FOCAL_LENGTH, BASELINE, MIN_DISPARITY)

    @property
    def header(self) -> Header:
        header = Header(frame_id="camera")
        header.stamp.sec, header.stamp.nanosec = self.second, 500
        return header


class Stage:
    """Publishes what the evaluator listens to, and keeps its reports."""

    def __init__(self, probe: Probe) -> None:
        self.probe, node = probe, probe.node
        quality = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        self.scores = node.create_publisher(Image, "densehybrid/anomaly/image_raw", quality)
        self.truths = node.create_publisher(Image, "ground_truth/anomaly/image_raw", quality)
        self.disparities = node.create_publisher(DisparityImage, "disparity", quality)
        latched = QoSProfile(
            depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        self.reports: list[dict[str, Any]] = []
        self.subscription = node.create_subscription(
            String, "/evaluator/report", lambda message: self.reports.append(json.loads(message.data)), latched
        )

    def wait(self) -> None:
        """Until the evaluator hears all topics and is heard."""
        publishers = (self.scores, self.truths, self.disparities)
        self.probe.spin_until(lambda: all(each.get_subscription_count() > 0 for each in publishers), "the evaluator")
        self.probe.spin_until(lambda: len(self.reports) > 0, "a report")

    def score(self, frame: Frame) -> None:
        self.scores.publish(image_message(frame.score, "32FC1", frame.header))

    def truth(self, frame: Frame, encoding: str = "mono8") -> None:
        self.truths.publish(image_message(frame.truth, encoding, frame.header))

    def disparity(self, frame: Frame) -> None:
        image = image_message(frame.disparity, "32FC1", frame.header)
        message = DisparityImage(header=frame.header, image=image, f=FOCAL_LENGTH, t=BASELINE)
        message.min_disparity = MIN_DISPARITY
        self.disparities.publish(message)

    def all(self, frame: Frame) -> None:
        """The truth before and the disparity after the score, slowly enough for queues of ten."""
        self.truth(frame)
        self.score(frame)
        self.disparity(frame)
        self.probe.spin_for(0.05)

    def wait_for(self, **counts: int) -> dict[str, Any]:
        """The first report with these counts of frames."""

        def fits() -> bool:
            return counts.items() <= self.reports[-1]["frames"].items()

        self.probe.spin_until(fits, f"{counts}; last report: {self.reports[-1]['frames']}")
        return self.reports[-1]


@pytest.fixture
def stage(probe: Probe) -> Iterator[Stage]:
    made = Stage(probe)
    yield made
    for publisher in (made.scores, made.truths, made.disparities):
        probe.node.destroy_publisher(publisher)
    probe.node.destroy_subscription(made.subscription)


def direct_table(frames: list[Frame], without_range: tuple[int, ...] = ()) -> RangeTable:
    table = RangeTable()
    for frame in frames:
        table.add(frame.score, frame.truth, None if frame.second in without_range else frame.metres)
    return table


def assert_written(out: Path, table: RangeTable) -> dict[str, int]:
    """The files hold the table; gives the counts of frames."""
    written, expected = json.loads(out.read_text()), table_dict(table.rows())
    assert {name: written[name] for name in expected} == expected
    text = out.with_suffix(".txt").read_text()
    assert text.startswith(table_text(table.rows()))
    assert sorted(path.name for path in out.parent.glob("table*")) == ["table.json", "table.txt"]
    return written["frames"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_table_is_that_of_the_published_frames_and_a_loop_does_not_count_twice(
    start: Start, stage: Stage, tmp_path: Path, number: int
) -> None:
    out = tmp_path / "table.json"
    evaluator = start("evaluator", f"out:={out}", "period:=0.3")
    stage.wait()
    frames = [Frame(second) for second in range(100, 106)]
    for frame in frames:
        stage.all(frame)
    first = stage.wait_for(judged=6, repeated=0, unmatched=0, refused=0, without_range=0, waiting=0)
    table = direct_table(frames)
    assert {name: first[name] for name in table_dict(table.rows())} == table_dict(table.rows())
    for frame in frames:
        stage.all(frame)
    again = stage.wait_for(repeated=6)
    assert again["by_range"] == first["by_range"]
    assert evaluator.stop(number) == 0
    counts = assert_written(out, table)
    assert counts == {"judged": 6, "repeated": 6, "unmatched": 0, "refused": 0, "without_range": 0, "waiting": 0}
    assert "6 frames: AP" in evaluator.output
    assert table_text(table.rows()) in evaluator.output
    assert "Traceback" not in evaluator.output


def test_wrong_messages_are_counted_and_complained_of_once(start: Start, stage: Stage, tmp_path: Path) -> None:
    out = tmp_path / "table.json"
    evaluator = start("evaluator", f"out:={out}", "period:=0.3")
    stage.wait()
    good = [Frame(second) for second in (1, 20)]
    stage.all(good[0])
    for second in (2, 3):
        stage.truth(Frame(second, (SHAPE[0], SHAPE[1] - second)))
        stage.score(Frame(second))
        stage.disparity(Frame(second))
    stage.truth(Frame(4), "8UC1")
    stage.score(Frame(4))
    stage.disparity(Frame(4))
    stage.score(Frame(5))  # without a truth
    stage.all(good[1])
    stage.wait_for(judged=2, refused=3)
    assert evaluator.stop() == 0
    counts = assert_written(out, direct_table(good))
    assert (counts["refused"], counts["unmatched"]) == (3, 1)
    assert evaluator.output.count("frame not judged: ValueError: truth must be") == 1
    assert "truth with encoding '8UC1' is not supported" in evaluator.output


def test_it_stops_when_nothing_comes_and_judges_what_waits_for_its_disparity(
    start: Start, stage: Stage, tmp_path: Path
) -> None:
    out = tmp_path / "table.json"
    evaluator = start("evaluator", f"out:={out}", "period:=0.3", "idle_timeout:=2")
    stage.wait()
    stage.probe.spin_for(2.5)  # the wait for the first score has no limit
    assert evaluator.process.poll() is None
    frames = [Frame(second) for second in range(5)]
    for frame in frames:
        stage.score(frame)
        stage.truth(frame)
        if frame.second != 3:
            stage.disparity(frame)
    stage.wait_for(judged=4, waiting=1)
    assert evaluator.process.wait(timeout=60) == 0
    counts = assert_written(out, direct_table(frames, without_range=(3,)))
    assert (counts["judged"], counts["without_range"]) == (5, 1)


def test_it_stops_after_so_many_frames(start: Start, stage: Stage, tmp_path: Path) -> None:
    out = tmp_path / "table.json"
    evaluator = start("evaluator", f"out:={out}", "frames:=3", "period:=0.3")
    stage.wait()
    stage.probe.node.destroy_publisher(stage.disparities)  # so that nothing is worth waiting for
    frames = [Frame(second) for second in range(5)]
    for frame in frames:
        stage.truth(frame)
        stage.score(frame)
    assert evaluator.process.wait(timeout=60) == 0
    assert assert_written(out, direct_table(frames[:3], without_range=(0, 1, 2)))["judged"] == 3


@pytest.mark.parametrize(
    ("parameter", "problem"),
    [
        ("out:=/nowhere/table.json", "in a folder that does not exist"),
        ("out:=table.txt", "let it end in .json"),
        ("period:=0.0", "period cannot be set"),
        ("frames:=-1", "frames cannot be set"),
        ("sync_tolerance:=soon", "sync_tolerance must be of type float"),
        ("node:='two words'", "cannot be part of a topic"),
    ],
)
def test_wrong_parameters_end_with_one_line(start: Start, parameter: str, problem: str) -> None:
    evaluator = start("evaluator", parameter)
    assert evaluator.process.wait(timeout=60) == 2
    assert problem in evaluator.output
    assert "Traceback" not in evaluator.output
