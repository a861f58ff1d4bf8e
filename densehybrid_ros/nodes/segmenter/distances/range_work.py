"""Obstacles of segmented frames: each waits for its distances, but never longer than until the next frame is there."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.convert.ranges import projection_of
from densehybrid_ros.core.segmenter import Scene
from densehybrid_ros.nodes.segmenter.camera_input import Taken
from densehybrid_ros.nodes.segmenter.distances.range_input import Found, RangeInput
from densehybrid_ros.nodes.segmenter.distances.range_report import NO_RANGES, report_of
from densehybrid_ros.nodes.segmenter.outputs.camera_outputs import CameraOutputs
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.survey import Survey, survey
from densehybrid_ros.ranging.tracking import Tracker
from densehybrid_ros.topics import DEPTH, DISPARITY, OBSTACLE_TOPICS, RIGHT_IMAGE, Topic

NOTHING = f"nobody publishes {DISPARITY.name}, {DEPTH.name} or {RIGHT_IMAGE.name}, and camera_height is 0"


@dataclass(frozen=True)
class Segmented:
    """A frame whose maps are published and whose obstacles are still to come."""

    taken: Taken
    image: NDArray[np.uint8]
    scene: Scene
    camera_info: CameraInfo | None
    wanted: Collection[Topic]
    settings: Settings
    since: float
    """Steady time from which it waits, s."""

    @property
    def header(self) -> Header:
        return self.taken.message.header

    @property
    def stamp(self) -> int:
        return self.taken.stamp


@dataclass(frozen=True)
class Ready:
    """A frame that waits for nothing more."""

    frame: Segmented
    stages_ms: Mapping[str, float]
    """What it has taken so far."""
    found: Found | None


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
        self._waiting: deque[tuple[Segmented, Mapping[str, float]]] = deque()
        self.report = NO_RANGES
        """Replaced whole."""

    def idle(self) -> None:
        """Nobody wants obstacles."""
        self.report = NO_RANGES

    def add(self, frame: Segmented, stages_ms: Mapping[str, float]) -> None:
        """A frame whose obstacles are wanted, and what its stages have taken so far."""
        self._waiting.append((frame, stages_ms))

    def ready(self, closing: bool) -> Ready | None:
        """The oldest frame, once its distances have come or nothing more is waited for; it is not kept then."""
        if not self._waiting:
            return None
        frame, stages_ms = self._waiting[0]
        found = self._ranges.find(frame.stamp, frame.image.shape)
        if found is None and not closing and self._must_wait(frame):
            return None
        self._waiting.popleft()
        return Ready(frame, stages_ms, found)

    def finish(self, ready: Ready) -> None:
        """Publishes obstacles and overlay."""
        frame, found = ready.frame, ready.found
        source = found.source if found else self._ranges.source()
        seen: Survey | None = None
        if source or set(frame.wanted) & set(OBSTACLE_TOPICS):
            why_not = found.why_not if found else _why_not(source)
            seen, why_not = self._survey(frame, found, why_not)
            trouble = self._outputs.obstacles.publish(
                frame.wanted, frame.header, seen, frame.scene.score, frame.scene.threshold, source, why_not
            )
            self.report = report_of(source, why_not or trouble, seen.obstacles)
        else:
            self.report = NO_RANGES
        told: Sequence[Obstacle] = seen.obstacles if seen is not None and source else ()
        self._outputs.publish_overlay(
            frame.wanted, frame.header, frame.image, frame.scene, told, frame.settings.overlay_alpha
        )

    def _must_wait(self, frame: Segmented) -> bool:
        """Whether what tells distances may still come, and no newer frame is there that is more urgent."""
        if self._ranges.is_at_work(frame.stamp):
            return True
        if len(self._waiting) > 1 or self._ranges.source() in ("", "ground"):
            return False
        return time.monotonic() - frame.since < frame.settings.camera_timeout

    def _survey(self, frame: Segmented, found: Found | None, why_not: str) -> tuple[Survey, str]:
        """The obstacles with their numbers, and why they have no range; "" where nothing stands in the way."""
        height, width = frame.image.shape[:2]
        settings = frame.settings
        if settings.range_source == "off":
            settings = replace(settings, camera_height=0.0)
        pinhole: Pinhole | None = None
        if frame.camera_info is None:
            why_not = why_not or "no camera_info has come"
        else:
            projection = projection_of(frame.camera_info, width, height)
            if projection is None:
                why_not = why_not or "camera_info holds no projection: the camera is not calibrated"
            else:
                pinhole = Pinhole(projection.fx, projection.fy, projection.cx, projection.cy)
        seen = survey(
            frame.scene.open_set,
            frame.scene.score,
            self._unknown,
            self._drivable,
            pinhole,
            found.ranges if found else None,
            settings,
        )
        obstacles = self._tracker.update(seen.obstacles, frame.stamp * 1e-9, settings.track_timeout)
        return Survey(obstacles, seen.view, seen.road_is_measured), why_not


def _why_not(source: str) -> str:
    if source == "ground":
        return ""
    return f"no {'right image' if source == 'stereo' else source} has the stamp of the image" if source else NOTHING
