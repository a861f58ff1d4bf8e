"""multi_camera.launch.py: two cameras on topics of their own, one node."""

from __future__ import annotations

import os
import time
import unittest
from typing import Any

import launch_testing.actions
import rclpy
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
from sensor_msgs.msg import Image

import launch

PATIENCE = 90.0
"""s"""


def generate_test_description() -> launch.LaunchDescription:
    file = PathJoinSubstitution([FindPackageShare("densehybrid_ros"), "launch", "multi_camera.launch.py"])
    arguments = {
        "cameras": "front, left",
        "image_topics": "/cam0/image,/cam1/image",
        "image_transport": "compressed",
        "model_path": os.environ["TEST_WEIGHTS"],
    }
    included = IncludeLaunchDescription(PythonLaunchDescriptionSource(file), launch_arguments=arguments.items())
    return launch.LaunchDescription([included, launch_testing.actions.ReadyToTest()])


class TestCameras(unittest.TestCase):
    def test_every_camera_has_its_topics(self, proc_output: Any) -> None:
        proc_output.assertWaitFor("configured: ladder_lite0", timeout=PATIENCE)
        rclpy.init()
        self.addCleanup(rclpy.shutdown)
        node = rclpy.create_node("tester")
        self.addCleanup(node.destroy_node)
        taken = {"/cam0/image/compressed", "/cam1/image/compressed", "/cam0/camera_info", "/cam1/camera_info"}
        names = ("semantic", "anomaly", "open_set", "overlay")
        given = {f"/densehybrid/{camera}/{name}/image_raw" for camera in ("front", "left") for name in names}
        # images are taken for listeners alone
        for camera in ("front", "left"):
            node.create_subscription(Image, f"/densehybrid/{camera}/semantic/image_raw", lambda message: None, 1)
        end = time.monotonic() + PATIENCE
        while not (all(map(node.count_subscribers, taken)) and all(map(node.count_publishers, given))):
            assert time.monotonic() < end, "topics are missing"
            rclpy.spin_once(node, timeout_sec=0.2)
