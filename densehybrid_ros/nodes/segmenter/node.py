"""The lifecycle node `densehybrid`: images in; maps, overlay and obstacles out.

configure loads and warms up the weights, activate subscribes, deactivate unsubscribes, cleanup frees the device. With
the parameter `autostart` (default true) the node configures and activates itself. One network serves all `cameras`:
every step takes the newest frame of each camera that has one. Every output carries the header of its image.
"""

from __future__ import annotations

import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from std_srvs.srv import SetBool

from densehybrid_ros.core.device_faults import DeviceLost, OutOfDeviceMemory
from densehybrid_ros.core.devices import missing_gpu, release_cached_memory
from densehybrid_ros.core.heap import keep_freed_memory
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.common.background import finished, in_background
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.distributions import ClockType
from densehybrid_ros.nodes.common.overrides import useless_overrides
from densehybrid_ros.nodes.common.running import NodeFailed, run_node
from densehybrid_ros.nodes.common.topics import publisher
from densehybrid_ros.nodes.segmenter.camera import Camera
from densehybrid_ros.nodes.segmenter.frame import Dropped, Frame
from densehybrid_ros.nodes.segmenter.health.changes import Changes
from densehybrid_ros.nodes.segmenter.health.diagnostics import diagnostics_message, findings_of
from densehybrid_ros.nodes.segmenter.health.engine_news import EngineNews
from densehybrid_ros.nodes.segmenter.health.statistics import FrameStatistics
from densehybrid_ros.nodes.segmenter.live_settings import LiveSettings
from densehybrid_ros.nodes.segmenter.loading import Loader, loaded
from densehybrid_ros.nodes.segmenter.outputs.model_info import publish_model
from densehybrid_ros.nodes.segmenter.outputs.transforms import Transforms
from densehybrid_ros.nodes.segmenter.pipeline import Pipeline
from densehybrid_ros.nodes.segmenter.reporting import Condition, Reporter, facts, verdict
from densehybrid_ros.nodes.segmenter.work import MOST_EXHAUSTED, FrameWork
from densehybrid_ros.topics import DIAGNOSTICS, ENABLE, SEGMENTER

REPORT_PERIOD, ATTEND_PERIOD = 1.0, 0.2
"""s between two diagnostics, and between two looks at who listens and who publishes."""
PATIENCE = 0.5
"""s for each thread of a process that is to end."""


