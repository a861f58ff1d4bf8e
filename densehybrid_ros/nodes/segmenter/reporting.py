"""What the node `densehybrid` tells about itself and its cameras, once a second."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from densehybrid_ros.core.devices import allocated_mb, device_name
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.nodes.segmenter.camera import Camera
from densehybrid_ros.nodes.segmenter.distances.range_report import NO_RANGES
from densehybrid_ros.nodes.segmenter.health.diagnostics import ERROR, OK, CameraReport, Verdict
from densehybrid_ros.nodes.segmenter.health.statistics import Counts
from densehybrid_ros.nodes.segmenter.outputs.camera_outputs import needs_obstacles
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.topics import SEMANTIC_INFO

FRUITLESS = 10.0
"""s in which wanted frames come and none goes out, after which that is a warning."""


@dataclass(frozen=True)
class Condition:
    """How the node stands."""

    settings: Settings
    segmenter: Segmenter | None
    active: bool
    activated: float
    """time.monotonic() of the last activation."""
    enabled: bool
    trouble: str
    """Why the node is not active although it was to be; empty where all is well."""

    @property
    def state(self) -> str:
        if self.segmenter is None:
            return "unconfigured"
        return "active" if self.active else "inactive"


class Reporter:
    """Remembers what it reported last, so that a report tells what has changed since."""

    def __init__(self) -> None:
        self._reported: dict[str, Counts] = {}

    def reports(self, cameras: Iterable[Camera], condition: Condition) -> list[CameraReport]:
        """One report for each camera."""
        return [self._report_of(camera, condition) for camera in cameras]

    def _report_of(self, camera: Camera, condition: Condition) -> CameraReport:
        since_activation = time.monotonic() - condition.activated
        snapshot = camera.statistics.snapshot()
        silent = min(snapshot.last_frame_age, since_activation)
        fruitless = min(snapshot.last_output_age, since_activation)
        wanted = camera.wanted()
        working = condition.active and bool(wanted)
        before = self._reported.get(camera.name, Counts())
        self._reported[camera.name] = snapshot.counts
        return CameraReport(
            camera.name,
            snapshot,
            before,
            stale=condition.active and silent > condition.settings.camera_timeout,
            lacks_camera_info=SEMANTIC_INFO in wanted and camera.camera_info is None,
            fruitless=working and snapshot.input_hz > 0 and fruitless > FRUITLESS,
            ranging=camera.obstacles.report if working and needs_obstacles(wanted) else NO_RANGES,
        )


def verdict(condition: Condition) -> Verdict:
    """The node as a whole, its cameras aside."""
    if condition.trouble:
        return Verdict(ERROR, condition.trouble)
    return Verdict(OK, condition.state if condition.enabled else f"{condition.state}, disabled by ~/enable")


def facts(condition: Condition) -> dict[str, str]:
    """What all cameras have in common; "" where it is not known."""
    settings, segmenter = condition.settings, condition.segmenter
    values = {"state": condition.state, "device": "", "gpu_name": "", "model": "", "precision": ""}
    values |= {
        "threshold": f"{settings.threshold:g}",
        "score": settings.score,
        "enabled": str(condition.enabled).lower(),
        "gpu_mem_mb": "",
    }
    if segmenter is not None:
        memory = allocated_mb(segmenter.device)
        values |= {
            "device": str(segmenter.device),
            "gpu_name": device_name(segmenter.device),
            "model": segmenter.info.architecture,
            "precision": str(segmenter.precision).removeprefix("torch."),
            "gpu_mem_mb": "" if memory is None else f"{memory:.0f}",
        }
    return values
