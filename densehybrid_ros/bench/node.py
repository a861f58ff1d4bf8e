"""The whole node beside its bare engine: fed over DDS from another process, which also listens to its answers."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from densehybrid_ros.bench.node_rounds import CASES, ENGINE, MAPS, Feed, Measured, listen, measure_engine, measure_node
from densehybrid_ros.bench.running_node import RunningNode
from densehybrid_ros.core.devices import device_name
from densehybrid_ros.core.heap import keep_freed_memory
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.metrics.table import table_lines
from densehybrid_ros.progress import progress_bar
from densehybrid_ros.roadworld import Roadworld

SIZE = (1920, 1080)
"""Pictures where no size is named, px."""
ROUNDS = 3
"""In which engine and node take turns."""
HURRY = 0.8
"""Part of the engine's time for a frame after which the next one is sent, where the node is to have enough of them."""
PATIENCE = 600.0
"""s for an engine to be built."""


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, as they are written to --json."""
    keep_freed_memory()  # as the node does
    width, height = options.size or SIZE
    picture = picture_of(width, height)
    weights, precision = options.weights, options.precision
    segmenter = Segmenter.load(weights, options.device, precision, options.inference_width, "auto")
    turns = ROUNDS * (len(CASES) + 1)
    with progress_bar(total=turns, desc="bench", unit="measurement", leave=False) as bar:
        bar.set_postfix_str("waiting for the engine")
        engine = settled(lambda: _by(segmenter, picture))
        with running(options) as node:
            feed = Feed(node, picture)
            node.wait_until_ready()
            listen(node, feed, MAPS)
            bar.set_postfix_str("waiting for the node's engine")
            used = settled(lambda: answering_engine(node, feed))
            if used != engine:
                raise SetupError(f"the node runs by {used}, and this process by {engine}; run it again")
            found = {ENGINE: Measured(), **{name: Measured() for name in CASES}}
            for _ in range(ROUNDS):
                bar.set_postfix_str(ENGINE)
                measure_engine(segmenter, picture, options.runs, found[ENGINE])
                bar.update()
                for name, case in CASES.items():
                    bar.set_postfix_str(name)
                    period = HURRY * found[ENGINE].figures()["p50_ms"] / 1000
                    measure_node(node, feed, case, options.runs, period, found[name])
                    bar.update()
    return {
        "weights": segmenter.info.architecture,
        "device": device_name(segmenter.device) or f"CPU, {torch.get_num_threads()} threads",
        "engine": engine,
        "size": [width, height],
        "network_size": list(segmenter.fit(height, width).run[::-1]),
        "runs": options.runs * ROUNDS,
        "ways": {name: each.figures() for name, each in found.items()},
    }


def picture_of(width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3) RGB: what a node is fed with."""
    frame = Roadworld(7, 960, 540).frame(3, stereo=False)
    return cv2.resize(frame.left, (width, height), interpolation=cv2.INTER_LINEAR)


@contextmanager
def running(options: argparse.Namespace) -> Iterator[RunningNode]:
    """The node with the weights, device and size of the options."""
    parameters = {
        "model_path": str(Path(options.weights).resolve()) if options.weights else "",
        "device": options.device,
        "precision": options.precision,
    }
    given = [f"{name}:={value}" for name, value in parameters.items() if value]
    numbers = [f"inference_width:={options.inference_width}", f"num_threads:={options.threads}"]
    with RunningNode(*given, *numbers, outputs=MAPS, log_level="error") as node:
        yield node


def settled(engine: Callable[[], str]) -> str:
    """What answers in the end, once no engine is built or opened any more.

    Args:
        engine: has a picture answered, and says by what.
    """
    end, last = time.monotonic() + PATIENCE, ""
    while time.monotonic() < end:
        now = engine()
        if now == last and not now.startswith("torch, "):
            return now
        last = now
        time.sleep(0.05)
    raise SetupError(f"no engine was ready within {PATIENCE:g} s: {last}")


def _by(segmenter: Segmenter, picture: NDArray[np.uint8]) -> str:
    segmenter.batch([picture])
    return segmenter.engine


def answering_engine(node: RunningNode, feed: Feed) -> str:
    """What a frame was answered by, as the node's diagnostics name it; "" of a version that does not."""
    feed.answered()
    return node.next_report().get("engine", "")


def text_of(figures: dict[str, Any]) -> str:
    """A line for every case."""
    size, network = figures["size"], figures["network_size"]
    head = (
        f"{figures['weights']} on {figures['device']} by {figures['engine']}: {size[0]}x{size[1]} pictures, network at "
        f"{network[0]}x{network[1]}, {figures['runs']} frames one by one and as many at once"
    )
    names = ("hz", "p50_ms", "p95_ms", "in_node_ms", "beyond_engine_ms")
    rows = [["", "frames/s", "p50 ms", "p95 ms", "in the node ms", "beyond its engine ms"]]
    for name, each in figures["ways"].items():
        rows.append([name, *(f"{each[key]:.1f}" if key in each else "" for key in names)])
    return "\n".join([head, *table_lines(rows)])
