"""The lifecycle node `densehybrid`: image in; semantic map, anomaly score, open-set map and overlay out.

configure loads and warms up the weights, activate subscribes, deactivate unsubscribes, cleanup frees the device. With
the parameter `autostart` (default true) the node configures and activates itself. Frames are taken by the executor's
thread and worked on in another; the newest wins. Every output carries the header of the image it belongs to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.lifecycle.publisher import LifecyclePublisher
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image

from densehybrid_ros.convert import FrameError, image_message, rgb_from_image
from densehybrid_ros.core.draw import overlay
from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.core.settings import LIVE, Settings
from densehybrid_ros.nodes.diagnostics import diagnostics_message
from densehybrid_ros.nodes.latest import NewestWins
from densehybrid_ros.nodes.parameters import declare_settings, normalised, settings_after
from densehybrid_ros.nodes.running import run_node
from densehybrid_ros.nodes.statistics import FrameStatistics

CLOCK_JUMP = 1.0
"""s; a stamp that lies further back means that the clock was set back (a bag loop), not that the frame is late."""
OUTPUTS = ("semantic", "anomaly", "open_set", "overlay")


@dataclass(frozen=True)
class Taken:
    """An image message and the steady time at which it was taken, s."""

    message: Image
    taken: float


class SegmenterNode(LifecycleNode):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("densehybrid")
        self._settings: Settings = declare_settings(self)
        self._segmenter: Segmenter | None = None
        self._outputs: dict[str, LifecyclePublisher] = {}
        self._subscription: Subscription | None = None
        self._slot: NewestWins[Taken] | None = None
        self._statistics = FrameStatistics()
        self._last_stamp = 0.0
        self._active = False
        self._diagnostics: Publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.add_pre_set_parameters_callback(self._complete_change)
        self.add_on_set_parameters_callback(self._check_change)
        self.add_post_set_parameters_callback(self._apply_change)

    def begin(self) -> None:
        """Configures and activates, where `autostart` says so."""
        if self._settings.autostart and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads the weights, checks their hash, warms up; FAILURE with one ERROR line where they cannot be used."""
        settings = self._settings
        try:
            segmenter = Segmenter.load(
                settings.model_path, settings.device, settings.precision, settings.inference_width
            )
        except SetupError as error:
            self.get_logger().error(f"not configured: {error}")
            return TransitionCallbackReturn.FAILURE
        width = segmenter.inference_width or 640
        segmenter.warm_up(width * 3 // 4, width, settings.warmup_iterations)
        self._segmenter = segmenter
        if settings.threshold != settings.threshold:  # unset: nan
            self._take_stored_threshold(segmenter)
        for name in OUTPUTS:
            self._outputs[name] = self.create_lifecycle_publisher(
                Image,
                f"~/{name}/image_raw",
                QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
        self.get_logger().info(
            f"configured: {segmenter.info.architecture} with {segmenter.classes} classes on {segmenter.device}, "
            f"threshold {self._settings.threshold:g} on score {self._settings.score}"
        )
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribes."""
        result = super().on_activate(state)
        self._slot = NewestWins(self._work, lambda: self._statistics.count("dropped_stale"))
        self._active = True
        self._last_stamp = 0.0
        self._subscription = self.create_subscription(
            Image,
            "image_raw",
            self._take,
            QoSProfile(depth=1, reliability=qos_profile_sensor_data.reliability),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribes, and waits for the frame at work."""
        self.stop_work()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Frees the network and the publishers."""
        for publisher in self._outputs.values():
            self.destroy_lifecycle_publisher(publisher)
        self._outputs.clear()
        self._segmenter = None
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.stop_work()
        return TransitionCallbackReturn.SUCCESS

    def stop_work(self) -> None:
        """Ends subscription and worker; harmless where there are none."""
        self._active = False
        if self._subscription is not None:
            self.destroy_subscription(self._subscription)
            self._subscription = None
        if self._slot is not None:
            self._slot.stop()
            self._slot = None

    def _take(self, message: Image) -> None:
        """Executor's thread: nothing here takes longer than looking at the header."""
        if self._slot is None or not self._wanted():
            return
        self._statistics.count("frames_in")
        stamp = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        if 0 < self._last_stamp - stamp <= CLOCK_JUMP:
            self._statistics.drop("dropped_stale", f"stamp {stamp:.3f} is older than the last, {self._last_stamp:.3f}")
            return
        self._last_stamp = stamp
        self._slot.put(Taken(message, time.monotonic()))

    def _work(self, frame: Taken) -> None:
        """Worker's thread: one frame, whatever happens to it."""
        try:
            self._segment(frame.message)
        except FrameError as error:
            self._statistics.drop("dropped_invalid", str(error))
            self.get_logger().error(f"frame dropped: {error}", throttle_duration_sec=5.0)
        except Exception as error:
            # whatever a driver, the device or the middleware raises: this frame is lost and counted, the node lives
            self._statistics.drop("dropped_error", f"{type(error).__name__}: {error}")
            self.get_logger().error(f"frame dropped: {type(error).__name__}: {error}", throttle_duration_sec=5.0)
        else:
            self._statistics.finished(time.monotonic() - frame.taken)

    def _segment(self, message: Image) -> None:
        """Computes and publishes what somebody listens to."""
        settings, segmenter = self._settings, self._segmenter
        assert segmenter is not None
        image = rgb_from_image(message, settings.max_image_pixels)
        scene = segmenter(image, settings.threshold, settings.score)
        wanted = self._wanted()
        if "semantic" in wanted:
            self._outputs["semantic"].publish(image_message(scene.semantic, "mono8", message.header))
        if "anomaly" in wanted:
            self._outputs["anomaly"].publish(image_message(scene.score, "32FC1", message.header))
        if "open_set" in wanted:
            self._outputs["open_set"].publish(image_message(scene.open_set, "mono8", message.header))
        if "overlay" in wanted:
            drawn = overlay(image, scene, segmenter.info.palette, settings.overlay_alpha)
            self._outputs["overlay"].publish(image_message(drawn, "rgb8", message.header))

    def _wanted(self) -> set[str]:
        """Names of the outputs that somebody listens to."""
        return {name for name, publisher in self._outputs.items() if publisher.get_subscription_count() > 0}

    def _take_stored_threshold(self, segmenter: Segmenter) -> None:
        value = segmenter.default_threshold(self._settings.score)
        self.set_parameters([Parameter("threshold", Parameter.Type.DOUBLE, value)])

    def _complete_change(self, parameters: list[Parameter]) -> list[Parameter]:
        """Integers become doubles where wanted; a new score alone brings its stored threshold along."""
        parameters = [normalised(parameter) for parameter in parameters]
        named = {parameter.name: parameter.value for parameter in parameters}
        score = named.get("score")
        stored = self._segmenter.info.calibration if self._segmenter is not None else {}
        if self._segmenter is not None and "threshold" not in named and score in stored:
            value = self._segmenter.default_threshold(str(score))
            parameters.append(Parameter("threshold", Parameter.Type.DOUBLE, value))
        return parameters

    def _check_change(self, parameters: list[Parameter]) -> SetParametersResult:
        """Refuses the whole change where any of it is wrong, or comes too late."""
        try:
            changed = settings_after(self._settings, parameters)
        except SetupError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if self._segmenter is not None:
            for name in vars(changed):
                same = getattr(changed, name) == getattr(self._settings, name)
                if name not in LIVE and not same:
                    reason = f"{name} is read when the node is configured; deactivate and clean it up first"
                    return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _apply_change(self, parameters: list[Parameter]) -> None:
        self._settings = settings_after(self._settings, parameters)

    def _report(self) -> None:
        """Once a second, on the steady clock: also while simulated time stands still."""
        segmenter = self._segmenter
        facts = {"state": "active" if self._active else "inactive" if segmenter else "unconfigured"}
        if segmenter is not None:
            facts |= {
                "device": str(segmenter.device),
                "model": segmenter.info.architecture,
                "precision": str(segmenter.precision).removeprefix("torch."),
                "threshold": f"{self._settings.threshold:g}",
                "score": self._settings.score,
            }
        now = self.get_clock().now().to_msg()
        name = self.get_fully_qualified_name()
        self._diagnostics.publish(diagnostics_message(name, now, self._active, facts, self._statistics))


def main(arguments: list[str] | None = None) -> None:
    run_node(SegmenterNode, SegmenterNode.begin, SegmenterNode.stop_work, arguments=arguments)


if __name__ == "__main__":
    main()
