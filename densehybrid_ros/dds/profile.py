"""Fast DDS with room for whole images: the variable that names the profile, and where that lies. Knows no ROS."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

OLD_NAME, NEW_NAME = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
OLD_NAME_IN = ("humble", "iron", "jazzy")
"""Distributions with Fast DDS 2; its third release renamed the variable and warns of the old one."""
CHOICES = (OLD_NAME, NEW_NAME, "FASTDDS_BUILTIN_TRANSPORTS")
"""Variables by which users choose their transports; a profile of ours would take their effect away."""
FILE = "fastdds_large_images.xml"


def profile_variable() -> str:
    """The name that the ROS of this process reads: that of its wheels, or of the sourced distribution."""
    try:
        old = version("ros-rclpy").startswith("7.")
    except PackageNotFoundError:
        old = os.environ.get("ROS_DISTRO") in OLD_NAME_IN
    return OLD_NAME if old else NEW_NAME


def profile_file() -> Path | None:
    """The profile in the source tree, or in the share folder of an installed package; None where it is in neither."""
    here = Path(__file__).resolve()
    prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    shares = [prefix / "share" / "densehybrid_ros" for prefix in prefixes]
    candidates = [folder / "config" / FILE for folder in (here.parents[2], *shares)]
    return next((path for path in candidates if path.is_file()), None)


def take_profile(environment: os._Environ[str] | dict[str, str] = os.environ) -> None:
    """Names our profile in `environment`, unless the user has chosen; to be called before rclpy.init."""
    path = profile_file()
    if path is not None and not any(name in environment for name in CHOICES):
        environment[profile_variable()] = str(path)
