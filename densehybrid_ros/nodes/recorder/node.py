"""The node `recorder`: pairs images, ground truth and the segmenter's answers by stamp and keeps what they show.

Images count from when it hears the segmenter. It writes overlays as `overlays/NNNN.jpg`, `overlay.mp4`, and at the end
`summary.json`. Latency runs from the reception of the image here to the reception of its open-set map here, on the
steady clock.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rclpy.clock import Clock
from rclpy.node import Node
from sensor_msgs.msg import Image

from densehybrid_ros.convert.images import array_from_image, rgb_from_image
from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import make_folder, write_whole
from densehybrid_ros.labels import CAMVID_CLASSES, CAMVID_UNKNOWN, binary_truth, relabelled
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.segmentation import ConfusionMatrix
from densehybrid_ros.metrics.summary import summarise
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.distributions import ClockType, publisher_count
from densehybrid_ros.nodes.common.parameters import declare_settings
from densehybrid_ros.nodes.common.running import run_node
from densehybrid_ros.nodes.common.topics import patient_subscription
from densehybrid_ros.nodes.recorder.settings import RecorderSettings
from densehybrid_ros.nodes.recorder.video import Video
from densehybrid_ros.pictures import write_picture
from densehybrid_ros.taxonomies import prediction_table
from densehybrid_ros.topics import ANOMALY, DIAGNOSTICS, IMAGE, OPEN_SET, OVERLAY, SEMANTIC, TRUTH, Topic

Stamp = tuple[int, int]
ANSWERS = (SEMANTIC, ANOMALY, OPEN_SET, OVERLAY)
MAX_PENDING = 60
"""Frames that wait for the rest of their answers; older ones are given up."""
VIDEO_WIDTH = 960
POLL = 0.05
"""s between looks for the segmenter."""


@dataclass
class Pending:
    """What has come of one frame so far."""

    received: float
    """Steady time, s."""
    parts: dict[Topic, Image] = field(default_factory=dict)


class RecorderNode(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("recorder")
        settings = declare_settings(self, RecorderSettings)
        self._out = Path(settings.out)
        self._pending: dict[Stamp, Pending] = {}
        self._early: dict[Stamp, dict[Topic, Image]] = {}
        self._latencies: list[float] = []
        self._frames_in = 0
        self._threshold: float | None = None
        self._ranking, self._confusion = RankingPool(), ConfusionMatrix(CAMVID_UNKNOWN)
        self._table = prediction_table(list(filter(None, settings.classes)) or CAMVID_CLASSES, CAMVID_CLASSES)
        """Of the semantic map, into the classes of the ground truth; None where no map between the two is known."""
        self._complaints = Complaints(self.get_logger().warning)
        self._video: Video | None = None
        self._written = 0
        make_folder(self._out / "overlays")
        patient_subscription(self, TRUTH, partial(self._part, TRUTH))
        self._answers = [
            patient_subscription(self, topic, partial(self._part, topic), topic.under(settings.node))
            for topic in ANSWERS
        ]
        patient_subscription(self, DIAGNOSTICS, self._diagnostics)
        self._listening = False
        self._search = self.create_timer(POLL, self._look_for_answers, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _look_for_answers(self) -> None:
        """Subscribes to images when all answers are heard: a player that waits for subscribers starts no sooner.

        Every two nodes find one another at their own time: a player may know us and the segmenter before we know that.
        """
        if not self._missing():
            self.destroy_timer(self._search)
            patient_subscription(self, IMAGE, self._image)
            self._listening = True

    def _missing(self) -> list[str]:
        """Topics of answers that nobody publishes."""
        return [answer.topic_name for answer in self._answers if not publisher_count(self, answer)]

    def _image(self, message: Image) -> None:
        self._frames_in += 1
        stamp = _stamp(message)
        self._pending[stamp] = Pending(time.monotonic())
        early = self._early.pop(stamp, {})
        for topic in (TRUTH, *ANSWERS):  # the last answer completes the frame, with or without truth
            if topic in early:
                self._part(topic, early[topic])
        while len(self._pending) > MAX_PENDING:
            self._pending.pop(next(iter(self._pending)))

    def _part(self, topic: Topic, message: Image) -> None:
        stamp = _stamp(message)
        pending = self._pending.get(stamp)
        if pending is None:
            # the topics are independent: truth often overtakes its image
            self._early.setdefault(stamp, {})[topic] = message
            while len(self._early) > MAX_PENDING:
                self._early.pop(next(iter(self._early)))
            return
        pending.parts[topic] = message
        if topic is OPEN_SET:
            self._latencies.append((time.monotonic() - pending.received) * 1000)
        if all(answer in pending.parts for answer in ANSWERS):
            self._complete(self._pending.pop(stamp))

    def _complete(self, frame: Pending) -> None:
        """Everything of one frame is there (ground truth is sent before its image)."""
        drawn = rgb_from_image(frame.parts[OVERLAY])
        truth_message = frame.parts.get(TRUTH)
        if truth_message is not None:
            truth = array_from_image(truth_message).view(np.uint8)
            self._compare(frame, truth)
        self._write(drawn)

    def _compare(self, frame: Pending, truth: NDArray[np.uint8]) -> None:
        score = array_from_image(frame.parts[ANOMALY]).view(np.float32)
        if score.shape != truth.shape:
            sizes = " and ".join(f"{width}x{height}" for height, width in (truth.shape, score.shape))
            hint = "set output_size of the segmenter to image"
            self._complaints.once("size", f"truth and score are of {sizes} and not compared; {hint}")
            return
        self._ranking.add(score, binary_truth(truth, CAMVID_UNKNOWN))
        if self._table is not None:
            semantic = array_from_image(frame.parts[SEMANTIC]).view(np.uint8)
            self._confusion.add(relabelled(semantic, self._table), truth)

    def _write(self, drawn: NDArray[np.uint8]) -> None:
        picture = cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)
        path = self._out / "overlays" / f"{self._written:04d}.jpg"
        write_picture(path, picture, quality=95)
        height, width = picture.shape[:2]
        size = (VIDEO_WIDTH, round(height * VIDEO_WIDTH / width / 2) * 2)
        if self._video is None:
            self._video = Video(self._out / "overlay.mp4", size, rate=10.0)
        self._video.add(picture)
        self._written += 1

    def _diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            for pair in status.values:
                if pair.key == "threshold":
                    self._threshold = float(pair.value)

    def finish(self) -> None:
        """Closes the video and writes the summary, each whatever becomes of the other."""
        missing = ", ".join(self._missing())
        if missing and not self._listening:
            self.get_logger().warning(f"no image was counted: nobody published {missing}; is `node` the segmenter's?")
        try:
            self._finish_video()
        except SetupError:
            with suppress(SetupError):  # the first error is the one to be shown
                self._write_summary()
            raise
        self._write_summary()

    def _finish_video(self) -> None:
        if self._video is not None:
            self._video.finish()

    def _write_summary(self) -> None:
        summary = summarise(self._frames_in, self._latencies, self._threshold, self._ranking, self._confusion)
        write_whole(self._out / "summary.json", json.dumps(summary, indent=2) + "\n")


def _stamp(message: Image) -> Stamp:
    return message.header.stamp.sec, message.header.stamp.nanosec


def main(arguments: list[str] | None = None) -> None:
    run_node(RecorderNode, lambda node: None, RecorderNode.finish, arguments=arguments)
