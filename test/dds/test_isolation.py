"""Domains that nobody is in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from densehybrid_ros.dds.isolation import DOMAINS, isolated_environment
from densehybrid_ros.errors import SetupError

PARTICIPANT = """
import sys, rclpy
rclpy.init()
node = rclpy.create_node("neighbour")
print("there", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def bound() -> Iterator[ExitStack]:
    with ExitStack() as sockets:
        yield sockets


@pytest.fixture
def free() -> list[int]:
    """Three domains that nobody is in: other tests may run nodes meanwhile."""
    found: set[int] = set()
    while len(found) < 3:
        found.add(int(isolated_environment()["ROS_DOMAIN_ID"]))
    return sorted(found)


def enter(sockets: ExitStack, domain: int) -> None:
    """As its first participant does."""
    port = 7410 + 250 * domain
    sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", port))


def test_a_domain_whose_port_is_taken_is_left_alone(bound: ExitStack, free: list[int]) -> None:
    first, second, third = free
    enter(bound, first)
    enter(bound, third)
    assert {isolated_environment(free)["ROS_DOMAIN_ID"] for _ in range(20)} == {str(second)}
    with pytest.raises(SetupError, match=rf"each of the DDS domains {first} to {third}; end those"):
        isolated_environment([first, third])


def test_every_domain_is_chosen_some_time_and_none_of_its_ports_is_one_that_linux_hands_out(free: list[int]) -> None:
    assert {int(isolated_environment(free)["ROS_DOMAIN_ID"]) for _ in range(100)} == {*free}
    assert 7400 + 250 * DOMAINS[-1] + 249 < 32768
    assert isolated_environment()["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"


def test_a_node_that_runs_keeps_others_out_of_its_domain() -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    environment = isolated_environment()
    domain = int(environment["ROS_DOMAIN_ID"])
    with subprocess.Popen(
        [sys.executable, "-c", PARTICIPANT], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as node:
        assert node.stdout is not None
        assert node.stdout.readline() == "there\n"
        with pytest.raises(SetupError):
            isolated_environment([domain])
        node.communicate("", timeout=60)
    assert isolated_environment([domain])["ROS_DOMAIN_ID"] == str(domain)
    assert os.environ.get("ROS_DOMAIN_ID") != str(domain)
