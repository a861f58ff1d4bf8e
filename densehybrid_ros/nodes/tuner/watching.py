"""What is listened to of one camera while a page is open."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import String

from densehybrid_ros.nodes.common.inlets import Inlet
from densehybrid_ros.nodes.common.stamps import nanoseconds
from densehybrid_ros.nodes.tuner.frames import NEEDED, Frame, History, Messages, PartMatcher
from densehybrid_ros.nodes.tuner.histogram import Curve, ScoreHistogram
from densehybrid_ros.topics import COMPRESSED, IMAGE, OBSTACLES_JSON, Topic

MAPS = tuple(topic for topic in NEEDED if topic is not IMAGE)
Give: TypeAlias = Callable[[str, int, Messages], None]
"""Takes all that has come of an image: camera, stamp in ns, messages."""
DEPTH = 5
"""Messages of a topic that may wait: those of one image come one after the other."""


class CameraWatch:
    """Subscriptions, the matching of their messages, and the last frames. In the executor's thread, but for `keep`."""

    def __init__(
        self, node: Node, segmenter: str, name: str, length: int, give: Give, renewed: Callable[[str], None]
    ) -> None:
        """
        Args:
            segmenter: its node's name.
            name: of the camera, "" = the one without.
            length: frames that are kept.
            renewed: hears of obstacles that have come of a frame that may have been shown.
        """
        self.name = name
        self.history = History(length)
        self._length = length
        self._node, self._segmenter, self._give, self._renewed = node, segmenter, give, renewed
        self._matcher = PartMatcher()
        self._inlets: list[Inlet] = []
        self._image_topic = ""
        self.histogram = ScoreHistogram(length)
        """Replaced whole when the score or the weights change."""

    def expect(self, curve: Curve | None) -> None:
        """Another score or other weights: the histogram begins anew, before that calibration."""
        self.histogram = ScoreHistogram(self._length, curve)

    def listen(self, image_topic: str) -> None:
        """Subscribes, or anew where the images come from another topic now.

        Args:
            image_topic: where the segmenter takes them from, with its namespace.
        """
        if image_topic == self._image_topic and self._inlets:
            return
        self.close()
        self._image_topic = image_topic
        kind = IMAGE.compressed.kind if image_topic.endswith(COMPRESSED) else IMAGE.kind
        self._hear(replace(IMAGE, name=image_topic, kind=kind), partial(self._take, IMAGE))
        for topic in MAPS:
            self._hear(self._answer(topic), partial(self._take, topic))
        self._hear(self._answer(OBSTACLES_JSON), self._describe)

    def close(self) -> None:
        """Ends the subscriptions; what was seen stays."""
        while self._inlets:
            self._inlets.pop().close()
        self._matcher = PartMatcher()

    def adapt(self) -> None:
        """To be called a few times a second: subscribes as the publishers offer."""
        for inlet in self._inlets:
            inlet.adapt()

    def keep(self, frame: Frame, score: NDArray[np.float32]) -> None:
        """One frame more, in the workbench's thread."""
        if self.history.put(frame):
            self.histogram.add(score)

    def _answer(self, topic: Topic) -> Topic:
        return replace(topic, name=topic.under(self._segmenter, self.name), depth=DEPTH, private=False)

    def _hear(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        self._inlets.append(Inlet(self._node, topic, "", callback))

    def _take(self, topic: Topic, message: Any) -> None:
        stamp = nanoseconds(message.header.stamp)
        if topic is IMAGE and self._matcher.restarts(stamp):
            self.history.clear()
        messages = self._matcher.offer(topic, stamp, message)
        if messages is not None:
            self._give(self.name, stamp, messages)

    def _describe(self, message: String) -> None:
        content = json.loads(message.data)
        stamp = content["stamp"]
        self.history.describe(nanoseconds(Time(sec=stamp["sec"], nanosec=stamp["nanosec"])), content)
        self._renewed(self.name)
