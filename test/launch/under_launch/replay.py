"""replay.launch.py: a folder is played in a loop, with its time on /clock."""

from __future__ import annotations

import os
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

import cv2
import launch_testing.actions
import launch_testing.asserts
import numpy as np
import rclpy
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

import launch

PATIENCE = 90.0
"""s"""


def generate_test_description() -> launch.LaunchDescription:
    folder = Path(tempfile.mkdtemp()) / "2026"  # a name that looks like a number
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((64, 96, 3), 60 * number, np.uint8))
    file = PathJoinSubstitution([FindPackageShare("densehybrid_ros"), "launch", "replay.launch.py"])
    arguments = {
        "input": str(folder),
        "rate": "5",
        "use_sim_time": "true",
        "loop": "true",
        "model_path": os.environ["TEST_WEIGHTS"],
    }
    included = IncludeLaunchDescription(PythonLaunchDescriptionSource(file), launch_arguments=arguments.items())
    return launch.LaunchDescription([included, launch_testing.actions.ReadyToTest()])


class TestReplay(unittest.TestCase):
    def test_the_frames_are_played_and_answered_again_and_again(self) -> None:
        rclpy.init()
        self.addCleanup(rclpy.shutdown)
        node = rclpy.create_node("tester")
        self.addCleanup(node.destroy_node)
        stamps: list[int] = []
        quality = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        topic = "/densehybrid/open_set/image_raw"
        node.create_subscription(Image, topic, lambda message: stamps.append(message.header.stamp.nanosec), quality)
        end = time.monotonic() + PATIENCE
        while len(set(stamps)) < 5:
            assert time.monotonic() < end, f"{len(stamps)} answers"
            rclpy.spin_once(node, timeout_sec=0.2)


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_all_nodes_ended_well(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
