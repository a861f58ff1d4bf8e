"""replay.launch.py: a folder is played with its time on /clock, and the launch ends when the player has."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path
from typing import Any

import cv2
import launch_testing.actions
import launch_testing.asserts
import numpy as np
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

import launch

PATIENCE = 90.0
"""s"""


def generate_test_description() -> launch.LaunchDescription:
    folder = Path(tempfile.mkdtemp()) / "2026"  # a name that looks like a number
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((64, 96, 3), 60 * number, np.uint8))
    file = PathJoinSubstitution([FindPackageShare("densehybrid_ros"), "launch", "replay.launch.py"])
    arguments = {"input": str(folder), "rate": "5", "use_sim_time": "true", "model_path": os.environ["TEST_WEIGHTS"]}
    included = IncludeLaunchDescription(PythonLaunchDescriptionSource(file), launch_arguments=arguments.items())
    return launch.LaunchDescription([included, launch_testing.actions.ReadyToTest()])


class TestReplay(unittest.TestCase):
    def test_all_frames_are_played(self, proc_output: Any, proc_info: Any) -> None:
        proc_output.assertWaitFor("played 3 frames", timeout=PATIENCE)
        for name in proc_info.process_names():
            proc_info.assertWaitForShutdown(process=name, timeout=PATIENCE)


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_all_nodes_ended_well(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
