"""What happens to frames in the threads of the pipeline: decode, segment as one batch, publish the maps, then the
obstacles; the last one once more where a new threshold finds the camera paused. Faults stay in the frames."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence

from rclpy.clock import Clock
from sensor_msgs.msg import CompressedImage

from densehybrid_ros.convert.compressed import rgb_from_compressed
from densehybrid_ros.convert.images import rgb_from_image
from densehybrid_ros.core.device_faults import DeviceLost, OutOfDeviceMemory
from densehybrid_ros.core.devices import release_cached_memory
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.nodes.segmenter.camera import Camera
from densehybrid_ros.nodes.segmenter.frame import Dropped, Frame
from densehybrid_ros.nodes.segmenter.live_settings import LiveSettings
from densehybrid_ros.nodes.segmenter.outputs.camera_outputs import THRESHOLDED, needs_obstacles, parts_of
from densehybrid_ros.nodes.segmenter.settings import Settings

MOST_EXHAUSTED = 3
"""Steps in a row without enough device memory, after which the node gives up."""
PAUSE = 0.3
"""s without an image after which a new threshold shows in the last one; sooner, the next one shows it."""


class FrameWork:
    """`infer` belongs to one thread, `publish` and `look_after` to another."""

    def __init__(
        self, segmenter: Segmenter, cameras: Mapping[str, Camera], settings: LiveSettings, clock: Clock
    ) -> None:
        """
        Args:
            clock: the node's; stamps are compared with it.
        """
        self._segmenter, self._cameras, self._settings, self._clock = segmenter, cameras, settings, clock
        self._exhausted = 0
        self._last: dict[str, Frame] = {}
        """The frame whose maps went out last, by camera, where another threshold can be put to it."""

    def infer(self, frames: Sequence[Frame]) -> Exception | None:
        """One step of the network over the newest frame of every camera that has one.

        Returns:
            a fault after which the node cannot work on; None where it can.
        """
        settings = self._settings.current
        for frame in frames:
            with frame.stage("decode"):
                self._decode(frame, settings)
        sound = [frame for frame in frames if frame.fault is None]
        if not sound:
            return None
        try:
            self._segment(sound, settings)
        except Exception as error:
            for frame in sound:
                frame.fault = error
            return self._fatal(error)
        self._exhausted = 0
        return None

    def publish(self, frame: Frame) -> None:
        """Publishes the maps under the header of the frame; they never wait for distances."""
        camera = self._cameras[frame.camera]
        if frame.fault is None:
            with frame.stage("publish"):
                camera.outputs.publish_maps(frame)
            frame.published_at = time.monotonic()
            self._keep(frame)
        if frame.fault is None and needs_obstacles(frame.wanted):
            camera.obstacles.add(frame)
        else:
            camera.end(frame)

    def look_after(self, closing: bool) -> None:
        """Publishes the obstacles and overlays of all frames that wait for nothing more, and what a new threshold
        makes of the last frame of a camera that has paused.

        Args:
            closing: nothing more can be waited for.
        """
        for camera in self._cameras.values():
            while (frame := camera.obstacles.ready(closing)) is not None:
                with frame.stage("range"):
                    camera.obstacles.publish(frame)
                camera.end(frame)
            if not closing:
                self._relabel(camera)

    def _keep(self, frame: Frame) -> None:
        if frame.can_be_relabelled:
            self._last[frame.camera] = frame
        else:  # an older one would come after a newer one
            self._last.pop(frame.camera, None)

    def _relabel(self, camera: Camera) -> None:
        """Shows a new threshold in the last frame, once, without the network: the maps were of this very score."""
        if camera.listening_since is None:  # an answer of long ago is not what comes first when somebody listens again
            self._last.pop(camera.name, None)
        last, settings = self._last.get(camera.name), self._settings.current
        if last is None or last.scene.threshold == settings.threshold or last.settings.score != settings.score:
            return
        if not camera.is_quiet(PAUSE) or (settings.max_frame_age and self._age(last) > settings.max_frame_age):
            return
        again = last.relabelled(settings, camera.wanted() & THRESHOLDED, self._segmenter.classes)
        self._last[camera.name] = again  # also where publishing fails: it is not tried again
        with again.stage("publish"):
            camera.outputs.publish_maps(again)
            if needs_obstacles(again.wanted):
                camera.obstacles.publish(again, again=True)
        if again.fault is not None:
            fault, again.fault = again.fault, None
            camera.report_error("last frame not labelled anew", fault)

    def _decode(self, frame: Frame, settings: Settings) -> None:
        """
        Raises:
            Dropped, FrameError, SetupError: nothing can be made of the frame, or nobody wants it any more.
        """
        camera = self._cameras[frame.camera]
        age = self._age(frame)
        if settings.max_frame_age and age > settings.max_frame_age:
            limit = f"max_frame_age is {settings.max_frame_age:g} s"
            raise Dropped("dropped_stale", f"frame is {age:.3f} s old, {limit}")
        frame.settings, frame.wanted = settings, camera.wanted()
        frame.rectified = settings.rectified or camera.says_rectified
        if not frame.wanted:
            raise Dropped("dropped_unwanted")
        message, limit = frame.message, settings.max_image_pixels
        compressed = isinstance(message, CompressedImage)
        frame.image = rgb_from_compressed(message, limit) if compressed else rgb_from_image(message, limit)
        fitted = self._segmenter.fit(*frame.image.shape[:2])
        frame.map_size = (fitted.at_network_size() if settings.output_size == "network" else fitted).image
        if needs_obstacles(frame.wanted):
            camera.ranges.begin(frame, camera.camera_info)

    def _age(self, frame: Frame) -> float:
        """s since the frame's stamp, by the node's clock; 0 before simulated time has begun."""
        now = self._clock.now().nanoseconds
        return (now - frame.stamp) * 1e-9 if now else 0.0

    def _segment(self, frames: Sequence[Frame], settings: Settings) -> None:
        parts = frozenset().union(*(parts_of(frame.wanted) for frame in frames))
        images = [frame.image for frame in frames]
        at_network_size = settings.output_size == "network"
        answer = self._segmenter.batch(images, settings.threshold, settings.score, parts, at_network_size)
        for frame, scene in zip(frames, answer.scenes, strict=True):
            frame.scene, frame.camera_info = scene, self._cameras[frame.camera].camera_info
            frame.stages_ms |= answer.stage_ms

    def _fatal(self, error: Exception) -> Exception | None:
        """The fault where it is one too many; what an exhausted device can give back is given back."""
        if isinstance(error, OutOfDeviceMemory):
            self._exhausted += 1
            for each in filter(None, (error, error.__cause__)):
                traceback.clear_frames(each.__traceback__)  # their variables hold what filled the device
            try:
                release_cached_memory(self._segmenter.device)
            except RuntimeError as lost:  # emptying the cache is the first call that meets an earlier fatal error
                return DeviceLost(str(lost))
        return error if isinstance(error, DeviceLost) or self._exhausted >= MOST_EXHAUSTED else None
