"""Which environment variable tells Fast DDS to take our profile for large images. Knows no ROS."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

OLD_NAME_IN = ("humble", "iron", "jazzy")
"""Distributions with Fast DDS 2; its third release renamed the variable and warns of the old one."""


def profile_variable() -> str:
    """The name that the ROS of this process reads: that of its wheels, or of the sourced distribution."""
    try:
        old = version("ros-rclpy").startswith("7.")
    except PackageNotFoundError:
        old = os.environ.get("ROS_DISTRO") in OLD_NAME_IN
    return "FASTRTPS_DEFAULT_PROFILES_FILE" if old else "FASTDDS_DEFAULT_PROFILES_FILE"
