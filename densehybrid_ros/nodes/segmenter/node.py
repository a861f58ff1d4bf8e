"""The lifecycle node `densehybrid`: images in; maps, overlay and obstacles out.

configure loads and warms up the weights, activate subscribes, deactivate unsubscribes, cleanup frees the device. With
the parameter `autostart` (default true) the node configures and activates itself. One network serves all `cameras`:
every step takes the newest frame of each camera that has one. Every output carries the header of its image.
"""

from __future__ import annotations

import time
import traceback

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
from densehybrid_ros.nodes.segmenter.camera_input import CameraInput, Taken
from densehybrid_ros.nodes.segmenter.distances.range_input import RangeInput
from densehybrid_ros.nodes.segmenter.distances.range_work import RangeWork
from densehybrid_ros.nodes.segmenter.distances.stereo_work import StereoWork
from densehybrid_ros.nodes.segmenter.frame_work import MOST_EXHAUSTED, FrameWork
from densehybrid_ros.nodes.segmenter.frames import Answer, Camera
from densehybrid_ros.nodes.segmenter.health.diagnostics import diagnostics_message
from densehybrid_ros.nodes.segmenter.health.reporting import Condition, Reporter, facts, verdict
from densehybrid_ros.nodes.segmenter.health.statistics import FrameStatistics
from densehybrid_ros.nodes.segmenter.live_settings import LiveSettings
from densehybrid_ros.nodes.segmenter.outputs.camera_outputs import CameraOutputs, needs_obstacles
from densehybrid_ros.nodes.segmenter.outputs.transforms import Transforms
from densehybrid_ros.nodes.segmenter.pipeline import Pipeline
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.ranging.survey import drivable_ids
from densehybrid_ros.topics import DIAGNOSTICS, ENABLE, SEGMENTER

REPORT_PERIOD = 1.0
"""s between two diagnostics."""


