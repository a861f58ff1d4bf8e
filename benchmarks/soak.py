"""python benchmarks/soak.py [--minutes 30] [--rate HZ]: the node under full load, with everything that disturbs it.

Feeds Roadworld pictures faster than the node can work, listens to all outputs, and every few seconds stalls the camera,
changes a parameter, cycles the lifecycle, sends malformed frames, or sets the stamps back. At the end, every frame that
the node took must be published or dropped for a cause, and the resident memory must be flat: its slope, after a warm-up
of a tenth of the time (at least one minute), under 1 MB per 10 minutes. Prints a line per minute and a JSON summary.

A slope needs a long run: the heap's high-water mark rises in single steps of up to 25 MB in the first minutes. For
short runs the summary has the steady growth, which a single step does not touch. An engine that is opened anew each
time the node is configured raises the mark in many such steps: short runs go by `--engine torch`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from lifecycle_msgs.msg import Transition
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from densehybrid_ros.bench.running_node import RunningNode
from densehybrid_ros.convert.images import image_message
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.engines.choice import ENGINES
from densehybrid_ros.roadworld import Roadworld

SIZE = (640, 480)
WIDTH = 320
"""px, of the network: what a frame needs while it is worked on is small beside a leak, and many frames go through."""
PICTURES = 12
SLOPE_LIMIT = 1.0
"""MB per 10 minutes."""
WINDOW = 5.0
"""s over which steady growth is looked at: two disturbances of the short version."""


@dataclass
class Soak:
    """State of one run."""

    node: RunningNode
    rng: random.Random
    stamp: int = 1_000_000_000_000
    """ns"""
    sent: int = 0
    malformed: int = 0
    disturbances: dict[str, int] = field(default_factory=dict)
    memory: list[tuple[float, float, float]] = field(default_factory=list)
    """Steady time in s, resident MB, shared MB."""

    def send(self, message: Image, step: float) -> None:
        self.stamp += int(step * 1e9)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(self.stamp, 10**9)
        message.header.frame_id = "camera"
        self.node.publisher.publish(message)
        self.sent += 1


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=20.0, help="Hz of the camera; more than the node can hold")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=list(DISTURBANCES), help="disturb in this way alone")
    parser.add_argument("--period", type=float, default=5.0, help="s between two disturbances")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="of the node; torch for short runs")
    parser.add_argument("--out", type=Path, help="also write the summary and the memory curve here, as JSON")
    arguments = parser.parse_args(argv)
    chosen = arguments.only or list(DISTURBANCES)
    result = run(arguments.minutes, arguments.rate, arguments.seed, chosen, arguments.period, arguments.engine)
    print(json.dumps({name: value for name, value in result.items() if name != "memory"}, indent=2))
    if arguments.out:
        arguments.out.write_text(json.dumps(result) + "\n")
    sys.exit(0 if result["accounted_for"] and result["flat"] else 1)


def run(minutes: float, rate: float, seed: int, chosen: list[str], period: float, engine: str) -> dict[str, object]:
    """The whole soak; see the module's text."""
    world = Roadworld(7, *SIZE)
    pictures = [image_message(world.frame(5 * n, stereo=False).left, "rgb8", Image().header) for n in range(PICTURES)]
    with RunningNode("camera_timeout:=1.0", f"inference_width:={WIDTH}", f"engine:={engine}") as node:
        node.wait_until_ready()
        soak = Soak(node, random.Random(seed))
        begin = time.monotonic()
        due, disturb, told = begin, begin + period, begin
        while (now := time.monotonic()) < begin + minutes * 60:
            if node.process.poll() is not None:
                raise RuntimeError(f"the node ended with status {node.process.returncode}")
            if now >= disturb:
                name = soak.rng.choice(chosen)
                DISTURBANCES[name](soak)
                soak.disturbances[name] = soak.disturbances.get(name, 0) + 1
                disturb = due = time.monotonic()
                disturb += period
            if now >= due:
                soak.send(pictures[soak.sent % PICTURES], 1 / rate)
                due = max(due + 1 / rate, now - 1 / rate)
            node.spin_for(max(0.001, min(due - time.monotonic(), 0.05)))
            if not soak.memory or now - soak.memory[-1][0] >= 1:
                soak.memory.append((now, *node.resident_mb()))
            if now >= told:
                told += 60
                print(f"{(now - begin) / 60:5.1f} min  {_line(soak)}", flush=True)
        node.spin_for(3.0)  # what is at work is published
        report = node.next_report()
        return _summary(soak, report, begin, minutes)


