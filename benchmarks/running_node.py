"""A segmenter in its own process, fed and listened to by this one; shared by the measurements."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from densehybrid_ros.demo import isolated_environment
from densehybrid_ros.topics import ANOMALY, DIAGNOSTICS, IMAGE, OPEN_SET, OVERLAY, SEGMENTER, SEMANTIC

REPOSITORY = Path(__file__).resolve().parents[1]
OUTPUTS = {"semantic": SEMANTIC, "anomaly": ANOMALY, "open_set": OPEN_SET, "overlay": OVERLAY}
PATIENCE = 120.0
"""s"""


class RunningNode:
    """Starts the node with the parameters given, ends it at exit. Everything that is called here spins this process."""

    def __init__(self, *parameters: str, outputs: Iterable[str] = OUTPUTS, threads: int | None = None) -> None:
        environment = isolated_environment()
        os.environ.update(environment)
        environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
        if threads is not None:
            environment["OMP_NUM_THREADS"] = str(threads)
        command = [sys.executable, "-m", "densehybrid_ros.nodes.segmenter", "--ros-args", "--log-level", "warn"]
        for parameter in parameters:
            command += ["-p", parameter]
        self.process = subprocess.Popen(command, env=environment)
        rclpy.init()
        self.node = rclpy.create_node(f"measuring_{random.SystemRandom().randint(0, 10**9)}")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        quality = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self.publisher = self.node.create_publisher(Image, IMAGE.name, quality)
        self.received = dict.fromkeys(outputs, 0)
        for name in self.received:
            topic = f"/{OUTPUTS[name].under(SEGMENTER)}"
            # raw: what feeds and listens shares the cores with what is measured, and should cost little
            self.node.create_subscription(Image, topic, partial(self._count, name), quality, raw=True)
        self.report: dict[str, str] = {}
        self.reports = 0
        self.node.create_subscription(DiagnosticArray, DIAGNOSTICS.name, self._keep_report, 10)

    def __enter__(self) -> RunningNode:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=60)
        finally:
            self.process.kill()
            self.executor.shutdown()
            self.node.destroy_node()
            rclpy.try_shutdown()

    def _count(self, name: str, message: object) -> None:
        self.received[name] += 1

    def _keep_report(self, message: DiagnosticArray) -> None:
        status: Any = message.status
        self.report = {pair.key: pair.value for pair in status[0].values}
        self.reports += 1

    def spin_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=max(0.0, min(0.05, end - time.monotonic())))

    def spin_until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"no {what} within {PATIENCE:g} s, or the node has ended")
            self.executor.spin_once(timeout_sec=0.05)

    def wait_until_ready(self) -> None:
        self.spin_until(lambda: self.publisher.get_subscription_count() > 0, "subscription")
        self.spin_for(2.0)

    def next_report(self) -> dict[str, str]:
        """Diagnostics that were made after this call."""
        seen = self.reports
        self.spin_until(lambda: self.reports >= seen + 2, "diagnostics")
        return self.report

    def set_parameter(self, name: str, value: float | str) -> bool:
        kind = ParameterType.PARAMETER_STRING if isinstance(value, str) else ParameterType.PARAMETER_DOUBLE
        field = "string_value" if isinstance(value, str) else "double_value"
        given = Parameter(name=name, value=ParameterValue(type=kind, **{field: value}))
        return (
            self.call(SetParameters, "set_parameters", SetParameters.Request(parameters=[given])).results[0].successful
        )

    def change_state(self, transition: int) -> bool:
        return self.call(ChangeState, "change_state", ChangeState.Request(transition=Transition(id=transition))).success

    def call(self, kind: type, name: str, request: Any) -> Any:
        service = f"/{SEGMENTER}/{name}"
        client = self.node.create_client(kind, service)
        if not client.wait_for_service(timeout_sec=PATIENCE):
            raise RuntimeError(f"service {name} does not come")
        future = client.call_async(request)
        self.spin_until(future.done, f"answer of {name}")
        self.node.destroy_client(client)
        return future.result()

    def resident_mb(self) -> tuple[float, float]:
        """Resident memory of the node, MB: all of it, and that part which is shared memory of the transport."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "RssShmem"))}
        return int(values["VmRSS"]) / 1024, int(values["RssShmem"]) / 1024
