"""Spinning until SIGINT or SIGTERM, and an end without a traceback."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from densehybrid_ros.dds.profile import take_profile
from densehybrid_ros.dds.segments import remove_abandoned_segments
from densehybrid_ros.errors import USER_ERROR, SetupError
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.namesakes import Namesakes

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
    survives: bool = False,
) -> None:
    """Makes a node, calls `begin`, spins until a signal comes or `finished`, calls `end`, and tidies up.

    The signals only set a flag: rclpy's own handlers raise KeyboardInterrupt wherever the interpreter happens to be,
    half-way through a callback or the clean-up. A SetupError ends the process with one line and status 2, NodeFailed
    with status FAILED.

    Args:
        survives: any other exception of a callback is logged once per kind, and the node goes on; otherwise it ends the
            process with its trace.
    """
    take_profile()
    remove_abandoned_segments()
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
        Namesakes(node)
        begin(node)
        complaints = Complaints(node.get_logger().error)
        while not stopping and not finished(node):
            _spin_once(executor, complaints if survives else None)
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
        sys.exit(FAILED if isinstance(problem, NodeFailed) else USER_ERROR)


def _spin_once(executor: SingleThreadedExecutor, complaints: Complaints | None) -> None:
    """One turn. With `complaints` an exception of a callback is logged: rclpy's own ones raise on odd requests."""
    try:
        executor.spin_once(timeout_sec=0.2)
    except (SetupError, NodeFailed, ExternalShutdownException):
        raise
    except Exception as error:
        if complaints is None:
            raise
        complaints.once(type(error), f"a callback failed: {type(error).__name__}: {error}\n{traceback.format_exc()}")
