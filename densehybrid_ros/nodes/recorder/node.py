"""The node `recorder`: pairs images, ground truth and the segmenter's answers by stamp and keeps what they show.

Writes overlays as `overlays/NNNN.jpg`, `overlay.mp4`, and at the end `summary.json`. Latency runs from the reception
of the image here to the reception of its open-set map here, on the steady clock.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import Image

from densehybrid_ros.convert.images import array_from_image, rgb_from_image
from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import write_whole
from densehybrid_ros.labels import binary_truth
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.segmentation import ConfusionMatrix
from densehybrid_ros.metrics.summary import summarise
from densehybrid_ros.nodes.common.parameters import declare_settings
from densehybrid_ros.nodes.common.running import run_node
from densehybrid_ros.nodes.common.topics import patient_subscription
from densehybrid_ros.nodes.recorder.settings import RecorderSettings
from densehybrid_ros.pictures import write_picture
from densehybrid_ros.topics import ANOMALY, DIAGNOSTICS, IMAGE, OPEN_SET, OVERLAY, SEMANTIC, TRUTH, Topic

Stamp = tuple[int, int]
ANSWERS = (SEMANTIC, ANOMALY, OPEN_SET, OVERLAY)
MAX_PENDING = 60
"""Frames that wait for the rest of their answers; older ones are given up."""
VIDEO_WIDTH = 960


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
        self._video_path = self._out / "overlay.mp4"
        self._pending: dict[Stamp, Pending] = {}
        self._early: dict[Stamp, dict[Topic, Image]] = {}
        self._latencies: list[float] = []
        self._frames_in = 0
        self._threshold: float | None = None
        self._ranking, self._confusion = RankingPool(), ConfusionMatrix(settings.classes)
        self._video: cv2.VideoWriter | None = None
        self._written = 0
        try:
            (self._out / "overlays").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"folder {self._out} cannot be made: {error.strerror}; give another --out") from error
        patient_subscription(self, IMAGE, self._image)
        patient_subscription(self, TRUTH, partial(self._part, TRUTH))
        for topic in ANSWERS:
            patient_subscription(self, topic, partial(self._part, topic), topic.under(settings.node))
        patient_subscription(self, DIAGNOSTICS, self._diagnostics)

    def _image(self, message: Image) -> None:
        self._frames_in += 1
        stamp = _stamp(message)
        self._pending[stamp] = Pending(time.monotonic())
        for topic, early in self._early.pop(stamp, {}).items():
            self._part(topic, early)
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
            score = array_from_image(frame.parts[ANOMALY]).view(np.float32)
            self._ranking.add(score, binary_truth(truth, self._confusion.classes))
            self._confusion.add(array_from_image(frame.parts[SEMANTIC]).view(np.uint8), truth)
        self._write(drawn)

    def _write(self, drawn: NDArray[np.uint8]) -> None:
        picture = cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)
        path = self._out / "overlays" / f"{self._written:04d}.jpg"
        write_picture(path, picture, quality=95)
        height, width = picture.shape[:2]
        size = (VIDEO_WIDTH, round(height * VIDEO_WIDTH / width / 2) * 2)
        if self._video is None:
            self._video = cv2.VideoWriter(str(self._video_path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, size)
            self._video_size = size
            if not self._video.isOpened():
                raise SetupError(f"{self._video_path} cannot be written: this OpenCV has no mp4v encoder")
        self._video.write(cv2.resize(picture, self._video_size, interpolation=cv2.INTER_AREA))
        self._written += 1

    def _diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            for pair in status.values:
                if pair.key == "threshold":
                    self._threshold = float(pair.value)

    def finish(self) -> None:
        """Closes the video and writes the summary."""
        if self._video is not None:
            self._video.release()
        summary = summarise(self._frames_in, self._latencies, self._threshold, self._ranking, self._confusion)
        write_whole(self._out / "summary.json", json.dumps(summary, indent=2) + "\n")


def _stamp(message: Image) -> Stamp:
    return message.header.stamp.sec, message.header.stamp.nanosec


def main(arguments: list[str] | None = None) -> None:
    run_node(RecorderNode, lambda node: None, RecorderNode.finish, arguments=arguments)
