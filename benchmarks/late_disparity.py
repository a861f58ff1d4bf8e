"""python benchmarks/late_disparity.py [--frames N] [--hz N]: ranges of a running node whose disparity comes late.

A drive of Roadworld is played to the node in its own process; every disparity is published some ms after its image.
Prints for each delay how many obstacles the node reported, how many of them with a range, and how late it says the
distances were.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header, String
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.convert.images import image_message
from densehybrid_ros.nodes.player.messages import camera_info_message, disparity_message
from densehybrid_ros.roadworld import Frame, Roadworld
from densehybrid_ros.topics import CAMERA_INFO, DISPARITY, OBSTACLES_JSON, SEGMENTER

sys.path.insert(0, str(Path(__file__).parent))  # this folder is no package
from running_node import RunningNode

DELAYS = (0, 80, 250, 400, 700)
"""ms"""
DRIVE, FIRST = 301, 20


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=30, help="of each delay")
    parser.add_argument("--hz", type=float, default=6.0)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--width", type=int, default=0, help="the node's inference_width")
    arguments = parser.parse_args(argv)
    world = Roadworld(DRIVE, *(int(part) for part in arguments.size.split("x")))
    frames = [world.frame(FIRST + number) for number in range(arguments.frames)]
    with RunningNode(f"inference_width:={arguments.width}", outputs=("open_set",)) as node:
        told: list[dict] = []
        node.node.create_subscription(
            String, f"/{OBSTACLES_JSON.under(SEGMENTER)}", lambda message: told.append(json.loads(message.data)), 10
        )
        infos = node.node.create_publisher(CameraInfo, CAMERA_INFO.name, 10)
        disparities = node.node.create_publisher(DisparityImage, DISPARITY.name, 10)
        node.wait_until_ready()
        infos.publish(camera_info_message(frames[0].camera, Header(), 0.0))
        for delay in DELAYS:
            told.clear()
            play(node, disparities, frames, delay / 1000, arguments.hz)
            print(line(delay, told), flush=True)


def play(node: RunningNode, disparities, frames: list[Frame], delay: float, hz: float) -> None:
    """Publishes the frames at that rate, and the disparity of each `delay` s later under its image's stamp."""
    begin = time.monotonic()
    events = []
    for number, frame in enumerate(frames):
        header = Header(frame_id="camera", stamp=node.node.get_clock().now().to_msg())
        header.stamp.sec += number  # stamps only have to differ and to grow
        image = image_message(frame.left, "rgb8", header)
        events.append((number / hz, 1, node.publisher, image))
        events.append((number / hz + delay, 0, disparities, disparity_message(frame.disparity, frame.camera, header)))
    for due, _, publisher, message in sorted(events, key=lambda each: each[:2]):
        node.spin_for(begin + due - time.monotonic())
        publisher.publish(message)
    node.spin_for(3.0)


def line(delay: int, told: list[dict]) -> str:
    obstacles = [obstacle for each in told for obstacle in each["obstacles"]]
    ranged = sum(obstacle["range"] is not None for obstacle in obstacles)
    lateness = [each["range_delay"] for each in told if each.get("range_delay") is not None]
    late = f"{1000 * sum(lateness) / len(lateness):.0f} ms" if lateness else "-"
    reasons = {each["why_not"] for each in told if each["why_not"]}
    return f"{delay} ms: {len(told)} frames, {ranged} of {len(obstacles)} obstacles with a range, {late} late {reasons}"


if __name__ == "__main__":
    main()
