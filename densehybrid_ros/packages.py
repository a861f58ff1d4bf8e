"""Packages from PyPI by the name of their module, and what is said where one is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from densehybrid_ros.errors import USER_ERROR, SetupError

REQUIREMENTS = {
    "numpy": "numpy>=1.26,<3",
    "cv2": "opencv-python-headless>=4.10,<6",
    "torch": "torch>=2.4,<3",
    "safetensors": "safetensors>=0.4.3,<1",
    "yaml": "pyyaml>=6,<7",
    "tqdm": "tqdm>=4.60,<5",
    "onnx": "onnx>=1.16,<2",
    "onnxscript": "onnxscript>=0.5,<1",
    "onnxruntime": "onnxruntime>=1.18,<2",
    "openvino": "openvino>=2025.0,<2027",
    "aiohttp": "aiohttp>=3.8,<4",
    "rosbags": "rosbags>=0.11.9,<0.12",
    "lightning_fabric": "lightning-fabric>=2.5,<3",
    "tensorboardX": "tensorboardX>=2.6,<3",
    "h5py": "h5py>=3.10,<4",
}
"""As in setup.py."""
ROS = "rclpy"


def missing_package(error: ModuleNotFoundError) -> SetupError:
    """What to install, or to source.

    Raises:
        ModuleNotFoundError: `error` itself, where the module is none that a user lacks.
    """
    name = (error.name or "").partition(".")[0]
    if name == ROS or name.endswith("_msgs"):
        return SetupError(
            f"{name} is not there for {sys.executable}; source ROS 2 and the workspace in this shell "
            "(/opt/ros/DISTRO/setup.bash, install/setup.bash); rosdep install brings what a package needs"
        )
    if name not in REQUIREMENTS:
        raise error
    return SetupError(
        f"{name} is not installed for {sys.executable}; run: {sys.executable} -m pip install '{REQUIREMENTS[name]}'; "
        "in a colcon workspace, build again with the virtual environment active that has it"
    )


@contextmanager
def needed_packages() -> Iterator[None]:
    """Around the imports of a node: ends the process with one line and status 2 where a package is missing.

    With Python's own status, 1, a launch file would start it anew for ever.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        print(f"error: {missing_package(error)}", file=sys.stderr)
        sys.exit(USER_ERROR)
