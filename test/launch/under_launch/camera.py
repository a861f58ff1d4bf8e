"""camera.launch.py: arguments, remapping, namespace, an answer to an image, and a new start after a crash."""

from __future__ import annotations

import os
import signal
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

import launch_testing.actions
import rclpy
import yaml
from launch.actions import IncludeLaunchDescription
from launch.events.process import ProcessStarted
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

import launch

PATIENCE = 90.0
"""s"""


def generate_test_description() -> launch.LaunchDescription:
    file = PathJoinSubstitution([FindPackageShare("densehybrid_ros"), "launch", "camera.launch.py"])
    # what the parameter file says is not overridden by arguments that are not given
    settings = {"model_path": os.environ["TEST_WEIGHTS"], "threshold": 0.75, "device": "cpu"}
    parameters = Path(tempfile.mkdtemp()) / "mine.yaml"
    parameters.write_text(yaml.safe_dump({"/**": {"ros__parameters": settings}}))
    arguments = {"image_topic": "/cam/image", "namespace": "car", "name": "eye", "params_file": str(parameters)}
    arguments |= {"use_tuner": "true", "tuner_port": "0"}
    included = IncludeLaunchDescription(PythonLaunchDescriptionSource(file), launch_arguments=arguments.items())
    return launch.LaunchDescription([included, launch_testing.actions.ReadyToTest()])


class TestCamera(unittest.TestCase):
    def setUp(self) -> None:
        rclpy.init()
        self.node = rclpy.create_node("tester")
        quality = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self.publisher = self.node.create_publisher(Image, "/cam/image", quality)
        self.received: list[Image] = []
        topic = "/car/eye/open_set/image_raw"
        self.node.create_subscription(Image, topic, self.received.append, quality)

    def tearDown(self) -> None:
        self.node.destroy_node()
        rclpy.shutdown()

    def wait_for_answer(self) -> None:
        """Publishes until an answer comes."""
        self.received.clear()
        end = time.monotonic() + PATIENCE
        message = Image(encoding="mono8", height=64, width=96, step=96, data=bytes(64 * 96))
        while not self.received:
            assert time.monotonic() < end, "no answer"
            message.header.stamp = self.node.get_clock().now().to_msg()
            self.publisher.publish(message)
            rclpy.spin_once(self.node, timeout_sec=0.5)

    def test_images_are_answered_and_a_killed_node_comes_back(self, proc_output: Any, proc_info: Any) -> None:
        proc_output.assertWaitFor("on cpu, threshold 0.75 on score hybrid", timeout=PATIENCE)
        proc_output.assertWaitFor("tuning /car/eye at http://127.0.0.1:", timeout=PATIENCE)
        self.wait_for_answer()
        infos = self.node.get_subscriptions_info_by_topic("/cam/camera_info")
        assert [(info.node_namespace, info.node_name) for info in infos] == [("/car", "eye")]
        name = next(name for name in proc_info.process_names() if "segmenter" in name)
        killed = proc_info[name].pid
        os.kill(killed, signal.SIGKILL)
        end = time.monotonic() + PATIENCE
        while not isinstance(proc_info[name], ProcessStarted) or proc_info[name].pid == killed:
            assert time.monotonic() < end, "the killed node was not started anew"
            time.sleep(0.2)
        self.wait_for_answer()
