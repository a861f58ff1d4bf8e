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


def bind(sockets: ExitStack, port: int) -> None:
    sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", port))


def test_a_domain_whose_port_is_taken_is_left_alone(bound: ExitStack) -> None:
    for port in (7660, 8160):  # of domains 1 and 3
        bind(bound, port)
    assert {isolated_environment([1, 2, 3])["ROS_DOMAIN_ID"] for _ in range(20)} == {"2"}
    with pytest.raises(SetupError, match=r"each of the DDS domains 1 to 3; end those"):
        isolated_environment([1, 3])


def test_every_domain_is_chosen_some_time_and_none_of_its_ports_is_one_that_linux_hands_out() -> None:
    assert {int(isolated_environment([4, 5, 6])["ROS_DOMAIN_ID"]) for _ in range(100)} == {4, 5, 6}
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
