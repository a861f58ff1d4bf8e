"""DiagnosticArray from counters."""

from __future__ import annotations

from collections.abc import Mapping

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from densehybrid_ros.nodes.statistics import FrameStatistics


def diagnostics_message(
    name: str, stamp: Time, active: bool, facts: Mapping[str, str], statistics: FrameStatistics
) -> DiagnosticArray:
    """One status. WARN when frames were dropped as invalid or failed, OK otherwise."""
    counts, latency = statistics.counts(), statistics.latency_ms()
    troubled = counts.dropped_invalid + counts.dropped_error > 0
    values = dict(facts)
    for key in ("frames_in", "frames_out", "dropped_stale", "dropped_invalid", "dropped_error"):
        values[key] = str(getattr(counts, key))
    values |= {f"latency_ms_{key}": f"{value:.2f}" for key, value in latency.items()}
    values["last_error"] = statistics.last_error
    status = DiagnosticStatus(
        level=DiagnosticStatus.WARN if troubled else DiagnosticStatus.OK,
        name=name,
        message=("active" if active else "inactive") + (", frames were dropped" if troubled else ""),
        hardware_id=facts.get("device", ""),
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
    message = DiagnosticArray(status=[status])
    message.header.stamp = stamp
    return message
