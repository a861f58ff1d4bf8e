"""python benchmarks/tuner_overhead.py [--seconds 6] [--rounds 8]: what the tuner costs the segmenter.

One segmenter, fed faster than it can work, with a listener to its masks. Each round has three short parts: the tuner is
stopped (as if it were not there), it runs without a page, and it has a page open that takes every picture. Sums over
the rounds: frames a second, and processor time of the segmenter and of the tuner; as ratios to the first part. The
parts alternate, so that what else the machine does falls on all of them alike. Prints JSON.

Segmenter, tuner, page and camera share the machine; `--cores` leaves the tuner others than the segmenter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from sensor_msgs.msg import Image

from densehybrid_ros.bench.running_node import RunningNode
from densehybrid_ros.convert.images import image_message
from densehybrid_ros.roadworld import Roadworld

PORT = 8799
SETTLE = 4.0
"""s between a change and the measurement."""
TICKS = os.sysconf("SC_CLK_TCK")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each of the three parts of a round")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--rate", type=float, default=30.0, help="Hz of the camera")
    parser.add_argument("--size", default="960x540")
    parser.add_argument("--inference-width", type=int, default=512)
    parser.add_argument("--engine", default="torch")
    parser.add_argument("--niceness", type=int, default=10, help="of the tuner")
    parser.add_argument("--cores", default="", help="of the tuner and the page, as taskset has them")
    arguments = parser.parse_args(argv)
    width, height = map(int, arguments.size.split("x"))
    world = Roadworld(7, width, height)
    pictures = [image_message(world.frame(5 * n, stereo=False).left, "rgb8", Image().header) for n in range(6)]
    parameters = (f"inference_width:={arguments.inference_width}", f"engine:={arguments.engine}", "num_threads:=1")
    with RunningNode(*parameters, outputs=["open_set"]) as node, _tuner(arguments.cores, arguments.niceness) as tuner:
        node.wait_until_ready()
        meter = Meter(node, tuner, pictures, arguments.rate)
        meter.feed(SETTLE)
        parts = {name: Part() for name in ("without", "no_page", "page")}
        for _ in range(arguments.rounds):
            _round(meter, parts, arguments.seconds)
    without = parts["without"]
    ratios = {
        name: {"fps": part.fps / without.fps, "cpu_ms_per_frame": part.cost / without.cost}
        for name, part in parts.items()
    }
    print(json.dumps({"sums": {name: vars(part) for name, part in parts.items()}, "ratios": ratios}, indent=2))


@dataclass
class Part:
    """Sums over the rounds."""

    seconds: float = 0.0
    frames: int = 0
    segmenter_cpu: float = 0.0
    """s"""
    tuner_cpu: float = 0.0
    """s"""
    pictures: int = 0
    """That the page has got."""

    @property
    def fps(self) -> float:
        return self.frames / self.seconds

    @property
    def cost(self) -> float:
        """Processor time of the segmenter for a frame, s."""
        return self.segmenter_cpu / max(self.frames, 1)


class Meter:
    """Feeds the node, and measures it meanwhile."""

    def __init__(self, node: RunningNode, tuner: subprocess.Popen[bytes], pictures: list[Image], rate: float) -> None:
        self.node, self.tuner, self._pictures, self._rate = node, tuner, pictures, rate
        self._stamp, self._sent = 1_000_000_000_000, 0

    def feed(self, seconds: float) -> None:
        begun = time.monotonic()
        due = begun
        while (now := time.monotonic()) < begun + seconds:
            if now >= due:
                message = self._pictures[self._sent % len(self._pictures)]
                self._stamp += round(1e9 / self._rate)
                self._sent += 1
                message.header.stamp.sec, message.header.stamp.nanosec = divmod(self._stamp, 10**9)
                self.node.publisher.publish(message)
                due = max(due + 1 / self._rate, now - 1 / self._rate)
            self.node.spin_once(min(due, begun + seconds))

    def measure(self, part: Part, seconds: float) -> None:
        """Adds a while to the part."""
        self.feed(SETTLE)
        answers, begun = self.node.received["open_set"], time.monotonic()
        spent = [_processor_time(each.pid) for each in (self.node.process, self.tuner)]
        self.feed(seconds)
        after = [_processor_time(each.pid) for each in (self.node.process, self.tuner)]
        part.frames += self.node.received["open_set"] - answers
        part.seconds += time.monotonic() - begun
        part.segmenter_cpu += after[0] - spent[0]
        part.tuner_cpu += after[1] - spent[1]


def _processor_time(process: int) -> float:
    """Since its start, s."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _round(meter: Meter, parts: dict[str, Part], seconds: float) -> None:
    meter.tuner.send_signal(signal.SIGSTOP)
    meter.measure(parts["without"], seconds)
    meter.tuner.send_signal(signal.SIGCONT)
    meter.measure(parts["no_page"], seconds)
    with _page() as shown:
        meter.feed(SETTLE)
        before = len(shown)
        meter.measure(parts["page"], seconds)
        parts["page"].pictures += len(shown) - before


@contextmanager
def _tuner(cores: str, niceness: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [*(["taskset", "-c", cores] if cores else []), sys.executable, "-m", "densehybrid_ros.nodes.tuner"]
    parameters = ["-p", f"port:={PORT}", "-p", f"niceness:={niceness}"]
    process = subprocess.Popen([*command, "--ros-args", "--log-level", "warn", *parameters])
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()


@contextmanager
def _page() -> Iterator[list[float]]:
    """A page that takes every picture as soon as it is made; gives the times of those."""
    times: list[float] = []
    ends = threading.Event()

    async def look() -> None:
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"http://127.0.0.1:{PORT}/socket") as page,
        ):
            ready = {"type": "ready", "camera": "", "view": "overlay"}
            while not ends.is_set():
                message = await page.receive()
                if message.type == aiohttp.WSMsgType.BINARY:
                    times.append(time.monotonic())
                if message.type == aiohttp.WSMsgType.BINARY or '"type": "state"' in message.data[:20]:
                    await page.send_json(ready)

    thread = threading.Thread(target=lambda: asyncio.run(look()))
    thread.start()
    try:
        yield times
    finally:
        ends.set()
        thread.join()


if __name__ == "__main__":
    main()
