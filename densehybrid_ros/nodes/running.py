"""Spinning until SIGINT or SIGTERM, and an end without a traceback."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.dds_profile import take_profile

FAILED = 3
"""Exit status of a node that cannot work on, so that a launch file starts it anew."""


class NodeFailed(RuntimeError):
    """Leaves a callback to end the process: nothing in it can be used again."""


AnyNode = TypeVar("AnyNode", bound=Node)


def run_node(
    make: Callable[[], AnyNode],
    begin: Callable[[AnyNode], None],
    end: Callable[[AnyNode], None],
    finished: Callable[[AnyNode], bool] = lambda node: False,
    arguments: list[str] | None = None,
) -> None:
    """Makes a node, calls `begin`, spins until a signal comes or `finished`, calls `end`, and tidies up.

    The signals only set a flag: rclpy's own handlers raise KeyboardInterrupt wherever the interpreter happens to be,
    half-way through a callback or the clean-up. A SetupError ends the process with one line and status 2, NodeFailed
    with status FAILED.
    """
    take_profile()
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    node: AnyNode | None = None
    executor = SingleThreadedExecutor()
    problem: SetupError | NodeFailed | None = None
    try:
        node = make()
        executor.add_node(node)
        begin(node)
        while not stopping and not finished(node):
            executor.spin_once(timeout_sec=0.2)
    except (SetupError, NodeFailed) as error:
        problem = error
    except ExternalShutdownException:
        stopping = True
    finally:
        if node is not None:
            end(node)
            executor.shutdown()
            node.destroy_node()
        rclpy.try_shutdown()
    if problem is not None:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(FAILED if isinstance(problem, NodeFailed) else 2)
