"""The node `tuner`: a web page that shows what a segmenter sees, and tunes it while it runs.

While no page is open it subscribes to nothing, so that the segmenter makes nothing for it.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from numpy.typing import NDArray
from rclpy.clock import Clock
from rclpy.exceptions import NameValidationException
from rclpy.node import Node
from rclpy.subscription import Subscription
from std_msgs.msg import String

from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.distributions import ClockType
from densehybrid_ros.nodes.common.parameters import declare_settings
from densehybrid_ros.nodes.common.running import run_node
from densehybrid_ros.nodes.common.topics import message_type, quality_of
from densehybrid_ros.nodes.tuner.frames import Frame
from densehybrid_ros.nodes.tuner.guarding import guard_for
from densehybrid_ros.nodes.tuner.histogram import curve_from
from densehybrid_ros.nodes.tuner.parameter_file import parameter_file
from densehybrid_ros.nodes.tuner.remote import RemoteParameters
from densehybrid_ros.nodes.tuner.rendering import Style
from densehybrid_ros.nodes.tuner.server import PageServer
from densehybrid_ros.nodes.tuner.settings import TunerSettings
from densehybrid_ros.nodes.tuner.watching import CameraWatch
from densehybrid_ros.nodes.tuner.workbench import Workbench
from densehybrid_ros.topics import DIAGNOSTICS, MODEL, PARAMETER_EVENTS, Topic

PERIOD = 0.5
"""s between two messages about the state of things."""
LINGER = 3.0
"""s without a page after which nothing is listened to any more; a page that is loaded anew is back by then."""
SILENCE = 3.0
"""s without diagnostics after which the segmenter is taken for gone."""
GREYS = [[round(2.5 * index)] * 3 for index in range(100)]
"""A palette for weights that have not said theirs."""


class TunerNode(Node):
    """See the module's text. Pages call from the server's thread, the workbench from its own."""

    def __init__(self) -> None:
        super().__init__("tuner")
        settings = self._settings = declare_settings(self, TunerSettings)
        os.nice(settings.niceness)
        self._complaints = Complaints(self.get_logger().warning)
        self._alone_since: float | None = None
        self._listening: list[Subscription] = []
        self._cameras: dict[str, CameraWatch] = {}
        """Replaced whole: other threads look at it."""
        self._statuses: dict[str, DiagnosticStatus] = {}
        self._heard_at = -SILENCE
        """Steady time of the last diagnostics, s."""
        self._model: dict[str, Any] = {}
        self._score = ""
        """The one that the histograms are of."""
        self._tasks: deque[Callable[[], object]] = deque()
        self._wake = self.create_guard_condition(self._run_tasks)
        try:
            self._remote = RemoteParameters(self, settings.node, self._parameters_changed)
            self._segmenter = self.resolve_topic_name(settings.node)
        except NameValidationException as error:
            raise SetupError(f"node '{settings.node}' cannot be part of a topic; give a node's name") from error
        self._workbench = Workbench(settings.rate, settings.width, self._finished, self._complaints.throttled)
        guard = guard_for(settings.host, settings.names)
        self._server = PageServer(self, guard, settings.host, settings.port, settings.quality)
        self.create_timer(PERIOD, self._attend, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"tuning {self._segmenter} at {self._server.url}")
        self._tell_parameters()

    def end(self) -> None:
        """Closes the pages."""
        self._server.stop()
        self._workbench.close()

    def audience(self, pages: int) -> None:
        self._soon(lambda: self._count_pages(pages))

    def set_parameter(self, name: str, value: Any) -> Future[tuple[bool, str]]:
        future: Future[tuple[bool, str]] = Future()

        def answer(done: bool, reason: str) -> None:
            if not future.done():
                future.set_result((done, reason))

        self._soon(lambda: self._remote.set(name, value, answer))
        return future

    def frames(self) -> dict[str, list[Frame]]:
        now = time.monotonic()
        return {name: camera.history.shown(now) for name, camera in self._cameras.items()}

    def style(self, camera: str) -> Style:
        palette = self._model.get("palette", GREYS)
        alpha = float(self._remote.value("overlay_alpha", Style.alpha))
        watch = self._cameras.get(camera)
        limits = None if watch is None else watch.histogram.limits
        return Style(palette, alpha, limits or Style.heat_range)

    def parameter_text(self) -> str:
        known = dict(self._remote.known)
        return parameter_file(self._segmenter, known.values()) if known else ""

    def _soon(self, task: Callable[[], object]) -> None:
        """In the executor's thread, from any other."""
        self._tasks.append(task)
        self._wake.trigger()

    def _run_tasks(self) -> None:
        while self._tasks:
            self._tasks.popleft()()

    def _count_pages(self, pages: int) -> None:
        self._alone_since = None if pages else time.monotonic()
        if pages and not self._listening:
            self._listen()

    def _listen(self) -> None:
        self._hear(DIAGNOSTICS, self._diagnosed)
        self._hear(PARAMETER_EVENTS, self._remote.heard)
        self._hear(MODEL, self._introduced, MODEL.under(self._settings.node))
        self._attend()

    def _hear(self, topic: Topic, callback: Callable[[Any], None], name: str = "") -> None:
        made = self.create_subscription(message_type(topic.kind), name or topic.name, callback, quality_of(topic))
        self._listening.append(made)

    def _leave(self) -> None:
        """Nobody looks."""
        while self._listening:
            self.destroy_subscription(self._listening.pop())
        for camera in self._cameras.values():
            camera.close()
        self._remote.forget()
        self._statuses, self._heard_at = {}, -SILENCE

    def _attend(self) -> None:
        """Twice a second."""
        if not self._listening:
            return
        now = time.monotonic()
        if self._alone_since is not None and now - self._alone_since > LINGER:
            self._leave()
            return
        gone = self._is_gone()
        if gone and self._remote.known:
            self._remote.forget()
        self._remote.attend(there=not gone)
        for camera in self._cameras.values():
            camera.adapt()
            self._server.frame_arrived(camera.name)  # one that has waited long enough for its obstacles
        self._server.publish(self._state())

    def _is_gone(self) -> bool:
        return time.monotonic() - self._heard_at > SILENCE

    def _diagnosed(self, message: DiagnosticArray) -> None:
        """The segmenter's own status, and one of each named camera."""
        own = f"{self._segmenter}: "
        found = {each.name.removeprefix(own): each for each in message.status if each.name.startswith(own)}
        whole = next((each for each in message.status if each.name == self._segmenter), None)
        if whole is None:
            return
        self._statuses, self._heard_at = {"": whole, **found}, time.monotonic()
        self._watch_cameras()

    def _watch_cameras(self) -> None:
        """Makes the watches of cameras that the segmenter has now, and lets them listen where its images come from."""
        names = self._remote.value("cameras", [])
        for name in names:
            if name not in self._cameras:
                self._cameras = {**self._cameras, name: self._made_watch(name)}
                self._renew_histograms()
            topic = _values(self._statuses.get(name)).get("image_topic", "")
            if topic:
                self._cameras[name].listen(topic)
        for name in self._cameras.keys() - set(names) if names else ():
            self._cameras[name].close()
            self._cameras = {each: watch for each, watch in self._cameras.items() if each != name}

    def _made_watch(self, name: str) -> CameraWatch:
        length, give, renewed = self._settings.history, self._workbench.put, self._server.frame_arrived
        return CameraWatch(self, self._settings.node, name, length, give, renewed)

    def _introduced(self, message: String) -> None:
        """The segmenter was configured: other weights, perhaps other parameters."""
        self._model = json.loads(message.data)
        self._server.publish({"type": "model", **self._model})
        self._remote.forget()
        self._renew_histograms()

    def _parameters_changed(self) -> None:
        if self._remote.value("score", self._score) != self._score:
            self._score = self._remote.value("score", "")
            self._renew_histograms()
        self._watch_cameras()
        self._tell_parameters()

    def _renew_histograms(self) -> None:
        stored = self._model.get("calibration", {}).get(self._score)
        for camera in self._cameras.values():
            camera.expect(None if stored is None else curve_from(stored))

    def _tell_parameters(self) -> None:
        listed = [vars(each) for each in self._remote.known.values()]
        self._server.publish({"type": "parameters", "parameters": listed})

    def _state(self) -> dict[str, Any]:
        whole = self._statuses.get("")
        status = None if self._is_gone() else whole
        return {
            "type": "state",
            "segmenter": {
                "name": self._segmenter,
                "there": status is not None,
                "level": 2 if status is None else status.level[0],
                "message": "no diagnostics come: it is not running, or has another name"
                if status is None
                else status.message,
                "values": _values(status),
            },
            "left_out": self._workbench.left_out,
            "score": self._score,
            "cameras": [self._camera_state(each) for each in self._cameras.values()],
        }

    def _camera_state(self, camera: CameraWatch) -> dict[str, Any]:
        status = self._statuses.get(camera.name)
        return {
            "name": camera.name,
            "level": 0 if status is None else status.level[0],
            "message": "" if status is None else status.message,
            "values": _values(status),
            "kept": len(camera.history.shown(time.monotonic())),
            "histogram": camera.histogram.content(),
        }

    def _finished(self, frame: Frame, score: NDArray[np.float32]) -> None:
        """A frame leaves the workbench, in its thread."""
        camera = self._cameras.get(frame.camera)
        if camera is not None:
            camera.keep(frame, score)
            self._server.frame_arrived(frame.camera)


def _values(status: DiagnosticStatus | None) -> dict[str, str]:
    return {} if status is None else {pair.key: pair.value for pair in status.values}


def main(arguments: list[str] | None = None) -> None:
    run_node(TunerNode, lambda node: None, TunerNode.end, arguments=arguments, survives=True)
