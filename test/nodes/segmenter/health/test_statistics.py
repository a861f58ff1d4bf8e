"""Counters, rates, stamps and complaints, on a made clock."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.stamps import Order, StampOrder
from densehybrid_ros.nodes.segmenter.health.diagnostics import CameraReport, Verdict, diagnostics_message
from densehybrid_ros.nodes.segmenter.health.statistics import Counts, FrameStatistics, together


class MadeClock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def filled(clock: MadeClock, frames: int, period: float, latency: float) -> FrameStatistics:
    statistics = FrameStatistics(clock)
    for _ in range(frames):
        clock.now += period
        statistics.arrived()
        statistics.finished(latency, {"infer": latency * 500})
    return statistics


def test_frames_are_accounted_for() -> None:
    statistics = filled(MadeClock(), 5, 0.1, 0.02)
    for cause in ("dropped_stale", "dropped_invalid", "dropped_error", "dropped_unwanted"):
        statistics.arrived()
        statistics.drop(cause, f"because of {cause}")
    statistics.arrived()
    statistics.drop("dropped_stale")
    statistics.arrived()
    snapshot = statistics.snapshot()
    assert snapshot.counts == Counts(11, 5, 2, 1, 1, 1)
    assert snapshot.counts.in_work == 1
    assert snapshot.last_error == "because of dropped_unwanted"


def test_rates_latencies_and_age_follow_the_clock() -> None:
    clock = MadeClock()
    statistics = filled(clock, 60, 0.1, 0.02)
    snapshot = statistics.snapshot()
    assert snapshot.input_hz == pytest.approx(10)
    assert snapshot.output_hz == pytest.approx(10)
    assert snapshot.latency_ms() == pytest.approx({"mean": 20, "p95": 20, "max": 20})
    assert snapshot.stage_ms() == pytest.approx({"infer": 10})
    clock.now += 30
    stalled = statistics.snapshot()
    assert (stalled.input_hz, stalled.last_frame_age) == (0, pytest.approx(30))
    statistics.restart_windows()
    assert statistics.snapshot().latency_ms() == {}
    assert statistics.snapshot().counts.frames_in == 60
    assert FrameStatistics(clock).snapshot().last_frame_age == float("inf")


def test_a_rate_falls_as_soon_as_frames_are_missing() -> None:
    clock = MadeClock()
    statistics = filled(clock, 30, 0.1, 0.02)
    clock.now += 0.15
    assert statistics.snapshot().input_hz == pytest.approx(10)
    clock.now += 1.85
    assert statistics.snapshot().input_hz < 7


def test_the_newest_error_of_all_cameras_is_shown() -> None:
    clock = MadeClock()
    one, two = FrameStatistics(clock), FrameStatistics(clock)
    for statistics, reason in ((one, "first"), (two, "second"), (one, "third")):
        clock.now += 1
        statistics.drop("dropped_invalid", reason)
        newest = together([one.snapshot(), two.snapshot()]).last_error
        assert newest == reason


def test_cameras_together_are_sums_and_pooled_frames() -> None:
    clock = MadeClock()
    one, two = filled(clock, 10, 0.1, 0.01), filled(clock, 30, 0.1, 0.03)
    both = together([one.snapshot(), two.snapshot()])
    assert both.counts.frames_out == 40
    assert both.latency_ms()["mean"] == pytest.approx(25)
    assert both.last_frame_age == pytest.approx(0)
    assert together([]).counts == Counts()


def test_stamps_are_newer_older_or_set_back() -> None:
    order = StampOrder()
    given = [10.0, 10.5, 10.5, 10.2, 10.6, 9.6, 9.5, 10.7, 3.0, 3.1, 0.0, 0.0]
    newer, older, back = Order.NEWER, Order.OLDER, Order.JUMPED_BACK
    expected = [newer, newer, newer, older, newer, older, back, newer, back, newer, back, newer]
    found = [order.next(Time(sec=int(stamp), nanosec=round(stamp % 1 * 1e9))) for stamp in given]
    assert found == expected


def test_a_complaint_is_made_once_or_once_in_a_while() -> None:
    clock, lines = MadeClock(), []
    complaints = Complaints(lines.append, clock)
    for _ in range(3):
        complaints.throttled("front", "front is bad")
        complaints.throttled("left", "left is bad")
        complaints.once(ValueError, "a bug")
    assert lines == ["front is bad", "left is bad", "a bug"]
    clock.now += 6
    complaints.throttled("front", "front is still bad")
    complaints.once(ValueError, "a bug")
    assert lines[3:] == ["front is still bad"]


def report(name: str, now: FrameStatistics, before: Counts, stale: bool = False) -> CameraReport:
    return CameraReport(name, now.snapshot(), before, stale, lacks_camera_info=False)


def test_diagnostics_speak_of_the_worst_camera_and_of_each() -> None:
    good, bad = filled(MadeClock(), 3, 0.1, 0.01), filled(MadeClock(), 3, 0.1, 0.01)
    bad.arrived()
    bad.drop("dropped_invalid", "truncated")
    active = Verdict(DiagnosticStatus.OK, "active")

    def levels(cameras: list[CameraReport], state: Verdict = active) -> list[bytes]:
        return [each.level for each in diagnostics_message("/node", Time(), state, {}, cameras).status]

    ok, warn, error, stale = (getattr(DiagnosticStatus, name) for name in ("OK", "WARN", "ERROR", "STALE"))
    old = Counts()
    assert levels([report("front", good, old), report("left", bad, old)]) == [warn, ok, warn]
    # what was reported once is not reported again
    assert levels([report("front", good, old), report("left", bad, bad.snapshot().counts)]) == [ok, ok, ok]
    assert levels([report("front", good, old, stale=True), report("left", bad, old)]) == [stale, stale, warn]
    assert levels([report("", bad, old)]) == [warn]
    assert levels([report("front", good, old)], Verdict(error, "no weights")) == [error, error]
    assert levels([]) == [ok]
    # what is odd about the node's settings hides no camera's trouble
    assert levels([report("", bad, old)], Verdict(warn, "no GPU")) == [warn]
    assert levels([report("front", good, old, stale=True)], Verdict(warn, "no GPU")) == [stale, stale]
    assert levels([report("", good, old)], Verdict(warn, "no GPU")) == [warn]


def test_diagnostics_have_all_keys() -> None:
    message = diagnostics_message("/node", Time(sec=5), Verdict(b"\0", "active"), {"state": "active"}, [])
    keys = {pair.key for pair in message.status[0].values}
    latencies = {f"latency_ms_{key}" for key in ("mean", "p95", "max")}
    stages = {f"stage_ms_{key}" for key in ("decode", "upload", "infer", "postprocess", "publish")}
    arrivals = {"lost", "missing", "lost_hz", "image_topic", "image_publishers", "image_reliability"}
    assert keys >= arrivals
    counters = {"frames_in", "frames_out", "dropped_stale", "dropped_invalid", "dropped_error", "dropped_unwanted"}
    assert keys >= latencies | stages | counters | {"state", "input_hz", "output_hz", "last_frame_age_s", "last_error"}
    assert message.header.stamp.sec == 5
