"""DiagnosticArray from counters: one status for the node, and one more per named camera."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from densehybrid_ros.nodes.segmenter.distances.range_report import NO_RANGES, RangeReport, worst_of
from densehybrid_ros.nodes.segmenter.health.inputs import UNKNOWN_INPUTS, InputReport
from densehybrid_ros.nodes.segmenter.health.statistics import STAGES, Counts, Snapshot, together
from densehybrid_ros.topics import OBSTACLE_SCAN

OK, WARN, ERROR, STALE = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE

LOST_SHARE, FEWEST_LOST = 0.05, 0.5
"""Share of a camera's frames, and frames per second, that may be lost on the way without a warning."""
KEPT_UP = 0.5
"""Share of the frames that come which must go out; of a faster camera some are always replaced by newer ones."""


@dataclass(frozen=True)
class Verdict:
    """Level and words of a status."""

    level: bytes
    message: str
    kind: str = ""
    """What is wrong, in one word, where the log should say so too."""


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
    idle: str = ""
    """Why no images are taken; "" where they are."""
    settled: bool = False
    """Images are taken for long enough that rates mean something."""
    inputs: InputReport = UNKNOWN_INPUTS


def diagnostics_message(
    node: str, stamp: Time, state: Verdict, facts: Mapping[str, str], cameras: Sequence[CameraReport]
) -> DiagnosticArray:
    """The report of a node with any number of cameras.

    Args:
        state: the node's own; ERROR goes before what the cameras say, and that before the rest.
        facts: keys that all statuses share: state, device, model, …
    """
    verdicts = [verdict_of(camera) for camera in cameras]
    worst = max(verdicts, key=lambda verdict: verdict.level, default=Verdict(OK, ""))
    if worst.level == OK and not all(camera.idle for camera in cameras):
        worst = Verdict(OK, "")
    ranging = worst_of([camera.ranging for camera in cameras])
    everything = together([camera.now for camera in cameras])
    inputs = cameras[0].inputs if len(cameras) == 1 else UNKNOWN_INPUTS
    statuses = [_status(node, _shown(state, worst), facts, everything, ranging, inputs)]
    if any(camera.name for camera in cameras):
        for camera, verdict in zip(cameras, verdicts, strict=True):
            name, shown = f"{node}: {camera.name}", _shown(state, verdict)
            statuses.append(_status(name, shown, facts, camera.now, camera.ranging, camera.inputs))
    message = DiagnosticArray(status=statuses)
    message.header.stamp = stamp
    return message


def _shown(state: Verdict, camera: Verdict) -> Verdict:
    """Why the node does not work, else the camera's trouble, else what is to be said of the node."""
    if state.level == ERROR or camera.level == OK != state.level:
        return state
    if camera.level != OK:
        return camera
    return Verdict(OK, f"{state.message}, {camera.message}" if camera.message else state.message)


def findings_of(camera: CameraReport) -> list[Verdict]:
    """All that is wrong with a camera."""
    where = f"camera {camera.name}: " if camera.name else ""
    return [Verdict(level, f"{where}{text}", kind) for level, kind, text in _findings(camera)]


def verdict_of(camera: CameraReport) -> Verdict:
    """What is to be said of a camera: all that is of the worst level."""
    found = findings_of(camera)
    worst = max((each.level for each in found), default=OK)
    text = "; ".join(each.message for each in found if each.level == worst)
    return Verdict(worst, text or camera.idle)


def _findings(camera: CameraReport) -> Iterator[tuple[bytes, str, str]]:
    """Level, kind and words of all that is wrong."""
    now, inputs = camera.now, camera.inputs
    lost = now.lost_hz >= max(FEWEST_LOST, LOST_SHARE * (now.lost_hz + now.input_hz))
    if camera.stale:
        cause = f"{now.lost_hz:.1f} a second are lost on the way; {inputs.remedy}" if lost else inputs.silence
        yield STALE, "silent", "no frame comes" + (f": {cause}" if cause else "")
    new = {name: getattr(now.counts, name) - getattr(camera.before, name) for name in _DROPS}
    dropped = [f"{count} {name}" for name, count in new.items() if count > 0]
    if dropped:
        yield WARN, "", f"since the last report {', '.join(dropped)}"
    if camera.fruitless:
        yield WARN, "fruitless", f"frames come and none goes out; last error: {now.last_error or 'none'}"
    if lost:
        yield WARN, "lost", _loss(now, inputs)
    if camera.settled and now.output_hz < KEPT_UP * now.input_hz and now.counts.dropped_stale:
        yield WARN, "overload", _overload(now)
    if inputs.misfit:
        yield WARN, "misfit", inputs.misfit
    if camera.lacks_camera_info:
        yield WARN, "calibration", f"no camera_info comes: {inputs.no_camera_info}"
    if camera.ranging.trouble:
        yield WARN, "ranges", f"ranges: {camera.ranging.trouble}"
    if camera.ranging.no_scan:
        yield WARN, "scan", f"{OBSTACLE_SCAN.name}: {camera.ranging.no_scan}"


def _loss(now: Snapshot, inputs: InputReport) -> str:
    rate = f"{now.lost_hz:.1f} of {now.lost_hz + now.input_hz:.1f} frames a second"
    if now.counts.lost:
        return f"{rate} are lost on the way from the camera; {inputs.remedy}"
    return f"{rate} are missing by their stamps: the camera, or what is between it and here, leaves them out"


def _overload(now: Snapshot) -> str:
    spent = sum(now.stage_ms().values())
    return (
        f"overload: {now.input_hz:.1f} frames a second come and {now.output_hz:.1f} go out, one takes {spent:.0f} ms; "
        "a smaller inference_width, a GPU, or fewer frames from the camera help"
    )


_DROPS = ("dropped_invalid", "dropped_error")
"""Drops that a user should look at; of stale ones only many are worth a word."""


def _status(
    name: str,
    verdict: Verdict,
    facts: Mapping[str, str],
    snapshot: Snapshot,
    ranging: RangeReport,
    inputs: InputReport,
) -> DiagnosticStatus:
    values = dict(facts)
    values |= {entry.name: str(getattr(snapshot.counts, entry.name)) for entry in fields(Counts)}
    rates = {"input_hz": snapshot.input_hz, "output_hz": snapshot.output_hz, "lost_hz": snapshot.lost_hz}
    values |= {key: f"{rate:.2f}" for key, rate in rates.items()}
    values |= {"image_topic": inputs.image_topic, "image_reliability": inputs.image_reliability}
    values["image_publishers"] = "" if inputs.image_publishers is None else str(inputs.image_publishers)
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
