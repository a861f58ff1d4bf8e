"""python benchmarks/arrivals.py [--frames N] [--rounds N]: how many images of a camera that knows nothing of us arrive.

A publisher in a process of its own, with Fast DDS as it is installed, sends images at 30 Hz; a reader in another one
takes them, with our Fast DDS profile or without it, by the quality of service of each row: best effort with depth 1 is
what the node once asked for, reliable with depth 5 is what it asks for where all publishers offer it. Lost = what the
middleware reports to the reader. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import rclpy
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from densehybrid_ros.dds.isolation import isolated_environment
from densehybrid_ros.dds.profile import CHOICES, take_profile
from densehybrid_ros.topics import IMAGE

REPOSITORY = Path(__file__).resolve().parents[1]
SIZES = ((1920, 1080), (640, 480))
HZ, STAMP_AT = 30, 4
QUIET, PATIENCE = 4.0, 30.0
"""s without an image after which no more are waited for, and s for the first one."""


@dataclass(frozen=True)
class Setting:
    """Of one row."""

    sender: str
    sender_depth: int
    reader: str
    reader_depth: int
    profile: bool
    """The reader has our Fast DDS profile."""


SETTINGS = (
    Setting("reliable", 10, "best_effort", 1, False),
    Setting("reliable", 10, "best_effort", 1, True),
    Setting("reliable", 10, "best_effort", 5, True),
    Setting("reliable", 10, "reliable", 1, True),
    Setting("reliable", 10, "reliable", 5, False),
    Setting("reliable", 10, "reliable", 5, True),
    Setting("reliable", 1, "reliable", 5, True),
    Setting("best_effort", 5, "best_effort", 1, True),
    Setting("best_effort", 5, "best_effort", 5, True),
)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    parser.add_argument("--send", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.read:
        print(json.dumps(read(Setting(**json.loads(arguments.read)))))
    elif arguments.send:
        width, height, *setting = json.loads(arguments.send)
        send(width, height, Setting(*setting), arguments.frames)
    else:
        print("| publisher | depth | reader | depth | profile | 1920x1080: received | 640x480: received |")
        print("|---|---|---|---|---|---|---|")
        for setting in SETTINGS:
            print(row(setting, arguments.frames, arguments.rounds), flush=True)


def row(setting: Setting, frames: int, rounds: int) -> str:
    """One row of the table."""
    words = [str(value).replace("_", " ") for value in list(asdict(setting).values())[:-1]]
    words.append("ours" if setting.profile else "none")
    for width, height in SIZES:
        outcomes = [measure(width, height, setting, frames) for _ in range(rounds)]
        received, lost = (sum(each[name] for each in outcomes) for name in ("received", "lost"))
        words.append(f"{received} of {frames * rounds} ({lost} lost)")
    return f"| {' | '.join(words)} |"


def measure(width: int, height: int, setting: Setting, frames: int) -> dict[str, int]:
    """Images that were received, and images that the middleware calls lost."""
    environment = {name: value for name, value in isolated_environment().items() if name not in CHOICES}
    environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, __file__, "--frames", str(frames)]
    reading = [*command, "--read", json.dumps(asdict(setting))]
    sending = [*command, "--send", json.dumps([width, height, *asdict(setting).values()])]
    with subprocess.Popen(reading, env=environment, stdout=subprocess.PIPE, text=True) as reader:
        subprocess.run(sending, env=environment, check=True)
        return json.loads(reader.communicate(timeout=2 * PATIENCE)[0])


def send(width: int, height: int, setting: Setting, frames: int) -> None:
    """A camera's driver."""
    rclpy.init()
    publisher = rclpy.create_node("driver").create_publisher(
        Image, IMAGE.name, quality(setting.sender, setting.sender_depth)
    )
    message = Image(width=width, height=height, step=3 * width, encoding="rgb8", data=bytes(3 * width * height))
    serialised = bytearray(serialize_message(message))
    while publisher.get_subscription_count() == 0:
        time.sleep(0.05)
    time.sleep(1.0)  # discovery is not yet mutual
    due = time.monotonic()
    for number in range(frames):
        struct.pack_into("<i", serialised, STAMP_AT, number + 1)
        publisher.publish(bytes(serialised))
        due += 1 / HZ
        time.sleep(max(0.0, due - time.monotonic()))
    time.sleep(QUIET)  # what was lost is asked for


def read(setting: Setting) -> dict[str, int]:
    """The node's side."""
    if setting.profile:
        take_profile()
    rclpy.init()
    node, counts = rclpy.create_node("reader"), {"received": 0, "lost": 0}
    last = time.monotonic() + PATIENCE

    def count(name: str, number: int) -> None:
        nonlocal last
        counts[name] += number
        last = time.monotonic()

    def lost(event: Any) -> None:
        count("lost", event.total_count_change)

    node.create_subscription(
        Image,
        IMAGE.name,
        lambda message: count("received", 1),
        quality(setting.reader, setting.reader_depth),
        event_callbacks=SubscriptionEventCallbacks(message_lost=lost),
    )
    while time.monotonic() - last < QUIET:
        rclpy.spin_once(node, timeout_sec=0.2)
    return counts


def quality(reliability: str, depth: int) -> QoSProfile:
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy[reliability.upper()])


if __name__ == "__main__":
    main()
