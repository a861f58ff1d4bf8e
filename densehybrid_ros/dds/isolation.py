"""Nodes that are started for themselves."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Sequence

from densehybrid_ros.dds.profile import take_profile
from densehybrid_ros.errors import SetupError

DOMAINS = range(1, 101)
"""Their ports end at 32649; those that Linux hands out to programs begin at 32768."""


def isolated_environment(domains: Sequence[int] = DOMAINS) -> dict[str, str]:
    """A DDS domain without nodes, on this machine only: what is started neither hears nor disturbs others.

    Args:
        domains: those to choose from, by chance.

    Raises:
        SetupError: none of them is free.
    """
    environment = dict(os.environ)
    environment["ROS_DOMAIN_ID"] = str(_free_domain(domains))
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    take_profile(environment)
    return environment


def _free_domain(domains: Sequence[int]) -> int:
    for domain in random.SystemRandom().sample(domains, len(domains)):
        if not _is_used(domain):
            return domain
    raise SetupError(
        f"nodes on this machine are in each of the DDS domains {domains[0]} to {domains[-1]}; end those of earlier runs"
    )


def _is_used(domain: int) -> bool:
    """By the port on which the first participant is found (DDSI-RTPS 2.5, 9.6.2.4: PB + DG · domain + d1)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", 7400 + 250 * domain + 10))
        except OSError:
            return True
    return False
