"""python benchmarks/node_versions.py CLONE [--weights FILE] [--runs 6]: the node of this clone beside that of another.

CLONE is a working tree at the version to compare with, as `git worktree add` makes it; it needs no environment of its
own. Both nodes run by turns in one run with the same weights, and answer the same picture on three maps over DDS: the
time from the picture sent to its last map received, one by one, and frames per second where the next one is always
there. Where a version is given that has no parameter of an option's name, leave that option out.
"""

from __future__ import annotations

import argparse
import statistics
from contextlib import ExitStack
from pathlib import Path

import cv2
import torch

from densehybrid_ros.bench.node_rounds import MAPS, WARM_UP, Feed, listen, rate
from densehybrid_ros.bench.running_node import RunningNode
from densehybrid_ros.metrics.table import table_lines
from densehybrid_ros.roadworld import Roadworld

HERE = Path(__file__).resolve().parents[1]
SETTLING = 8
"""Frames before anything counts: until an engine is ready a node answers by torch, and may build it meanwhile."""
HURRY = 0.8
"""Part of a node's own time for a frame after which the next one is sent, where it is to have enough of them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path)
    parser.add_argument("--weights", type=Path, default=HERE / "models/weights/ladder_lite0_camvid.safetensors")
    parser.add_argument("--size", type=int, nargs=2, default=[1920, 1080], metavar=("W", "H"))
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--here", nargs="*", default=[], metavar="NAME:=VALUE", help="parameters of this clone's node")
    arguments = parser.parse_args()
    picture = cv2.resize(
        Roadworld(7, 960, 540).frame(3, stereo=False).left, arguments.size, interpolation=cv2.INTER_LINEAR
    )
    given = f"model_path:={arguments.weights.resolve()}"
    nodes, feeds = {}, {}
    with ExitStack() as stack:
        for name, source, more in (("that clone", arguments.clone.resolve(), []), ("this one", HERE, arguments.here)):
            node = stack.enter_context(RunningNode(given, *more, outputs=MAPS, log_level="error", source=source))
            nodes[name], feeds[name] = node, Feed(node, picture)
            node.wait_until_ready()
            listen(node, feeds[name], MAPS)
            for _ in range(SETTLING):
                feeds[name].answered()
            node.spin_for(2.0)
        latencies: dict[str, list[float]] = {name: [] for name in nodes}
        rates: dict[str, list[float]] = {name: [] for name in nodes}
        for _ in range(arguments.rounds):
            for name, node in nodes.items():
                times = [feeds[name].answered() for _ in range(WARM_UP + arguments.runs)][WARM_UP:]
                latencies[name] += times
                period = HURRY * statistics.median(times) / 1000
                rates[name].append(rate(node, feeds[name], arguments.runs, period))
    print(f"{arguments.weights.name}, {arguments.size[0]}x{arguments.size[1]}, {torch.get_num_threads()} threads")
    rows = [["", "fastest ms", "median ms", "frames/s"]]
    for name in nodes:
        found = (min(latencies[name]), statistics.median(latencies[name]), statistics.median(rates[name]))
        rows.append([name, *(f"{value:.1f}" for value in found)])
    (before, now), (hz_before, hz_now) = latencies.values(), rates.values()
    ratios = min(before) / min(now), statistics.median(before) / statistics.median(now)
    ratios += (statistics.median(hz_now) / statistics.median(hz_before),)
    rows.append(["times as fast", *(f"{ratio:.2f}" for ratio in ratios)])
    print("\n".join(table_lines(rows)))


if __name__ == "__main__":
    main()