def _summary(soak: Soak, report: dict[str, str], begin: float, minutes: float) -> dict[str, object]:
    counters = {name: int(value) for name, value in report.items() if name.startswith(("frames_", "dropped_"))}
    drops = sum(value for name, value in counters.items() if name.startswith("dropped_"))
    warm_up = max(60.0, minutes * 6)
    curve = np.array(soak.memory)
    late = curve[curve[:, 0] - begin > warm_up]
    slope = float(np.polyfit(late[:, 0], late[:, 1], 1)[0] * 600) if len(late) > 30 else float("nan")
    return {
        "minutes": minutes,
        "sent": soak.sent,
        "malformed_sent": soak.malformed,
        **counters,
        "unaccounted": counters["frames_in"] - counters["frames_out"] - drops,
        "accounted_for": counters["frames_in"] == counters["frames_out"] + drops and counters["frames_out"] > 0,
        "lost_before_the_node": soak.sent - counters["frames_in"],
        "received": soak.node.received,
        "disturbances": soak.disturbances,
        "resident_mb_first_and_last_minute": [
            round(float(late[:60, 1].mean()), 1),
            round(float(late[-60:, 1].mean()), 1),
        ],
        "shared_mb": round(float(late[-1, 2]), 1),
        "slope_mb_per_10_min": round(slope, 3),
        "steady_growth_mb_per_10_min": round(steady_growth(curve[:, 0], curve[:, 1]), 3),
        "flat": slope < SLOPE_LIMIT,
        "latency_ms_p95": report["latency_ms_p95"],
        "memory": [[round(float(t - begin), 1), *map(float, rest)] for t, *rest in soak.memory],
    }


def steady_growth(seconds: NDArray[np.float64], megabytes: NDArray[np.float64]) -> float:
    """Growth that three of four windows of WINDOW exceed, MB per 10 minutes.

    What leaks again and again shows in nearly all of them, steps of the heap only in those in which they fall.
    """
    starts = seconds[seconds <= seconds[-1] - WINDOW]
    growth = np.interp(starts + WINDOW, seconds, megabytes) - np.interp(starts, seconds, megabytes)
    return float(np.quantile(growth, 0.25) * 600 / WINDOW)


def _line(soak: Soak) -> str:
    report = soak.node.report
    resident, shared = soak.node.resident_mb()
    counts = ", ".join(f"{name} {report.get(name, '?')}" for name in ("frames_in", "frames_out", "output_hz"))
    return f"resident {resident:.1f} MB ({shared:.1f} shared), sent {soak.sent}, {counts}"


def _stall(soak: Soak) -> None:
    soak.node.spin_for(soak.rng.uniform(1.0, 3.0))


def _parameters(soak: Soak) -> None:
    name, value = soak.rng.choice(
        [
            ("score", soak.rng.choice(list(SCORES))),
            ("threshold", soak.rng.uniform(-5, 5)),
            ("target_tpr", soak.rng.uniform(0, 1)),
            ("overlay_alpha", soak.rng.uniform(-0.5, 1.5)),
        ]
    )
    soak.node.set_parameter(name, value)


def _pause(soak: Soak) -> None:
    assert soak.node.change_state(Transition.TRANSITION_DEACTIVATE)
    soak.node.spin_for(0.5)
    assert soak.node.change_state(Transition.TRANSITION_ACTIVATE)


def _configure_anew(soak: Soak) -> None:
    transitions = ("DEACTIVATE", "CLEANUP", "CONFIGURE", "ACTIVATE")
    for transition in transitions:
        assert soak.node.change_state(getattr(Transition, f"TRANSITION_{transition}"))


def _malformed(soak: Soak) -> None:
    for _ in range(20):
        soak.malformed += 1
        soak.send(Image(encoding="rgb8", width=640, height=480, step=1920, data=bytes(soak.rng.randrange(5000))), 0.001)
        soak.node.spin_for(0.01)


def _loop(soak: Soak) -> None:
    soak.stamp -= 10 * 10**9


DISTURBANCES: dict[str, Callable[[Soak], None]] = {
    "stalled camera": _stall,
    "parameter change": _parameters,
    "deactivate and activate": _pause,
    "configure anew": _configure_anew,
    "malformed frames": _malformed,
    "bag loop": _loop,
}


if __name__ == "__main__":
    main()
