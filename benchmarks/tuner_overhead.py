"""python benchmarks/tuner_overhead.py [--seconds 20] [--rounds 3]: what the tuner costs the segmenter.

One segmenter, fed faster than it can work, with a listener to its masks. In each round it runs for a while alone, then
with the tuner beside it and no page open, then with a page open that takes every picture: frames a second, and
processor time of the segmenter for each frame, as ratios to the same round's part without the tuner. Prints JSON.

Segmenter, tuner, page and camera share the machine; `--cores` leaves the tuner and the page others than the segmenter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of the three parts of a round")
    parser.add_argument("--rounds", type=int, default=3)
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
    with RunningNode(*parameters, outputs=["open_set"]) as node:
        node.wait_until_ready()
        meter = Meter(node, pictures, arguments.rate)
        rounds = [
            _round(meter, arguments.seconds, arguments.cores, arguments.niceness) for _ in range(arguments.rounds)
        ]
    ratios = {
        name: statistics.median(each[name] / each[f"alone_{name.rpartition('_')[2]}"] for each in rounds)
        for name in ("no_page_fps", "no_page_cpu", "page_fps", "page_cpu")
    }
    print(json.dumps({"rounds": rounds, "ratios": {name: round(value, 3) for name, value in ratios.items()}}, indent=2))


class Meter:
    """Feeds the node, and measures it meanwhile."""

    def __init__(self, node: RunningNode, pictures: list[Image], rate: float) -> None:
        self.node, self._pictures, self._rate = node, pictures, rate
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

    def measured(self, seconds: float) -> tuple[float, float]:
        """Frames a second, and the segmenter's processor time for each, ms."""
        self.feed(SETTLE)
        answers, spent, begun = self.node.received["open_set"], self._processor_time(), time.monotonic()
        self.feed(seconds)
        count = self.node.received["open_set"] - answers
        return count / (time.monotonic() - begun), 1000 * (self._processor_time() - spent) / max(count, 1)

    def _processor_time(self) -> float:
        """Of the segmenter since its start, s."""
        fields = Path(f"/proc/{self.node.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def _round(meter: Meter, seconds: float, cores: str, niceness: int) -> dict[str, float]:
    alone = meter.measured(seconds)
    with _tuner(cores, niceness):
        meter.feed(SETTLE)
        no_page = meter.measured(seconds)
        with _page() as shown:
            meter.feed(SETTLE)
            before = len(shown)
            page = meter.measured(seconds)
            pictures = (len(shown) - before) / (seconds + SETTLE)
    values = {"alone": alone, "no_page": no_page, "page": page}
    found = {f"{name}_{what}": round(pair[place], 3) for name, pair in values.items() for place, what in _KINDS}
    return {**found, "pictures_fps": round(pictures, 2)}


_KINDS = ((0, "fps"), (1, "cpu"))


def _parameters(niceness: int) -> list[str]:
    return ["-p", f"port:={PORT}", "-p", f"niceness:={niceness}"]


@contextmanager
def _tuner(cores: str, niceness: int) -> Iterator[None]:
    command = [*(["taskset", "-c", cores] if cores else []), sys.executable, "-m", "densehybrid_ros.nodes.tuner"]
    process = subprocess.Popen([*command, "--ros-args", "--log-level", "warn", *_parameters(niceness)])
    try:
        yield
    finally:
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