class SegmenterNode(LifecycleNode):
    """See the module's text."""

    def __init__(self, load: Loader = Segmenter.load) -> None:
        """
        Args:
            load: gives the segmenter for a weights file, a device, a precision, an inference width and an engine. A
                test passes one whose segmenters fail.
        """
        super().__init__(SEGMENTER)
        self._load = load
        self._complaints = Complaints(self.get_logger().error)
        self._engine_news = EngineNews(self.get_logger().warning, self.get_logger().info)
        self._loading: Future[Segmenter] | None = None
        self._configured = ExitStack()
        """Takes back what `_configure` has done, last things first."""
        self._segmenter: Segmenter | None = None
        self._cameras: dict[str, Camera] = {}
        self._statistics: dict[str, FrameStatistics] = {}
        """By camera; kept when the node is cleaned up and configured anew."""
        self._pipeline: Pipeline[Frame] | None = None
        self._enabled = True
        self._finalized = False
        self._reporter = Reporter()
        self._changes = Changes(self.get_logger().warning, self.get_logger().info)
        self._lost: DeviceLost | None = None
        """Found while the node was configured."""
        self._trouble = ""
        """Why the node is not active although it was to be; empty where all is well."""
        self._settings = LiveSettings(self, self._settings_changed)
        self._remarks, self._missing_gpu = useless_overrides(self), ""
        self._diagnostics: Publisher = publisher(self, DIAGNOSTICS)
        self._after_fault = self.create_guard_condition(self._handle_fault)
        self.create_service(SetBool, ENABLE, self._enable)
        self._change_state_at_once = self._service_change_state.callback
        self._service_change_state.callback = self._change_state
        # a group of its own: while a state changes, all else is answered
        self._service_change_state.callback_group = MutuallyExclusiveCallbackGroup()
        self._service_change_state.callback_group.add_entity(self._service_change_state)
        # the steady clock: also while simulated time stands still
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(REPORT_PERIOD, self._report, clock=steady)
        self.create_timer(ATTEND_PERIOD, self._attend, clock=steady)

    def begin(self) -> None:
        """Configures and activates as a task of the executor, where `autostart` says so.

        The task raises SetupError where that fails and `must_start` is set.
        """
        assert self.executor is not None
        if self._settings.current.autostart:
            self.executor.create_task(self._start)

    async def _start(self) -> None:
        if await self.configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()
        if self._trouble and self._settings.current.must_start and self._lost is None:
            raise SetupError(self._trouble)

    async def configure(self) -> TransitionCallbackReturn:
        """As `trigger_configure`, but the executor goes on while the weights are loaded."""
        machine = self._state_machine
        number, label = machine.current_state
        before = LifecycleState(label, number)
        if before.state_id != State.PRIMARY_STATE_UNCONFIGURED:
            return self.trigger_configure()  # which refuses it
        machine.trigger_transition_by_id(Transition.TRANSITION_CONFIGURE, True)
        self._loading = self._begin_loading()
        await finished(self._loading)
        result = self.on_configure(before)
        machine.trigger_transition_by_label(result.to_label(), True)
        return result

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Takes the loaded network, or waits for it; FAILURE with one ERROR line where the weights cannot be used."""
        loading, self._loading = self._loading or self._begin_loading(), None
        try:
            segmenter = self._configure(loading.result())
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
        self._missing_gpu = missing_gpu(settings.device)
        if self._missing_gpu:
            self.get_logger().warning(self._missing_gpu)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Takes images from now on, whenever somebody listens."""
        try:
            self._begin_work()
        except Exception as error:  # rclpy would swallow it without a word
            self.stop_work()
            self._complain(f"not activated: {type(error).__name__}: {error}")
            return TransitionCallbackReturn.FAILURE
        topics = ", ".join(camera.image_topic() for camera in self._cameras.values())
        self.get_logger().info(f"activated: images come from {topics}")
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribes, and waits for the frames at work."""
        self.stop_work()
        self.get_logger().info("deactivated")
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Frees the network and the publishers."""
        self._configured.close()
        self.get_logger().info("cleaned up: unconfigured")
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Ends the work from any state."""
        self._end_work()
        self._finalized = True
        self.get_logger().info("finalized: shut down by request; only a new process works again")
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """A transition failed with an exception: back to unconfigured."""
        self._complain(f"failed in state {state.label}")
        self._end_work()
        return TransitionCallbackReturn.SUCCESS

    def _end_work(self) -> None:
        self.stop_work()
        self._configured.close()

    async def _change_state(self, request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
        wanted = request.transition
        if wanted.label == "configure" or (not wanted.label and wanted.id == Transition.TRANSITION_CONFIGURE):
            response.success = await self.configure() == TransitionCallbackReturn.SUCCESS
            return response
        return self._change_state_at_once(request, response)

    def _begin_loading(self) -> Future[Segmenter]:
        assert self.executor is not None
        self._settings.hold()
        self._configured.callback(self._settings.release)
        return in_background(partial(loaded, self._load, self._settings.current), self.executor.wake)

    def _configure(self, segmenter: Segmenter) -> Segmenter:
        """Makes what exists while the node is configured; beside each thing stands how it goes."""
        settings, undo = self._settings.current, self._configured.callback
        self._segmenter = segmenter
        undo(self._unload)
        self._settings.bind(segmenter)
        undo(self.destroy_publisher, publish_model(self, segmenter.info))
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
        self._segmenter.close()
        device, self._segmenter = self._segmenter.device, None
        release_cached_memory(device)

    def _begin_work(self) -> None:
        assert self._segmenter is not None
        work = FrameWork(self._segmenter, self._cameras, self._settings, self.get_clock())
        self._pipeline = Pipeline(work.infer, work.publish, work.look_after)
        self._pipeline.fault.add_done_callback(lambda fault: self._after_fault.trigger())
        self._trouble = ""
        for camera in self._cameras.values():
            camera.subscribe(self._pipeline)

    def leave(self) -> None:
        """Ends the work, and waits for frames that are in the network no longer than a process may that is to end."""
        self.stop_work(PATIENCE)

    def stop_work(self, patience: float | None = None) -> None:
        """Ends subscriptions and threads; harmless where there are none.

        Args:
            patience: s to wait for frames at work; None = until they are done.
        """
        for camera in self._cameras.values():
            camera.unsubscribe()
        if self._pipeline is not None:
            for frame in self._pipeline.stop(patience):
                frame.fault = Dropped("dropped_stale")
                self._cameras[frame.camera].end(frame)
            self._pipeline = None
        for camera in self._cameras.values():
            camera.ranges.unsubscribe()

    def _complain(self, trouble: str) -> None:
        self._trouble = trouble
        self.get_logger().error(trouble)

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """While the node is disabled no images are taken; frames on their way are counted as unwanted."""
        self._enabled = request.data
        for camera in self._cameras.values():
            camera.enabled = request.data
        self._attend()
        response.success, response.message = True, "enabled" if request.data else "disabled"
        return response

    def _settings_changed(self) -> None:
        self._announce_threshold()
        if self._pipeline is not None:
            self._pipeline.wake()

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

    def _attend(self) -> None:
        """An exception that left a timer's callback would end rclpy's spin."""
        try:
            for camera in self._cameras.values():
                camera.attend()
        except Exception as error:
            self._complaints.once((type(error), "attend"), f"inputs: {error}\n{traceback.format_exc()}")

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
            enabled=self._enabled,
            trouble=self._trouble,
            finalized=self._finalized,
            remarks=tuple(filter(None, (*self._remarks, self._missing_gpu))),
        )
        if self._segmenter is not None:
            self._engine_news.note(self._segmenter.engine, self._segmenter.engine_warnings)
        reports = self._reporter.reports(self._cameras.values(), condition)
        for report in reports:
            self._changes.note(report.name, findings_of(report))
        stamp = self.get_clock().now().to_msg()
        message = diagnostics_message(
            self.get_fully_qualified_name(), stamp, verdict(condition), facts(condition), reports
        )
        self._diagnostics.publish(message)


def main(arguments: list[str] | None = None, load: Loader = Segmenter.load) -> None:
    keep_freed_memory()
    run_node(lambda: SegmenterNode(load), SegmenterNode.begin, SegmenterNode.leave, arguments=arguments, survives=True)
