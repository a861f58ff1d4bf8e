"""The node `player`: publishes a folder, video, bag or Roadworld as a camera.

Beside the images whatever the input knows: calibration, disparity, right images, ground truth; of a bag also depth; the
time with `publish_clock`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from rclpy.clock import Clock
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool

from densehybrid_ros.convert.images import FrameError
from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.common.distributions import ClockType
from densehybrid_ros.nodes.common.parameters import declare_settings
from densehybrid_ros.nodes.common.running import run_node
from densehybrid_ros.nodes.common.topics import message_type, publisher, wait_for_arrival
from densehybrid_ros.nodes.player.messages import decoded, frame_messages, restamped, stamp_of
from densehybrid_ros.nodes.player.settings import PlayerSettings
from densehybrid_ros.playback.played import PlayedFrame, PlayedMessage
from densehybrid_ros.playback.sources import open_source
from densehybrid_ros.topics import ANOMALY_TRUTH, CLOCK, COMPRESSED, IMAGE, PAUSE

SETTLE = 2.0
"""s between finding the nodes that were waited for and the first frame: discovery is not yet mutual then."""
POLL = 0.005
"""s between looks at what is due."""
QUALITY = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)
Played = PlayedFrame | PlayedMessage


class PlayerNode(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("player")
        settings = self._settings = declare_settings(self, PlayerSettings)
        size = (settings.width, settings.height)
        self._source = open_source(settings.input, self.get_logger().warning, size, settings.stereo, settings)
        self._by_topic = {
            topic: self.create_publisher(message_type(kind), topic, QUALITY)
            for topic, kind in {**self._source.topics, IMAGE.name: IMAGE.kind}.items()
        }
        self._images = self._by_topic[IMAGE.name]
        self._clock_topic = publisher(self, CLOCK) if settings.publish_clock else None
        self.create_service(SetBool, PAUSE, self._pause)
        if settings.lockstep:
            self.create_subscription(Image, settings.lockstep, self._answered, QUALITY)
        self._paused = bool(settings.start_paused)
        self._paused_at = 0.0
        self._frames: Iterator[Played] = self._stream()
        self._next: Played | None = None
        self._shift: int | None = None
        """ns by which recorded stamps are moved in this pass."""
        self._published = 0
        self._start, self._made = time.time(), time.monotonic()
        self._began: float | None = None
        self._found = 0.0
        self._waiting_for: tuple[int, int] | None = None
        self._last_published = 0.0
        self.finished = False
        self.create_timer(POLL, self._poll, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"playing {self._source.description}")

    def _stream(self) -> Iterator[Played]:
        """Everything with rising times, of one pass or of endless ones."""
        offset, rate = 0.0, self._settings.rate
        number = 0
        while True:
            last, begun = 0.0, number
            self._shift = None
            for item in self._source.frames():
                last = item.time
                yield replace(item, time=number / rate if rate else offset + item.time)
                number += isinstance(item, PlayedFrame)
            if number == begun:
                raise SetupError(f"{self._source.description}: not one frame can be played")
            if not self._settings.loop:
                return
            offset += last + 0.1

    def _poll(self) -> None:
        """Publishes the next frame when it is due."""
        now = time.monotonic()
        if self.finished or self._paused or not self._ready(now):
            return
        if self._next is None:
            limit = self._settings.frames
            self._next = None if limit and self._published >= limit else next(self._frames, None)
            if self._next is None:
                if not self._waits_for_answer(now) and now - self._last_published >= self._settings.linger:
                    self.finished = True
                    self.get_logger().info(f"played {self._published} frames")
                return
        if self._began is None:
            self._began = now - self._next.time
        if isinstance(self._next, PlayedMessage):
            if self._settings.lockstep or now >= self._began + self._next.time:
                self._publish_message(self._next)
                self._next = None
            return
        if self._settings.lockstep:
            if self._waits_for_answer(now):
                return
        elif now < self._began + self._next.time:
            return
        self._publish(self._next)
        self._next = None
        self._published += 1
        self._last_published = now

    def _waits_for_answer(self, now: float) -> bool:
        """Whether the last frame's answer is still to come, and its time is not up."""
        if not self._settings.lockstep or self._waiting_for is None:
            return False
        return now - self._last_published < self._settings.lockstep_timeout

    def _ready(self, now: float) -> bool:
        """Whether all that is waited for is there; once playing has begun it goes on."""
        if self._published:
            return True
        settings = self._settings
        missing = self._missing()
        if not missing:
            self._found = self._found or now
            waited = settings.wait_for_subscribers or settings.wait_for_evaluator or settings.lockstep
            return now - self._found >= (SETTLE if waited else 0)
        if settings.wait_timeout and now - self._made > settings.wait_timeout:
            raise SetupError(f"after {settings.wait_timeout:g} s {' and '.join(missing)}")
        return False

    def _missing(self) -> list[str]:
        """What is waited for and not there, in words."""
        settings, missing = self._settings, list[str]()
        wanted, there = settings.wait_for_subscribers, self._images.get_subscription_count()
        if there < wanted:
            missing.append(f"{there} of {wanted} nodes subscribe to {IMAGE.name}")
        truth = self._by_topic.get(ANOMALY_TRUTH.name)
        if settings.wait_for_evaluator and truth is not None and truth.get_subscription_count() == 0:
            missing.append(f"no evaluator subscribes to {ANOMALY_TRUTH.name}")
        if settings.lockstep and self.count_publishers(settings.lockstep) == 0:
            missing.append(f"nothing publishes {settings.lockstep}")
        return missing

    def finish(self) -> None:
        """Waits until what was played has arrived; not where the player is stopped before its end."""
        if self.finished:
            wait_for_arrival(self, [*self._by_topic.values(), *([self._clock_topic] if self._clock_topic else [])])

    def _publish(self, frame: PlayedFrame) -> None:
        now = Time(seconds=self._start) + Duration(seconds=frame.time)
        if frame.stamp:  # an unset one tells nothing
            stamp = Time(nanoseconds=frame.stamp + self._shift_of(frame.stamp, frame.time)).to_msg()
        else:
            stamp = now.to_msg()
        header = Header(stamp=stamp, frame_id=frame.frame_id or self._settings.frame_id)
        if self._clock_topic is not None:
            self._clock_topic.publish(ClockMessage(clock=stamp))
        self._waiting_for = (stamp.sec, stamp.nanosec)
        for topic, message in frame_messages(frame, header):
            self._by_topic[topic].publish(message)

    def _publish_message(self, message: PlayedMessage) -> None:
        """As it was recorded, but for its stamp, which moves with those of the images; pictures are decoded."""
        stamp = stamp_of(message.data)
        data = restamped(message.data, self._shift_of(stamp, message.time) if stamp else 0)
        if not message.topic.endswith(COMPRESSED):
            self._by_topic[message.topic].publish(data)
            return
        try:
            image = decoded(data)
        except FrameError as error:
            self.get_logger().warning(f"a message of {message.topic} is passed over: {error}")
            return
        self._by_topic[message.topic.removesuffix(COMPRESSED)].publish(image)

    def _shift_of(self, stamp: int, time: float) -> int:
        """ns; the first stamp of a pass sets it for the whole pass, so that what belongs together stays so."""
        if self._settings.keep_stamps:
            return 0
        if self._shift is None:
            self._shift = round((self._start + time) * 1e9) - stamp
        return self._shift

    def _answered(self, message: Image) -> None:
        if (message.header.stamp.sec, message.header.stamp.nanosec) == self._waiting_for:
            self._waiting_for = None

    def _pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        now = time.monotonic()
        if request.data and not self._paused:
            self._paused_at = now
        elif self._paused and not request.data:
            # the pause does not count: without this, all frames that fell due in it would come at once
            self._began = None if self._began is None else self._began + now - self._paused_at
        self._paused = bool(request.data)
        response.success, response.message = True, "paused" if self._paused else "playing"
        return response


def main(arguments: list[str] | None = None) -> None:
    run_node(PlayerNode, lambda node: None, PlayerNode.finish, lambda node: node.finished, arguments)
