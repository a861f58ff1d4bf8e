"""The lifecycle node `densehybrid`: images in; maps, overlay and obstacles out.

configure loads and warms up the weights, activate subscribes, deactivate unsubscribes, cleanup frees the device. With
the parameter `autostart` (default true) the node configures and activates itself. One network serves all `cameras`:
every step takes the newest frame of each camera that has one. Every output carries the header of its image.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeAlias

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from std_srvs.srv import SetBool

from densehybrid_ros.core.device_faults import DeviceLost, OutOfDeviceMemory
from densehybrid_ros.core.devices import release_cached_memory
from densehybrid_ros.core.heap import keep_freed_memory
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.running import NodeFailed, run_node
from densehybrid_ros.nodes.common.topics import publisher
from densehybrid_ros.nodes.segmenter.camera import Camera
from densehybrid_ros.nodes.segmenter.frame import Dropped, Frame
from densehybrid_ros.nodes.segmenter.health.diagnostics import diagnostics_message
from densehybrid_ros.nodes.segmenter.health.statistics import FrameStatistics
from densehybrid_ros.nodes.segmenter.live_settings import LiveSettings
from densehybrid_ros.nodes.segmenter.outputs.transforms import Transforms
from densehybrid_ros.nodes.segmenter.pipeline import Pipeline
from densehybrid_ros.nodes.segmenter.reporting import Condition, Reporter, facts, verdict
from densehybrid_ros.nodes.segmenter.work import MOST_EXHAUSTED, FrameWork
from densehybrid_ros.topics import DIAGNOSTICS, ENABLE, SEGMENTER

Loader: TypeAlias = Callable[[str, str, str, int], Segmenter]
REPORT_PERIOD = 1.0
"""s between two diagnostics."""


class SegmenterNode(LifecycleNode):
    """See the module's text."""

    def __init__(self, load: Loader = Segmenter.load) -> None:
        """
        Args:
            load: gives the segmenter for a weights file, a device, a precision and an inference width. A test passes
                one whose segmenters fail.
        """
        super().__init__(SEGMENTER)
        self._load = load
        self._complaints = Complaints(self.get_logger().error)
        self._configured = ExitStack()
        """Takes back what `_configure` has done, last things first."""
        self._segmenter: Segmenter | None = None
        self._cameras: dict[str, Camera] = {}
        self._statistics: dict[str, FrameStatistics] = {}
        """By camera; kept when the node is cleaned up and configured anew."""
        self._pipeline: Pipeline[Frame] | None = None
        self._enabled = True
        self._activated = 0.0
        self._reporter = Reporter()
        self._lost: DeviceLost | None = None
        """Found while the node was configured."""
        self._trouble = ""
        """Why the node is not active although it was to be; empty where all is well."""
        self._settings = LiveSettings(self, self._announce_threshold)
        self._diagnostics: Publisher = publisher(self, DIAGNOSTICS)
        self._after_fault = self.create_guard_condition(self._handle_fault)
        self.create_service(SetBool, ENABLE, self._enable)
        # the steady clock: also while simulated time stands still
        self.create_timer(REPORT_PERIOD, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def begin(self) -> None:
        """Configures and activates, where `autostart` says so.

        Raises:
            SetupError: that failed, and `must_start` is set.
        """
        settings = self._settings.current
        if settings.autostart and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()
        if self._trouble and settings.must_start and self._lost is None:
            raise SetupError(self._trouble)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads the weights, checks their hash, warms up; FAILURE with one ERROR line where they cannot be used."""
        try:
            segmenter = self._configure()
        except Exception as error:
            if isinstance(error, DeviceLost):  # what leaves this callback would end it, and not the process
                self._lost = error
                self._after_fault.trigger()
            known = isinstance(error, SetupError | OutOfDeviceMemory | DeviceLost)
            self._complain(f"not configured: {error if known else f'{type(error).__name__}: {error}'}")
            self._configured.close()
            return TransitionCallbackReturn.FAILURE
        settings, self._trouble = self._settings.current, ""
        self._announce_threshold()
        self.get_logger().info(
            f"configured: {segmenter.info.architecture} with {segmenter.classes} classes on {segmenter.device}, "
            f"threshold {settings.threshold:g} on score {settings.score}"
        )
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribes."""
        try:
            self._begin_work()
        except Exception as error:  # rclpy would swallow it without a word
            self.stop_work()
            self._complain(f"not activated: {type(error).__name__}: {error}")
            return TransitionCallbackReturn.FAILURE
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribes, and waits for the frames at work."""
        self.stop_work()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Frees the network and the publishers."""
        self._configured.close()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Ends the work from any state."""
        self.stop_work()
        self._configured.close()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """A transition failed with an exception: back to unconfigured."""
        self._complain(f"failed in state {state.label}")
        return self.on_shutdown(state)

    def _configure(self) -> Segmenter:
        """Makes what exists while the node is configured; beside each thing stands how it goes."""
        settings, undo = self._settings.current, self._configured.callback
        segmenter = self._segmenter = self._load(
            settings.model_path, settings.device, settings.precision, settings.inference_width
        )
        undo(self._unload)
        width = segmenter.inference_width or 640
        segmenter.warm_up(width * 3 // 4, width, settings.warmup_iterations, len(settings.cameras))
        undo(self._settings.release)
        self._settings.bind(segmenter)
        matching = ThreadPoolExecutor(1, "stereo")
        undo(matching.shutdown, cancel_futures=True)
        transforms: Transforms | None = None
        if settings.target_frame:
            transforms = Transforms(self, settings.target_frame)
            undo(transforms.destroy)
        undo(self._cameras.clear)
        for name in settings.cameras:
            statistics = self._statistics.setdefault(name, FrameStatistics())
            camera = self._cameras[name] = Camera(
                self, name, self._settings, segmenter.info, statistics, self._complaints, matching, transforms
            )
            camera.enabled = self._enabled
            undo(camera.destroy)
        return segmenter

    def _unload(self) -> None:
        assert self._segmenter is not None
        device, self._segmenter = self._segmenter.device, None
        release_cached_memory(device)

    def _begin_work(self) -> None:
        assert self._segmenter is not None
        work = FrameWork(self._segmenter, self._cameras, self._settings, self.get_clock())
        self._pipeline = Pipeline(work.infer, work.publish, work.publish_obstacles)
        self._pipeline.fault.add_done_callback(lambda fault: self._after_fault.trigger())
        self._activated, self._trouble = time.monotonic(), ""
        for camera in self._cameras.values():
            camera.subscribe(self._pipeline)

    def stop_work(self) -> None:
        """Ends subscriptions and threads; harmless where there are none."""
        for camera in self._cameras.values():
            camera.unsubscribe()
        if self._pipeline is not None:
            for frame in self._pipeline.stop():
                frame.fault = Dropped("dropped_stale")
                self._cameras[frame.camera].end(frame)
            self._pipeline = None
        for camera in self._cameras.values():
            camera.ranges.unsubscribe()

    def _complain(self, trouble: str) -> None:
        self._trouble = trouble
        self.get_logger().error(trouble)

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Frames that come while the node is disabled are counted as unwanted."""
        self._enabled = request.data
        for camera in self._cameras.values():
            camera.enabled = request.data
        response.success, response.message = True, "enabled" if request.data else "disabled"
        return response

    def _announce_threshold(self) -> None:
        for camera in self._cameras.values():
            camera.outputs.publish_threshold(self._settings.current.threshold)

    def _handle_fault(self) -> None:
        """An exhausted device ends the work; a lost one, or a dead thread, the process: launch starts it anew."""
        fault: BaseException | None = self._lost
        if self._pipeline is not None and self._pipeline.fault.done():
            fault = self._pipeline.fault.exception()
        if isinstance(fault, OutOfDeviceMemory):
            self._complain(f"deactivated: {fault}, {MOST_EXHAUSTED} times in a row; free memory and activate again")
            self.trigger_deactivate()
        elif fault is not None:
            raise NodeFailed(str(fault) if isinstance(fault, DeviceLost) else f"{type(fault).__name__}: {fault}")

    def _report(self) -> None:
        """Once a second; an exception that left this callback would end rclpy's spin."""
        try:
            self._publish_diagnostics()
        except Exception as error:
            self._complaints.once(type(error), f"no diagnostics: {error}\n{traceback.format_exc()}")

    def _publish_diagnostics(self) -> None:
        condition = Condition(
            self._settings.current,
            self._segmenter,
            active=self._pipeline is not None,
            activated=self._activated,
            enabled=self._enabled,
            trouble=self._trouble,
        )
        reports = self._reporter.reports(self._cameras.values(), condition)
        stamp = self.get_clock().now().to_msg()
        message = diagnostics_message(
            self.get_fully_qualified_name(), stamp, verdict(condition), facts(condition), reports
        )
        self._diagnostics.publish(message)


def main(arguments: list[str] | None = None, load: Loader = Segmenter.load) -> None:
    keep_freed_memory()
    run_node(
        lambda: SegmenterNode(load), SegmenterNode.begin, SegmenterNode.stop_work, arguments=arguments, survives=True
    )