class SegmenterNode(LifecycleNode):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__(SEGMENTER)
        self._complaints = Complaints(self.get_logger().error)
        self._segmenter: Segmenter | None = None
        self._cameras: dict[str, Camera] = {}
        self._statistics: dict[str, FrameStatistics] = {}
        """By camera; kept when the node is cleaned up and configured anew."""
        self._pipeline: Pipeline[Taken, Answer] | None = None
        self._stereo: StereoWork | None = None
        self._transforms: Transforms | None = None
        self._enabled = True
        self._activated = 0.0
        self._reporter = Reporter()
        self._failure: Exception | None = None
        self._trouble = ""
        """Why the node is not active although it was to be; empty where all is well."""
        self._settings = LiveSettings(self, self._announce_threshold)
        self._diagnostics: Publisher = publisher(self, DIAGNOSTICS)
        self._after_fault = self.create_guard_condition(self._handle_fault)
        self.create_service(SetBool, ENABLE, self._enable)
        # the steady clock: also while simulated time stands still
        self.create_timer(REPORT_PERIOD, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def begin(self) -> None:
        """Configures and activates, where `autostart` says so."""
        if self._settings.current.autostart and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads the weights, checks their hash, warms up; FAILURE with one ERROR line where they cannot be used."""
        settings = self._settings.current
        try:
            segmenter = Segmenter.load(
                settings.model_path, settings.device, settings.precision, settings.inference_width
            )
            width = segmenter.inference_width or 640
            segmenter.warm_up(width * 3 // 4, width, settings.warmup_iterations, len(settings.cameras))
            self._settings.bind(segmenter)
            self._segmenter = segmenter
            self._stereo = StereoWork(lambda: self._settings.current)
            self._transforms = Transforms(self, settings.target_frame) if settings.target_frame else None
            for name in settings.cameras:
                self._cameras[name] = self._make_camera(name, segmenter)
        except DeviceLost as error:
            self._give_up(error)
            return self._fail(f"not configured: {error}")
        except (SetupError, OutOfDeviceMemory) as error:
            return self._fail(f"not configured: {error}")
        except Exception as error:  # a QoS override that rclpy refuses, say
            return self._fail(f"not configured: {type(error).__name__}: {error}")
        self._trouble = ""
        self._announce_threshold()
        self.get_logger().info(
            f"configured: {segmenter.info.architecture} with {segmenter.classes} classes on {segmenter.device}, "
            f"threshold {self._settings.current.threshold:g} on score {settings.score}"
        )
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribes."""
        try:
            self._begin_work()
        except Exception as error:  # rclpy would swallow it without a word
            self.stop_work()
            self._trouble = f"not activated: {type(error).__name__}: {error}"
            self.get_logger().error(self._trouble)
            return TransitionCallbackReturn.FAILURE
        return super().on_activate(state)

    def _begin_work(self) -> None:
        assert self._segmenter is not None
        work = FrameWork(
            self._segmenter,
            self._cameras,
            lambda: self._settings.current,
            lambda: self.get_clock().now().nanoseconds,
            self._complaints,
            self._give_up,
        )
        pipeline = self._pipeline = Pipeline(
            work.infer, work.publish, work.drop_stale, self._give_up, work.publish_obstacles
        )
        assert self._stereo is not None
        self._stereo.matched = pipeline.wake
        self._activated, self._trouble = time.monotonic(), ""

        def deliver(taken: Taken) -> None:
            self._cameras[taken.camera].ranges.expect(taken.stamp)
            pipeline.put(taken.camera, taken)

        for camera in self._cameras.values():
            outputs = camera.outputs
            camera.ranges.subscribe(
                lambda outputs=outputs: self._enabled and needs_obstacles(outputs.wanted()), pipeline.wake
            )
            camera.input.subscribe(
                lambda outputs=outputs: self._enabled and bool(outputs.wanted()), deliver, camera.ranges.restart
            )

    def _fail(self, trouble: str) -> TransitionCallbackReturn:
        """Undoes half a configuration."""
        self._trouble = trouble
        self.get_logger().error(trouble)
        self._free()
        return TransitionCallbackReturn.FAILURE

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribes, and waits for the frames at work."""
        self.stop_work()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Frees the network and the publishers."""
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Ends the work from any state."""
        self.stop_work()
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """A transition failed with an exception: back to unconfigured."""
        self._trouble = f"failed in state {state.label}"
        self.get_logger().error(self._trouble)
        self.stop_work()
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def stop_work(self) -> None:
        """Ends subscriptions and threads; harmless where there are none."""
        for camera in self._cameras.values():
            camera.input.unsubscribe()
        if self._pipeline is not None:
            self._pipeline.stop()
            self._pipeline = None
        for camera in self._cameras.values():
            camera.ranges.unsubscribe()

    def _free(self) -> None:
        for camera in self._cameras.values():
            camera.outputs.destroy()
        self._cameras = {}
        if self._stereo is not None:
            self._stereo.stop()
            self._stereo = None
        if self._transforms is not None:
            self._transforms.destroy()
            self._transforms = None
        self._settings.release()
        if self._segmenter is not None:
            device, self._segmenter = self._segmenter.device, None
            release_cached_memory(device)

    def _make_camera(self, name: str, segmenter: Segmenter) -> Camera:
        statistics = self._statistics.setdefault(name, FrameStatistics())
        assert self._stereo is not None

        def settings() -> Settings:
            return self._settings.current

        taking = CameraInput(self, name, settings, statistics, self._complaints)
        outputs = CameraOutputs(self, name, segmenter.info, self._transforms)
        ranges = RangeInput(self, name, settings, self._stereo, self._complaints)
        drivable = drivable_ids(segmenter.info.classes, settings().drivable_classes, settings().road_gate)
        range_work = RangeWork(ranges, outputs, segmenter.classes, drivable)
        return Camera(name, statistics, taking, outputs, ranges, range_work)

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Frames that come while the node is disabled are counted as unwanted."""
        self._enabled = request.data
        response.success, response.message = True, "enabled" if request.data else "disabled"
        return response

    def _announce_threshold(self) -> None:
        for camera in self._cameras.values():
            camera.outputs.publish_threshold(self._settings.current.threshold)

    def _give_up(self, error: Exception) -> None:
        """Called by the inference thread: what follows is the executor's to do."""
        self._failure = error
        self._after_fault.trigger()

    def _handle_fault(self) -> None:
        """An exhausted device ends the work; a lost one, or a dead thread, the process: launch starts it anew."""
        error, self._failure = self._failure, None
        if error is not None and not isinstance(error, OutOfDeviceMemory):
            raise NodeFailed(str(error) if isinstance(error, DeviceLost) else f"{type(error).__name__}: {error}")
        if error is not None and self._pipeline is not None:
            self._trouble = f"deactivated: {error}, {MOST_EXHAUSTED} times in a row; free memory and activate again"
            self.get_logger().error(self._trouble)
            self.trigger_deactivate()

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


def main(arguments: list[str] | None = None) -> None:
    keep_freed_memory()
    run_node(SegmenterNode, SegmenterNode.begin, SegmenterNode.stop_work, arguments=arguments, survives=True)


if __name__ == "__main__":
    main()
