"""DiagnosticArray from counters: one status for the node, and one more per named camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from densehybrid_ros.nodes.segmenter.distances.range_report import NO_RANGES, RangeReport, worst_of
from densehybrid_ros.nodes.segmenter.health.statistics import STAGES, Counts, Snapshot, together

OK, WARN, ERROR, STALE = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE


@dataclass(frozen=True)
class Verdict:
    """Level and words of a status."""

    level: bytes
    message: str


@dataclass(frozen=True)
class CameraReport:
    """What is known of one camera."""

    name: str
    now: Snapshot
    before: Counts
    """Counters at the last report."""
    stale: bool
    lacks_camera_info: bool
    """Somebody subscribes to the scaled camera_info, and the camera sends none."""
    fruitless: bool = False
    """Wanted frames come, and for long none has gone out."""
    ranging: RangeReport = NO_RANGES


def diagnostics_message(
    node: str, stamp: Time, state: Verdict, facts: Mapping[str, str], cameras: Sequence[CameraReport]
) -> DiagnosticArray:
    """The report of a node with any number of cameras.

    Args:
        state: the node's own; anything but OK goes before what the cameras say.
        facts: keys that all statuses share: state, device, model, …
    """
    verdicts = [_verdict(camera) for camera in cameras]
    worst = max(verdicts, key=lambda verdict: verdict.level, default=state)
    overall = state if state.level != OK or worst.level == OK else worst
    ranging = worst_of([camera.ranging for camera in cameras])
    statuses = [_status(node, overall, facts, together([camera.now for camera in cameras]), ranging)]
    if any(camera.name for camera in cameras):
        for camera, verdict in zip(cameras, verdicts, strict=True):
            shown = state if state.level != OK or verdict.level == OK else verdict
            statuses.append(_status(f"{node}: {camera.name}", shown, facts, camera.now, camera.ranging))
    message = DiagnosticArray(status=statuses)
    message.header.stamp = stamp
    return message


def _verdict(camera: CameraReport) -> Verdict:
    where = f"camera {camera.name}: " if camera.name else ""
    if camera.stale:
        return Verdict(STALE, f"{where}no frame comes")
    new = {name: getattr(camera.now.counts, name) - getattr(camera.before, name) for name in _DROPS}
    lost = [f"{count} {name}" for name, count in new.items() if count > 0]
    if lost:
        return Verdict(WARN, f"{where}since the last report {', '.join(lost)}")
    if camera.fruitless:
        return Verdict(WARN, f"{where}frames come and none goes out; last error: {camera.now.last_error or 'none'}")
    if camera.lacks_camera_info:
        return Verdict(WARN, f"{where}no camera_info comes")
    if camera.ranging.trouble:
        return Verdict(WARN, f"{where}ranges: {camera.ranging.trouble}")
    return Verdict(OK, "")


_DROPS = ("dropped_invalid", "dropped_error")
"""Drops that a user should look at; stale ones only say that the camera is faster than the network."""


def _status(
    name: str, verdict: Verdict, facts: Mapping[str, str], snapshot: Snapshot, ranging: RangeReport
) -> DiagnosticStatus:
    values = dict(facts)
    values |= {entry.name: str(getattr(snapshot.counts, entry.name)) for entry in fields(Counts)}
    values |= {"input_hz": f"{snapshot.input_hz:.2f}", "output_hz": f"{snapshot.output_hz:.2f}"}
    latency, stages = snapshot.latency_ms(), snapshot.stage_ms()
    for key in ("mean", "p95", "max"):
        values[f"latency_ms_{key}"] = _figure(latency.get(key))
    for key in STAGES:
        values[f"stage_ms_{key}"] = _figure(stages.get(key))
    values["last_frame_age_s"] = _figure(snapshot.last_frame_age if snapshot.last_frame_age < float("inf") else None)
    values |= {"range_status": ranging.status, "obstacles": str(ranging.obstacles)}
    values |= {"obstacles_without_range": str(ranging.without_range), "nearest_obstacle_m": _figure(ranging.nearest)}
    values["range_delay_s"] = _figure(ranging.delay)
    values["last_error"] = snapshot.last_error
    return DiagnosticStatus(
        level=verdict.level,
        name=name,
        message=verdict.message,
        hardware_id=facts.get("device", ""),
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def _figure(value: float | None) -> str:
    """Two decimals; empty where there is nothing to say."""
    return "" if value is None else f"{value:.2f}"
