"""What happens to frames in the threads of the pipeline: decode, segment as one batch, publish the maps, then the
obstacles. Nothing here raises."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence

from sensor_msgs.msg import CompressedImage

from densehybrid_ros.convert.compressed import rgb_from_compressed
from densehybrid_ros.convert.images import FrameError, rgb_from_image
from densehybrid_ros.core.device_faults import DeviceLost, OutOfDeviceMemory
from densehybrid_ros.core.devices import release_cached_memory
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.segmenter.camera_input import Taken
from densehybrid_ros.nodes.segmenter.distances.range_work import Ready, Segmented
from densehybrid_ros.nodes.segmenter.frames import Answer, Camera, Decoded
from densehybrid_ros.nodes.segmenter.outputs.camera_outputs import needs_obstacles, parts_of
from densehybrid_ros.nodes.segmenter.settings import Settings

MOST_EXHAUSTED = 3
"""Steps in a row without enough device memory, after which the node gives up."""


class FrameWork:
    """`infer` belongs to one thread, `publish` to another."""

    def __init__(
        self,
        segmenter: Segmenter,
        cameras: Mapping[str, Camera],
        settings: Callable[[], Settings],
        now: Callable[[], int],
        complaints: Complaints,
        give_up: Callable[[Exception], None],
    ) -> None:
        """
        Args:
            now: the node's time, ns; stamps are compared with it.
            give_up: told of a fault that the node cannot work on with.
        """
        self._segmenter, self._cameras, self._settings = segmenter, cameras, settings
        self._now, self._complaints, self._give_up = now, complaints, give_up
        self._exhausted = 0

    def infer(self, frames: Sequence[Taken]) -> list[Answer]:
        """One step of the network over the newest frame of every camera that has one."""
        settings = self._settings()
        decoded = [each for frame in frames if (each := self._decode(frame, settings)) is not None]
        if not decoded:
            return []
        parts = frozenset().union(*(parts_of(each.wanted) for each in decoded))
        images = [each.image for each in decoded]
        try:
            answer = self._segmenter.batch(images, settings.threshold, settings.score, parts)
        except Exception as error:
            self._drop_all(decoded, error)
            return []
        self._exhausted = 0
        return [
            Answer(
                each.frame,
                each.image,
                each.wanted,
                scene,
                self._cameras[each.frame.camera].input.camera_info,
                settings,
                {"decode": each.decode_ms, **answer.stage_ms},
            )
            for each, scene in zip(decoded, answer.scenes, strict=True)
        ]

    def publish(self, answer: Answer) -> None:
        """Publishes the maps under the header of the frame; they never wait for distances."""
        camera = self._cameras[answer.frame.camera]
        begun = time.monotonic()
        try:
            header = answer.frame.message.header
            camera.outputs.publish_maps(answer.wanted, header, answer.image, answer.scene, answer.camera_info)
        except Exception as error:
            self._drop(answer.frame, error)
            return
        done = time.monotonic()
        segmented = Segmented(
            answer.frame, answer.image, answer.scene, answer.camera_info, answer.wanted, answer.settings, done
        )
        stages = {**answer.stages_ms, "publish": (done - begun) * 1000}
        if needs_obstacles(answer.wanted):
            camera.range_work.add(segmented, stages)
        else:
            camera.range_work.idle()
            self._finished(answer.frame, done, stages)

    def publish_obstacles(self, closing: bool) -> None:
        """Publishes the obstacles and overlays of all frames that wait for nothing more."""
        for camera in self._cameras.values():
            while (ready := camera.range_work.ready(closing)) is not None:
                self._publish_obstacles(camera, ready)

    def drop_stale(self, frame: Taken) -> None:
        """A newer frame came before work on this one began."""
        camera = self._cameras[frame.camera]
        camera.statistics.drop("dropped_stale")
        camera.ranges.done(frame.stamp)

    def _publish_obstacles(self, camera: Camera, ready: Ready) -> None:
        begun = time.monotonic()
        try:
            camera.range_work.finish(ready)
        except Exception as error:
            self._drop(ready.frame.taken, error)
            return
        spent = (time.monotonic() - begun) * 1000
        self._finished(ready.frame.taken, ready.frame.since, {**ready.stages_ms, "range": spent})

    def _finished(self, frame: Taken, maps_done: float, stages_ms: Mapping[str, float]) -> None:
        """All of the frame is out; its latency is that of the maps."""
        camera = self._cameras[frame.camera]
        camera.statistics.finished(maps_done - frame.taken, stages_ms)
        camera.ranges.done(frame.stamp)

    def _decode(self, frame: Taken, settings: Settings) -> Decoded | None:
        camera = self._cameras[frame.camera]
        decoded = self._looked_at(frame, camera, settings)
        if decoded is None:
            camera.ranges.done(frame.stamp)
        elif needs_obstacles(decoded.wanted):
            camera.ranges.begin(frame.stamp, decoded.image, camera.input.camera_info)
        return decoded

    def _looked_at(self, frame: Taken, camera: Camera, settings: Settings) -> Decoded | None:
        """The decoded frame, or None where it was dropped and counted."""
        begun = time.monotonic()
        try:
            age = self._age(frame)
            if settings.max_frame_age and age > settings.max_frame_age:
                reason = f"frame is {age:.3f} s old, max_frame_age is {settings.max_frame_age:g} s"
                camera.statistics.drop("dropped_stale", reason)
                return None
            wanted = camera.outputs.wanted()
            if not wanted:
                camera.statistics.drop("dropped_unwanted")
                return None
            message, limit = frame.message, settings.max_image_pixels
            compressed = isinstance(message, CompressedImage)
            image = rgb_from_compressed(message, limit) if compressed else rgb_from_image(message, limit)
            self._segmenter.inference_size(*image.shape[:2])
        except (FrameError, SetupError) as error:
            camera.input.refuse(error)
            return None
        except Exception as error:
            self._count_error(frame, error)
            return None
        return Decoded(frame, image, wanted, (time.monotonic() - begun) * 1000)

    def _age(self, frame: Taken) -> float:
        """s since the frame's stamp, by the node's clock; 0 before simulated time has begun."""
        now = self._now()
        return (now - frame.stamp) * 1e-9 if now else 0.0

    def _drop_all(self, decoded: Sequence[Decoded], error: Exception) -> None:
        for each in decoded:
            self._drop(each.frame, error)
        if isinstance(error, OutOfDeviceMemory):
            self._exhausted += 1
            try:
                release_cached_memory(self._segmenter.device)
            except RuntimeError as lost:  # emptying the cache is the first call that meets an earlier fatal error
                error = DeviceLost(str(lost))
        if isinstance(error, DeviceLost) or self._exhausted >= MOST_EXHAUSTED:
            self._exhausted = 0
            self._give_up(error)

    def _drop(self, frame: Taken, error: Exception) -> None:
        """A frame is lost, and nothing waits for its distances any more."""
        self._count_error(frame, error)
        self._cameras[frame.camera].ranges.done(frame.stamp)

    def _count_error(self, frame: Taken, error: Exception) -> None:
        """Whatever a driver, the device or the middleware raised: this frame is lost and counted, the node lives."""
        text = f"{type(error).__name__}: {error}"
        self._cameras[frame.camera].statistics.drop("dropped_error", text)
        trace = "".join(traceback.format_exception(error)).rstrip()
        place = traceback.extract_tb(error.__traceback__)[-1]
        self._complaints.once((type(error), place.filename, place.lineno), f"frame dropped: {text}\n{trace}")
