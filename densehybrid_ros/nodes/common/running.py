"""Spinning until SIGINT or SIGTERM, and an end without a traceback."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import TypeVar

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from densehybrid_ros.dds.profile import take_profile
from densehybrid_ros.dds.segments import remove_abandoned_segments
from densehybrid_ros.errors import USER_ERROR, SetupError
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.context import ros
from densehybrid_ros.nodes.common.namesakes import Namesakes
from densehybrid_ros.stopping import WATCH, StopRequest, stop_requests

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

    A signal that comes while `make` or a callback does not return ends the process after GRACE s all the same; `end`
    takes its time, but for a second signal. A SetupError ends the process with one line and status 2, NodeFailed with
    status FAILED.

    Args:
        survives: any other exception of a callback is logged once per kind, and the node goes on; otherwise it ends the
            process with its trace.
    """
    problem: SetupError | NodeFailed | None = None
    with stop_requests(lambda number, frame: None) as request:
        try:
            take_profile()
            remove_abandoned_segments()
            with ros(arguments):
                _run(make, begin, end, finished, survives, request)
        except (SetupError, NodeFailed) as error:
            problem = error
    if problem is not None:
        print(f"error: {problem}", file=sys.stderr)
    _end_process(0 if problem is None else FAILED if isinstance(problem, NodeFailed) else USER_ERROR)


def _run(
    make: Callable[[], AnyNode],
    begin: Callable[[AnyNode], None],
    end: Callable[[AnyNode], None],
    finished: Callable[[AnyNode], bool],
    survives: bool,
    request: StopRequest,
) -> None:
    """A node's whole life."""
    node: AnyNode | None = None
    problem: Exception | None = None
    executor = SingleThreadedExecutor()
    try:
        node = make()
        executor.add_node(node)
        Namesakes(node)
        complaints = Complaints(node.get_logger().error) if survives else None
        begin(node)
        _spin_once(executor, complaints)  # at least once: a task that was never begun is complained of
        while request.number is None and not finished(node):
            _spin_once(executor, complaints)
    except ExternalShutdownException:
        pass
    except Exception as error:
        problem = error
    request.tidying()
    if node is not None:
        try:
            end(node)
        except Exception as error:
            problem = problem or error  # after the first, as of a full disk, others are no news
        executor.shutdown()
        node.destroy_node()
    if problem is not None:
        raise problem


def _end_process(status: int) -> None:
    """Without waiting for threads that are at work: to end Python under one that is in C++ can abort."""
    if any(each.daemon and each.name != WATCH for each in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    if status:
        sys.exit(status)


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
