"""s from the start of the node's process to its first mask, with a camera of 640x480 at 10 Hz that is there before.

python benchmarks/start_time.py [--runs N] [PARAMETER:=VALUE ...]: and s from SIGINT to its end.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import time

import numpy as np
from std_msgs.msg import Header

from densehybrid_ros.bench.running_node import RunningNode
from densehybrid_ros.convert.images import image_message

PERIOD = 0.1
"""s between two images."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("parameters", nargs="*")
    arguments = parser.parse_args(argv)
    picture = np.random.default_rng(1).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    pairs = [start_and_stop(picture, arguments.parameters) for _ in range(arguments.runs)]
    for what, seconds in zip(("first mask", "stopped by SIGINT"), zip(*pairs, strict=True), strict=True):
        each = ", ".join(f"{value:.1f}" for value in seconds)
        print(f"{what}: median {statistics.median(seconds):.1f} s of {each}")


def start_and_stop(picture: np.ndarray, parameters: list[str]) -> tuple[float, float]:
    """s to the first mask, and s to the end."""
    started = time.monotonic()
    with RunningNode(*parameters, outputs=("open_set",)) as node:
        message = image_message(picture, "rgb8", Header(frame_id="camera"))
        while node.received["open_set"] == 0:
            message.header.stamp = node.node.get_clock().now().to_msg()
            node.publisher.publish(message)
            node.spin_for(PERIOD)
        first = time.monotonic() - started
        stopped = time.monotonic()
        node.process.send_signal(signal.SIGINT)
        node.process.wait()
        return first, time.monotonic() - stopped


if __name__ == "__main__":
    main()
