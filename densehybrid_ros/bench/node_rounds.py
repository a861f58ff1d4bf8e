"""One round of measuring the node, or its engine: frames one by one, then more than it can take."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from densehybrid_ros.bench.running_node import PATIENCE, STAMP_AT, RunningNode
from densehybrid_ros.convert.images import image_message
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError

WARM_UP = 2
"""Frames of each measurement that do not count."""
JUMP = 1000
"""s back in the stamps, after which the node begins its figures anew."""
ENGINE_STAGES = ("upload", "infer", "postprocess")
LONGEST_ANSWER = 10.0
"""s after which an answer does not come: it was sent before its listener was known."""


@dataclass(frozen=True)
class Case:
    """What is wanted of the node."""

    outputs: tuple[str, ...]
    output_size: str = "image"


MAPS = ("semantic", "anomaly", "open_set")
CASES = {
    "three maps": Case(MAPS),
    "open-set map": Case(("open_set",)),
    "three maps, network's size": Case(MAPS, "network"),
    "three maps, overlay": Case((*MAPS, "overlay")),
}
ENGINE = "engine alone, three maps"


@dataclass
class Measured:
    """Of one case, or the engine, over all rounds."""

    latencies_ms: list[float] = field(default_factory=list)
    """From the image sent to its last answer received, of each frame that came by itself."""
    hz: list[float] = field(default_factory=list)
    """Of each round, with more frames than it can take."""
    in_node_ms: list[float] = field(default_factory=list)
    """From taken to published by the node's own report, mean of each round."""
    engine_ms: list[float] = field(default_factory=list)
    """Of these, upload, network and post-processing."""

    def figures(self) -> dict[str, float]:
        fastest, p50, p95 = min(self.latencies_ms), *np.percentile(self.latencies_ms, [50, 95]).tolist()
        found = {"fastest_ms": fastest, "p50_ms": p50, "p95_ms": p95, "hz": float(np.median(self.hz))}
        if self.in_node_ms:
            found["in_node_ms"] = float(np.median(self.in_node_ms))
            beyond = np.subtract(self.in_node_ms, self.engine_ms)
            found["beyond_engine_ms"] = float(np.median(beyond))
        return {name: round(value, 2) for name, value in found.items()}


class Feed:
    """Pictures with rising stamps, from this process."""

    def __init__(self, node: RunningNode, picture: NDArray[np.uint8]) -> None:
        self._node, self._message = node, bytearray(serialize_message(image_message(picture, "rgb8", Image().header)))
        self.second = 1000 * JUMP

    def send(self) -> None:
        """The next one."""
        self.second += 1
        struct.pack_into("<i", self._message, STAMP_AT, self.second)
        self._node.publisher.publish(bytes(self._message))

    def answered(self) -> float:
        """Sends one, and returns when all answers to it are there; ms that it took."""
        begun = time.perf_counter()
        self.send()
        self._node.spin_until(lambda: self._node.answered(self.second), "answer")
        return (time.perf_counter() - begun) * 1000


def measure_engine(segmenter: Segmenter, picture: NDArray[np.uint8], runs: int, found: Measured) -> None:
    """One round of the bare engine in this process."""
    times: list[float] = []
    for _ in range(WARM_UP + runs):
        begun = time.perf_counter()
        segmenter.batch([picture], segmenter.info.threshold)
        times.append((time.perf_counter() - begun) * 1000)
    found.latencies_ms += times[WARM_UP:]
    found.hz.append(1000 / float(np.mean(times[WARM_UP:])))


def measure_node(node: RunningNode, feed: Feed, case: Case, runs: int, period: float, found: Measured) -> None:
    """One round of the node: frames one by one, then more than it can take.

    Args:
        period: s between two frames of the latter.
    """
    if not node.set_parameter("output_size", case.output_size):
        raise SetupError(f"the node refuses output_size {case.output_size}")
    listen(node, feed, case.outputs)
    for _ in range(WARM_UP):
        feed.answered()
    feed.second -= JUMP
    found.latencies_ms += [feed.answered() for _ in range(runs)]
    report = node.next_report()
    found.in_node_ms.append(float(report["latency_ms_mean"]))
    found.engine_ms.append(sum(float(report[f"stage_ms_{name}"]) for name in ENGINE_STAGES))
    found.hz.append(rate(node, feed, runs, period))


def listen(node: RunningNode, feed: Feed, outputs: Iterable[str]) -> None:
    """Returns when the node answers on all of them; its first answers may be to fewer."""
    node.listen(outputs)
    end = time.monotonic() + PATIENCE
    while not node.answered(feed.second):
        if time.monotonic() > end:
            raise SetupError(f"the node did not answer on all of {', '.join(outputs)} within {PATIENCE:g} s")
        feed.send()
        patience = time.monotonic() + LONGEST_ANSWER
        while not node.answered(feed.second) and time.monotonic() < patience:
            node.spin_once(patience)


def rate(node: RunningNode, feed: Feed, runs: int, period: float) -> float:
    """Frames per second that come out, where the next one is always there."""
    due, first, begun = time.monotonic(), 0, 0.0
    name = next(iter(node.received))
    start = node.received[name]
    while node.received[name] < start + WARM_UP + runs:
        if not begun and node.received[name] >= start + WARM_UP:
            begun, first = time.monotonic(), node.received[name]
        if time.monotonic() >= due:
            feed.send()
            due = max(due + period, time.monotonic())
        node.spin_once(due)
    hz = (node.received[name] - first) / (time.monotonic() - begun)
    node.spin_for(2 * period)  # what is still at work comes out
    return hz
