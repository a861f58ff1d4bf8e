"""What the node `densehybrid` tells about itself and its cameras, once a second."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from densehybrid_ros.core.devices import allocated_mb, device_name
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.nodes.segmenter.camera import Camera
from densehybrid_ros.nodes.segmenter.distances.range_report import NO_RANGES
from densehybrid_ros.nodes.segmenter.health.diagnostics import ERROR, OK, WARN, CameraReport, Verdict
from densehybrid_ros.nodes.segmenter.health.statistics import RATE_WINDOW, Counts
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
    enabled: bool
    trouble: str
    """Why the node is not active although it was to be; empty where all is well."""
    finalized: bool = False
    remarks: tuple[str, ...] = ()
    """What else about its settings a user should look at."""

    @property
    def state(self) -> str:
        if self.finalized:
            return "finalized"
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
        listening = 0.0 if camera.listening_since is None else time.monotonic() - camera.listening_since
        snapshot = camera.statistics.snapshot()
        wanted = camera.wanted()
        working = condition.active and bool(wanted)
        stale = min(snapshot.last_frame_age, listening) > condition.settings.camera_timeout
        before = self._reported.get(camera.name, Counts())
        self._reported[camera.name] = snapshot.counts
        return CameraReport(
            camera.name,
            snapshot,
            before,
            stale=stale,
            lacks_camera_info=SEMANTIC_INFO in wanted and camera.camera_info is None,
            fruitless=working and snapshot.input_hz > 0 and min(snapshot.last_output_age, listening) > FRUITLESS,
            ranging=camera.obstacles.report if working and needs_obstacles(wanted) else NO_RANGES,
            idle=_idle(camera, condition),
            settled=working and listening > RATE_WINDOW,
            inputs=camera.inputs(stale),
        )


def _idle(camera: Camera, condition: Condition) -> str:
    """Why an active node takes no images of a camera; "" where it does, or the node's state says enough."""
    if not condition.active or not condition.enabled or camera.listening_since is not None:
        return ""
    return "idle: nobody listens to its outputs, so no images are taken"


def verdict(condition: Condition) -> Verdict:
    """The node as a whole, its cameras aside."""
    if condition.trouble:
        return Verdict(ERROR, condition.trouble)
    if condition.remarks:
        return Verdict(WARN, "; ".join(condition.remarks))
    return Verdict(OK, condition.state if condition.enabled else f"{condition.state}, disabled by ~/enable")


def facts(condition: Condition) -> dict[str, str]:
    """What all cameras have in common; "" where it is not known."""
    settings, segmenter = condition.settings, condition.segmenter
    values = {"state": condition.state, "device": "", "gpu_name": "", "model": "", "precision": "", "engine": ""}
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
            "engine": segmenter.engine,
            "gpu_mem_mb": "" if memory is None else f"{memory:.0f}",
        }
    return values
