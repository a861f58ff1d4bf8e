"""python benchmarks/late_disparity.py [--frames N] [--hz N] [--masks MS]: ranges where disparity comes late.

A drive of Roadworld, its own masks and disparities, goes through the node's RangeInput and RangeWork on a clock of its
own, so that the load of the machine does not count: masks are out `--masks` ms after their image, disparities come
later by each delay. Prints how many obstacles came out, how many of them with a range, and how late they came out.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from densehybrid_ros.labels import CAMVID_UNKNOWN
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.player.messages import camera_info_message, disparity_message
from densehybrid_ros.nodes.segmenter.distances import range_input, range_work
from densehybrid_ros.nodes.segmenter.frame import Frame
from densehybrid_ros.nodes.segmenter.outputs.obstacle_outputs import Omitted
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.roadworld import Frame as Rendered
from densehybrid_ros.roadworld import Roadworld
from densehybrid_ros.roadworld.labels import ROAD
from densehybrid_ros.topics import DISPARITY, OBSTACLES_JSON, Topic

DRIVE, FIRST, RENDERED = 301, 20, 12
LOOK = 0.05
"""s between two looks at what waits, as in the pipeline."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--hz", type=float, default=6.0)
    parser.add_argument("--masks", type=int, default=60, help="ms from image to masks")
    parser.add_argument("--delays", type=int, nargs="+", default=[0, 80, 250, 400, 500, 700], help="ms")
    arguments = parser.parse_args(argv)
    world = Roadworld(DRIVE, 320, 180)
    rendered = [world.frame(FIRST + number, stereo=False) for number in range(RENDERED)]
    frames = [rendered[number % RENDERED] for number in range(arguments.frames)]
    for delay in arguments.delays:
        drive = Drive(arguments.hz, arguments.masks / 1000, delay / 1000)
        drive.play(frames)
        late, share = np.array(drive.lateness) * 1000, f"{drive.ranged} of {drive.obstacles}"
        print(f"{delay} ms: {share} obstacles with a range, out {late.mean():.0f} ms after the image; {drive.reason}")


class Drive:
    """One camera on its own clock."""

    def __init__(self, hz: float, masks: float, delay: float) -> None:
        """Times in s."""
        self._hz, self._masks, self._delay = hz, masks, delay
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._settings = Settings()
        # the modules' own clock and the settings are stand-ins: typed as anything
        clock: Any = SimpleNamespace(monotonic=lambda: self._now)
        range_input.time = range_work.time = clock
        live: Any = SimpleNamespace(current=self._settings)
        wanted, complaints = (lambda: {OBSTACLES_JSON}), Complaints(print)
        made = range_input.RangeInput(self._listen, live, wanted, ThreadPoolExecutor(1), complaints)
        made.subscribe(lambda: None)
        obstacles = SimpleNamespace(publish=self._count, lacks_transform=lambda frame: False)
        outputs: Any = SimpleNamespace(obstacles=obstacles, publish_overlay=lambda frame, obstacles, with_ranges: None)
        self._ranges, self._work = made, range_work.RangeWork(made, outputs, CAMVID_UNKNOWN, [ROAD])
        self.obstacles, self.ranged = 0, 0
        self.lateness: list[float] = []
        """Of each frame's obstacles, s after its image."""
        self.reason = ""
        """Why the last that had none had no range."""

    def play(self, frames: list[Rendered]) -> None:
        for number, rendered in enumerate(frames, 1):
            self._plan(number / self._hz, rendered)
        end = (len(frames) + 1) / self._hz + 15
        for number in range(round(end / LOOK)):
            heapq.heappush(self._events, (number * LOOK, -number, lambda: None))
        while self._events:
            self._now, _, event = heapq.heappop(self._events)
            event()
            while (frame := self._work.ready(False)) is not None:
                self._work.publish(frame)
                self._ranges.done(frame)

    def _plan(self, at: float, rendered: Rendered) -> None:
        header = Header()
        header.stamp.sec, header.stamp.nanosec = divmod(round(at * 1e9), 1_000_000_000)
        frame = Frame("", Image(header=header), at)
        scene: Any = SimpleNamespace()
        scene.open_set = np.where(rendered.anomaly, CAMVID_UNKNOWN, rendered.labels).astype(np.uint8)
        scene.score = rendered.anomaly.astype(np.float32)
        frame.image, frame.scene, frame.map_size = rendered.left, scene, rendered.left.shape[:2]
        frame.settings, frame.wanted, frame.rectified = self._settings, frozenset({OBSTACLES_JSON}), True
        frame.camera_info = camera_info_message(rendered.camera, header, 0.0)
        disparity = disparity_message(rendered.disparity, rendered.camera, header)
        for when, event in (
            (at, lambda: self._ranges.expect(frame)),
            (at + self._masks, lambda: self._masks_are_out(frame)),
            (at + self._delay, lambda: self._heard(disparity)),
        ):
            heapq.heappush(self._events, (when, len(self._events) + 1, event))

    def _masks_are_out(self, frame: Frame) -> None:
        frame.published_at = self._now
        self._work.add(frame)

    def _listen(self, topic: Topic, callback: Callable[[Any], None]) -> Any:
        if topic is DISPARITY:
            self._heard = callback
        return SimpleNamespace(publishers=lambda: int(topic is DISPARITY))

    def _count(self, frame: Frame, seen: Any, source: str, why_not: str, *_: Any) -> Omitted:
        self.obstacles += len(seen.obstacles)
        self.ranged += sum(each.range is not None for each in seen.obstacles)
        self.lateness.append(self._now - frame.taken_at)
        self.reason = why_not or self.reason
        return Omitted()


if __name__ == "__main__":
    main()
