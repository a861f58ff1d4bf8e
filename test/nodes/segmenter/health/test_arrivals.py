"""Frames that do not arrive: by their stamps, in the counters, in the words of the diagnostics and of the log."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from densehybrid_ros.nodes.segmenter.health.arrivals import StampGaps
from densehybrid_ros.nodes.segmenter.health.changes import Changes
from densehybrid_ros.nodes.segmenter.health.diagnostics import (
    CameraReport,
    Verdict,
    diagnostics_message,
    findings_of,
    verdict_of,
)
from densehybrid_ros.nodes.segmenter.health.inputs import InputReport
from densehybrid_ros.nodes.segmenter.health.statistics import Counts, FrameStatistics, together

OK, WARN, STALE = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.STALE
PERIOD = 1 / 30


class MadeClock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def missing(seconds: np.ndarray) -> int:
    gaps = StampGaps()
    return sum(gaps.missing(round(stamp * 1e9)) for stamp in seconds)


@pytest.mark.parametrize("received", [1.0, 0.9, 0.5, 0.17])
@pytest.mark.parametrize("jitter", [0.0, 0.1])
def test_frames_that_a_camera_has_sent_are_missed(received: float, jitter: float) -> None:
    rng = np.random.default_rng(4)
    sent = 1e9 + np.arange(900) * PERIOD + rng.normal(0, jitter * PERIOD / 2, 900).clip(-PERIOD / 5, PERIOD / 5)
    came = sent[rng.random(900) < received]
    assert missing(came) == pytest.approx(900 - len(came), rel=0.15, abs=1)  # the first steps teach the period


def test_a_camera_without_a_period_misses_nothing() -> None:
    rng = np.random.default_rng(4)
    triggered = np.cumsum(rng.uniform(0.02, 1.5, 300))
    two = np.sort(np.concatenate([np.arange(300) / 30, np.arange(250) / 25 + 0.0131]))
    assert missing(triggered) <= 3
    assert missing(two) <= 6
    assert missing(np.zeros(300)) == 0


def test_pauses_loops_and_odd_stamps_are_no_loss() -> None:
    drive = np.arange(60) * PERIOD
    assert missing(np.concatenate([drive + 10, drive + 20, drive + 10])) == 0
    spoilt = drive + 10
    spoilt[30] = 0  # a broken header
    assert missing(spoilt) == 0


def listening(seconds: float, arrives: int, answers: int, lost: int = 0, missing: int = 0) -> FrameStatistics:
    """A camera of that many frames a second; the rest of what arrives is replaced by newer ones."""
    clock = MadeClock()
    statistics = FrameStatistics(clock)
    for number in range(round(seconds * arrives)):
        clock.now += 1 / arrives
        statistics.arrived()
        if number % arrives < answers:
            statistics.finished(0.8, {"infer": 800.0})
        else:
            statistics.drop("dropped_stale")
        if number % arrives == 0:
            statistics.absent("lost", lost)
            statistics.absent("missing", missing)
    return statistics


def report(statistics: FrameStatistics, **changes: object) -> CameraReport:
    now = statistics.snapshot()
    made = CameraReport("front", now, now.counts, stale=False, lacks_camera_info=False, settled=True)
    return replace(made, **changes)


def test_losses_are_counted_beside_the_frames_that_came() -> None:
    snapshot = listening(10, arrives=5, answers=5, lost=25, missing=24).snapshot()
    assert snapshot.counts == Counts(frames_in=50, frames_out=50, lost=250, missing=240)
    assert snapshot.counts.in_work == 0
    assert snapshot.lost_hz == pytest.approx(25)
    assert together([snapshot, snapshot]).lost_hz == pytest.approx(50)


def test_losses_are_a_warning_with_numbers_and_a_remedy_for_the_publisher() -> None:
    inputs = InputReport("/cam/image_raw", 1, "best_effort")
    verdict = verdict_of(report(listening(10, 5, 5, lost=25), inputs=inputs))
    assert verdict.level == WARN
    assert "camera front: 25.0 of 30.0 frames a second are lost on the way from the camera" in verdict.message
    assert "offer reliable delivery and keep 5" in verdict.message
    assert "fastdds_large_images.xml" in verdict.message
    reliable = verdict_of(report(listening(10, 5, 5, lost=25), inputs=replace(inputs, image_reliability="reliable")))
    assert "offer reliable" not in reliable.message
    left_out = verdict_of(report(listening(10, 5, 5, missing=25)))
    assert (left_out.level, "missing by their stamps" in left_out.message) == (WARN, True)
    assert verdict_of(report(listening(10, 30, 30, lost=1))).level == OK
    silent = verdict_of(report(listening(10, 5, 5, lost=25), stale=True, inputs=inputs))
    assert (silent.level, "25.0 a second are lost" in silent.message) == (STALE, True)


def test_overload_is_a_warning_with_numbers() -> None:
    verdict = verdict_of(report(listening(10, 30, 1)))
    assert verdict.level == WARN
    assert "overload: 30.0 frames a second come and 1.0 go out, one takes 800 ms" in verdict.message
    both = report(listening(10, 30, 1, lost=30))
    assert [each.kind for each in findings_of(both)] == ["lost", "overload"]
    assert all(each.message in verdict_of(both).message for each in findings_of(both))
    assert verdict_of(report(listening(10, 30, 20))).level == OK
    assert verdict_of(report(listening(10, 30, 1), settled=False)).level == OK


def test_a_camera_that_nobody_listens_to_is_idle_and_not_silent() -> None:
    idle, active = report(listening(1, 5, 5), idle="idle: nobody listens"), Verdict(OK, "active")

    def messages(*cameras: CameraReport) -> list[str]:
        return [each.message for each in diagnostics_message("/node", Time(), active, {}, cameras).status]

    assert messages(replace(idle, name="")) == ["active, idle: nobody listens"]
    busy = report(listening(1, 5, 5))
    assert messages(idle, busy) == ["active", "active, idle: nobody listens", "active"]


def test_the_log_says_what_begins_and_what_is_over() -> None:
    clock, warned, told = MadeClock(), [], []
    changes = Changes(warned.append, told.append, clock)
    lost, well = Verdict(WARN, "lost", "lost"), Verdict(OK, "")
    for verdict in [well] * 3 + [lost] * 5 + [well, lost] * 5 + [Verdict(STALE, "silent", "silent")]:
        clock.now += 1
        changes.note("front", [verdict])
    assert (warned, told) == (["lost", "silent"], [])
    for _ in range(8):
        clock.now += 1
        changes.note("front", [])
    assert told == ["camera front: all is well again"]
    clock.now += 60
    changes.note("front", [lost])
    assert warned == ["lost", "silent", "lost"]


@pytest.mark.parametrize("factor", [2, 3, 0.5])
def test_a_camera_that_changes_its_rate_loses_nothing(factor: float) -> None:
    """As they do in the dark; what is lost after that is missed by the new period."""
    periods = np.array([PERIOD] * 200 + [factor * PERIOD] * 200)
    assert missing(periods.cumsum()) == 0
    came = np.random.default_rng(5).random(400) < 0.8
    came[:220] = came[-2:] = True
    assert missing(periods.cumsum()[came]) == pytest.approx((~came).sum(), abs=2)
