"""Obstacles of segmented frames: each waits for its distances, but never longer than until the next frame is there."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from dataclasses import replace

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.convert.ranges import projection_of
from densehybrid_ros.nodes.segmenter.distances.range_input import RangeInput
from densehybrid_ros.nodes.segmenter.distances.range_report import NO_RANGES, report_of
from densehybrid_ros.nodes.segmenter.frame import Frame
from densehybrid_ros.nodes.segmenter.outputs.camera_outputs import CameraOutputs
from densehybrid_ros.ranging.survey import Survey, survey
from densehybrid_ros.ranging.tracking import Tracker
from densehybrid_ros.topics import DEPTH, DISPARITY, RIGHT_IMAGE

NOTHING = f"nobody publishes {DISPARITY.name}, {DEPTH.name} or {RIGHT_IMAGE.name}, and camera_height is 0"


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
        """The oldest frame, once its distances have come or nothing more is waited for; it is not kept then."""
        if not self._waiting:
            return None
        frame = self._waiting[0]
        frame.found = self._ranges.find(frame)
        if frame.found is None and not closing and self._must_wait(frame):
            return None
        return self._waiting.popleft()

    def publish(self, frame: Frame) -> None:
        """Publishes obstacles and overlay."""
        source = frame.found.source if frame.found else self._ranges.source()
        seen, why_not = self._survey(frame, source)
        trouble = self._outputs.obstacles.publish(frame, seen, source, why_not)
        self.report = report_of(source, why_not or trouble, seen.obstacles)
        self._outputs.publish_overlay(frame, seen.obstacles, with_ranges=bool(source))

    def _must_wait(self, frame: Frame) -> bool:
        """Whether distances may still come, and no newer frame is there that is more urgent."""
        if frame.distances is not None and not frame.distances.done():
            return True
        if len(self._waiting) > 1 or self._ranges.source() in ("", "ground"):
            return False
        return time.monotonic() - frame.published_at < frame.settings.camera_timeout

    def _survey(self, frame: Frame, source: str) -> tuple[Survey, str]:
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
        obstacles = self._tracker.update(seen.obstacles, frame.stamp * 1e-9, *limits)
        return replace(seen, obstacles=obstacles), (found.why_not if found else _why_not(source)) or no_pinhole


def _pinhole(frame: Frame) -> tuple[Pinhole | None, str]:
    """The camera of the frame, or why it is not known."""
    if frame.camera_info is None:
        return None, "no camera_info has come"
    height, width = frame.image.shape[:2]
    projection = projection_of(frame.camera_info, width, height)
    if projection is None:
        return None, "camera_info holds no projection: the camera is not calibrated"
    return projection, ""


def _why_not(source: str) -> str:
    """Why a frame has no distances although its source provides some."""
    if source == "ground":
        return ""
    return f"no {'right image' if source == 'stereo' else source} has the stamp of the image" if source else NOTHING
