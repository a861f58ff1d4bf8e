"""python benchmarks/node_versions.py CLONE [--weights FILE] [--runs 6]: the node of this clone beside that of another.

CLONE is a working tree at the version to compare with, as `git worktree add` makes it; it needs no environment of its
own. Both nodes run by turns in one run with the same weights, and answer the same picture on three maps over DDS: the
time from the picture sent to its last map received, one by one, and frames per second where the next one is always
there. Engines are waited for, and named. Parameters that only this version knows go to its node alone, by --here.
"""

from __future__ import annotations

import argparse
import statistics
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch

from densehybrid_ros.bench.node import HURRY, SIZE, answering_engine, picture_of, settled
from densehybrid_ros.bench.node_rounds import MAPS, WARM_UP, Feed, listen, rate
from densehybrid_ros.bench.running_node import RunningNode
from densehybrid_ros.metrics.table import table_lines

HERE = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path)
    parser.add_argument("--weights", type=Path, default=HERE / "models/weights/ladder_lite0_camvid.safetensors")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar=("W", "H"))
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--here", nargs="*", default=[], metavar="NAME:=VALUE", help="parameters of this clone's node")
    arguments = parser.parse_args()
    if not (arguments.clone / "densehybrid_ros" / "nodes").is_dir():
        parser.error(f"{arguments.clone} is no clone of this repository: it has no densehybrid_ros/nodes")
    picture = picture_of(*arguments.size)
    given = f"model_path:={arguments.weights.resolve()}"
    nodes, feeds, engines = {}, {}, {}
    with ExitStack() as stack:
        for name, source, more in (("that clone", arguments.clone.resolve(), []), ("this one", HERE, arguments.here)):
            node = stack.enter_context(RunningNode(given, *more, outputs=MAPS, log_level="error", source=source))
            nodes[name], feeds[name] = node, Feed(node, picture)
            node.wait_until_ready()
            listen(node, feeds[name], MAPS)
            engines[name] = settled(partial(answering_engine, node, feeds[name])) or "not named"
        latencies: dict[str, list[float]] = {name: [] for name in nodes}
        rates: dict[str, list[float]] = {name: [] for name in nodes}
        for _ in range(arguments.rounds):
            for name, node in nodes.items():
                times = [feeds[name].answered() for _ in range(WARM_UP + arguments.runs)][WARM_UP:]
                latencies[name] += times
                period = HURRY * statistics.median(times) / 1000
                rates[name].append(rate(node, feeds[name], arguments.runs, period))
    print(f"{arguments.weights.name}, {arguments.size[0]}x{arguments.size[1]}, {torch.get_num_threads()} threads")
    print("\n".join(table_lines(compared(engines, latencies, rates))))


def compared(
    engines: dict[str, str], latencies: dict[str, list[float]], rates: dict[str, list[float]]
) -> list[list[str]]:
    """Rows of a table: that clone, this one, and how many times as fast this one is."""
    median = statistics.median
    found = {name: (min(latencies[name]), median(latencies[name]), median(rates[name])) for name in engines}
    rows = [["", "engine", "fastest ms", "median ms", "frames/s"]]
    rows += [[name, engines[name], *(f"{value:.1f}" for value in values)] for name, values in found.items()]
    before, now = found.values()
    ratios = before[0] / now[0], before[1] / now[1], now[2] / before[2]
    return [*rows, ["times as fast", "", *(f"{ratio:.2f}" for ratio in ratios)]]


if __name__ == "__main__":
    main()
