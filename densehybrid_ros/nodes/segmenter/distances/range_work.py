"""Obstacles of segmented frames: each waits for its distances, for a bounded time; they go out in the images' order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from dataclasses import replace
from itertools import islice

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.convert.calibration import why_no_places
from densehybrid_ros.convert.ranges import projection_of
from densehybrid_ros.nodes.segmenter.distances.range_input import RangeInput
from densehybrid_ros.nodes.segmenter.distances.range_report import NO_RANGES, report_of
from densehybrid_ros.nodes.segmenter.frame import Frame
from densehybrid_ros.nodes.segmenter.outputs.camera_outputs import CameraOutputs
from densehybrid_ros.ranging.survey import Survey, survey
from densehybrid_ros.ranging.tracking import Tracker
from densehybrid_ros.topics import DEPTH, DISPARITY, RIGHT_IMAGE

NOTHING = f"nobody publishes {DISPARITY.name}, {DEPTH.name} or {RIGHT_IMAGE.name}, and camera_height is 0"
MOST_WAITING = 32
"""Frames of one camera that wait at most: a second of 30 Hz, about 0.6 GB of 1080p."""


class RangeWork:
    """Of one camera, in the publishing thread."""

    def __init__(self, ranges: RangeInput, outputs: CameraOutputs, unknown: int, drivable: Collection[int]) -> None:
        """
        Args:
            unknown: id of unknown pixels in the open-set map.
            drivable: ids of the classes that can be driven on.
        """
        self._ranges, self._outputs, self._unknown, self._drivable = ranges, outputs, unknown, drivable
        self._tracker = Tracker()
        self._waiting: deque[Frame] = deque()
        self.report = NO_RANGES
        """Of the last frame; replaced whole."""

    def add(self, frame: Frame) -> None:
        """A frame whose maps are published and whose obstacles are wanted."""
        self._waiting.append(frame)

    def ready(self, closing: bool) -> Frame | None:
        """The oldest frame, once its distances and transform are there or waited for no more; it is not kept then."""
        if not self._waiting:
            return None
        frame = self._waiting[0]
        if not closing and (self._awaits_distances(frame) or self._awaits_transform(frame)):
            return None
        return self._waiting.popleft()

    def publish(self, frame: Frame, again: bool = False) -> None:
        """Publishes obstacles and overlay.

        Args:
            again: it is the last frame once more, at another threshold.
        """
        source = frame.found.source if frame.found else self._ranges.source()
        frame = frame.at_image_size()
        seen, why_not = self._survey(frame, source, again)
        delay = frame.found.delay if frame.found else None
        omitted = self._outputs.obstacles.publish(frame, seen, source, why_not, delay)
        self.report = report_of(source, why_not or omitted.posed, seen.obstacles, delay, omitted.scan)
        self._outputs.publish_overlay(frame, seen.obstacles, with_ranges=bool(source))

    def _awaits_distances(self, frame: Frame) -> bool:
        return not self._has_distances(frame) and not self._overtaken() and self._may_come(frame)

    def _awaits_transform(self, frame: Frame) -> bool:
        """Looked for again and again, and never blocked on: masks of newer frames go out meanwhile."""
        waited = time.monotonic() - frame.published_at
        full = len(self._waiting) > MOST_WAITING
        return not full and waited < frame.settings.transform_wait and self._outputs.obstacles.lacks_transform(frame)

    def _has_distances(self, frame: Frame) -> bool:
        frame.found = frame.found or self._ranges.find(frame)
        return frame.found is not None

    def _overtaken(self) -> bool:
        """Whether a newer frame must not wait for the oldest: sources deliver in order, and its distances are there."""
        newer = reversed(list(islice(self._waiting, 1, None)))
        return len(self._waiting) > MOST_WAITING or any(map(self._has_distances, newer))

    def _may_come(self, frame: Frame) -> bool:
        """Whether its distances may still come in time; the matching of a pair is waited for."""
        if frame.distances is not None:
            return not frame.distances.cancelled()
        if self._ranges.source() in ("", "ground"):
            return False
        return time.monotonic() - frame.published_at < frame.settings.range_wait

    def _survey(self, frame: Frame, source: str, again: bool) -> tuple[Survey, str]:
        """The obstacles with their numbers, and why they have no range; "" where nothing stands in the way."""
        settings, found = frame.settings, frame.found
        if settings.range_source == "off":
            settings = replace(settings, camera_height=0.0)
        pinhole, no_pinhole = _pinhole(frame)
        seen = survey(
            frame.scene.open_set,
            frame.scene.score,
            self._unknown,
            self._drivable,
            pinhole,
            found.ranges if found else None,
            settings,
        )
        limits = settings.track_timeout, settings.min_hits
        obstacles = self._tracker.update(seen.obstacles, frame.stamp * 1e-9, *limits, again=again)
        return replace(seen, obstacles=obstacles, why_no_view=no_pinhole), (
            found.why_not if found else self._why_not(frame, source)
        ) or no_pinhole

    def _why_not(self, frame: Frame, source: str) -> str:
        """Why a frame has no distances although its source provides some."""
        if source in ("", "ground"):
            return "" if source else NOTHING
        if frame.distances is not None and frame.distances.cancelled():
            return "a newer stereo pair was matched instead: matching takes longer than a frame; lower stereo_width"
        awaited = "right image" if source == "stereo" else source
        delay, waited = self._ranges.delay(source), time.monotonic() - frame.taken_at
        if delay is None or delay < waited:
            return f"no {awaited} has the stamp of the image"
        return (
            f"the last {awaited} came {delay:.2f} s after its image, which had waited {waited:.2f} s "
            f"(range_wait {frame.settings.range_wait:g} s, at most {MOST_WAITING} frames)"
        )


def _pinhole(frame: Frame) -> tuple[Pinhole | None, str]:
    """The camera of the frame, or why it is not known."""
    if frame.camera_info is None:
        return None, "no camera_info has come"
    height, width = frame.image.shape[:2]
    projection = projection_of(frame.camera_info, width, height)
    if projection is None:
        return None, "camera_info holds no projection: the camera is not calibrated"
    why_not = why_no_places(frame.camera_info, width, height, frame.rectified)
    return None if why_not else projection, why_not
