"""python benchmarks/node_overhead.py [--frames N] [--size WxH]: what the node costs beside its engine, in one run.

Rounds of: the bare engine alone in this process (frames per second), and the node in its own process, fed over DDS a
little faster than it can work, with all its outputs but the overlay listened to, or with the overlay too. The overhead
of a frame is the time from message taken to messages published without upload, network and postprocess, from the node's
own diagnostics, while frames come one at a time, so that none waits for the one before. Feeding and listening share
the machine's cores with the node; `--threads` limits the engine's, here and there alike. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from densehybrid_ros.convert.images import image_message
from densehybrid_ros.core.heap import keep_freed_memory
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.roadworld import Roadworld

sys.path.insert(0, str(Path(__file__).parent))  # this folder is no package
from running_node import OUTPUTS, RunningNode

ENGINE_STAGES = ("upload", "infer", "postprocess")
OVERHEAD_LIMIT, RATE_LIMIT = 15.0, 0.95
"""ms, and the share of the bare engine's frames per second."""
SECONDS_AT = 4
"""Where the stamp's seconds stand in a serialised Image: behind CDR's own four bytes."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=40, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", default="2048x1024")
    parser.add_argument("--threads", type=int, help="of the engine; without it as many as torch takes")
    arguments = parser.parse_args(argv)
    width, height = (int(part) for part in arguments.size.split("x"))
    keep_freed_memory()  # as the node does
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    picture = cv2.resize(
        Roadworld(7, 960, 540).frame(3, stereo=False).left, (width, height), interpolation=cv2.INTER_LINEAR
    )
    rounds = [measure(picture, arguments.frames, arguments.threads) for _ in range(arguments.rounds)]
    medians = {name: round(float(np.median([each[name] for each in rounds])), 3) for name in rounds[0]}
    print(json.dumps({"size": arguments.size, "rounds": rounds, "median": medians}, indent=2))
    met = medians["overhead_ms"] <= OVERHEAD_LIMIT and medians["rate_ratio"] >= RATE_LIMIT
    sys.exit(0 if met else 1)


def measure(picture: np.ndarray, frames: int, threads: int | None) -> dict[str, float]:
    """One round: engine before, node, engine after, so that a drift of the machine's speed shows and averages out."""
    before = bare_rate(picture, frames)
    without_overlay = tuple(name for name in OUTPUTS if name != "overlay")
    lone = node_figures(picture, frames, threads, without_overlay, period=2.5 / before)
    overlaid = node_figures(picture, frames, threads, OUTPUTS, period=2.5 / before)
    full = node_figures(picture, frames, threads, without_overlay, period=0.85 / before)
    after = bare_rate(picture, frames)
    return {
        "engine_hz_before": before,
        "engine_hz_after": after,
        "node_hz": full["hz"],
        "rate_ratio": full["hz"] / ((before + after) / 2),
        "overhead_ms": lone["overhead_ms"],
        "overhead_with_overlay_ms": overlaid["overhead_ms"],
        "latency_ms": lone["latency_ms"],
    }


def bare_rate(picture: np.ndarray, frames: int) -> float:
    """Frames per second of the engine alone, semantic map, score and open-set map all wanted."""
    segmenter = Segmenter.load(device="cpu")
    for _ in range(3):
        segmenter(picture)
    begin = time.perf_counter()
    for _ in range(frames):
        segmenter(picture)
    return frames / (time.perf_counter() - begin)


def node_figures(
    picture: np.ndarray, frames: int, threads: int | None, outputs: Iterable[str], period: float
) -> dict[str, float]:
    """Rate, mean latency and mean overhead of the node, fed with a picture every `period` s."""
    message = image_message(picture, "rgb8", Image().header)
    serialised = bytearray(serialize_message(message))
    with RunningNode(outputs=outputs, threads=threads) as node:
        node.wait_until_ready()
        due, begun, first, stamp = time.monotonic(), 0.0, 0, 1_000
        warm = 5
        while node.received["open_set"] < frames + warm:
            if node.process.poll() is not None:
                raise RuntimeError(f"the node ended with status {node.process.returncode}")
            if not begun and node.received["open_set"] >= warm:
                begun, first = time.monotonic(), node.received["open_set"]
            if time.monotonic() >= due:
                stamp += 1
                struct.pack_into("<i", serialised, SECONDS_AT, stamp)
                node.publisher.publish(bytes(serialised))
                due = max(due + period, time.monotonic())
            node.executor.spin_once(timeout_sec=max(0.0, min(0.02, due - time.monotonic())))
        hz = (node.received["open_set"] - first) / (time.monotonic() - begun)
        report = node.next_report()
    latency = float(report["latency_ms_mean"])
    engine = sum(float(report[f"stage_ms_{name}"]) for name in ENGINE_STAGES)
    return {"hz": hz, "latency_ms": latency, "overhead_ms": latency - engine}


if __name__ == "__main__":
    main()
