"""Nodes that are started for themselves."""

from __future__ import annotations

import os
import random

from densehybrid_ros.dds.profile import take_profile


def isolated_environment() -> dict[str, str]:
    """Own DDS domain, this machine only, so that what is started neither hears nor disturbs other nodes."""
    environment = dict(os.environ)
    environment["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 100))
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    take_profile(environment)
    return environment
