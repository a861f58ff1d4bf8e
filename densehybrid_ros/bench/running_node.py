"""A segmenter in its own process, fed and listened to by this one; shared by all measurements of the node."""

from __future__ import annotations

import os
import random
import struct
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
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image

from densehybrid_ros.dds.isolation import isolated_environment
from densehybrid_ros.errors import SetupError
from densehybrid_ros.topics import ANOMALY, DIAGNOSTICS, IMAGE, OPEN_SET, OVERLAY, SEGMENTER, SEMANTIC

OUTPUTS = {"semantic": SEMANTIC, "anomaly": ANOMALY, "open_set": OPEN_SET, "overlay": OVERLAY}
PATIENCE = 120.0
"""s"""
STAMP = struct.Struct("<iI")
"""Seconds and nanoseconds, the first fields of a serialised Image."""
STAMP_AT = 4
"""Byte at which they stand: behind CDR's own four."""


class RunningNode:
    """Starts the node with the parameters given, ends it at exit. Everything that is called here spins this process."""

    def __init__(
        self,
        *parameters: str,
        outputs: Iterable[str] = OUTPUTS,
        log_level: str = "warn",
        source: Path | None = None,
    ) -> None:
        """
        Args:
            outputs: of OUTPUTS; what is listened to.
            log_level: the least that the node writes to the terminal.
            source: a clone of this repository, whose node it is to be instead of this one's.
        """
        environment = isolated_environment()
        os.environ.update(environment)
        places = [str(source)] if source else []
        places += [entry for entry in sys.path if entry]
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in places)
        command = [sys.executable, "-m", "densehybrid_ros.nodes.segmenter", "--ros-args", "--log-level", log_level]
        for parameter in parameters:
            command += ["-p", parameter]
        # a context of its own: the default one may be another's, and its signal handlers are not the command's
        self._context = Context()
        self._context.init([], domain_id=int(environment["ROS_DOMAIN_ID"]))
        self.process = subprocess.Popen(command, env=environment, cwd=source)
        name = f"measuring_{random.SystemRandom().randint(0, 10**9)}"
        self.node = rclpy.create_node(name, context=self._context)
        self.executor = SingleThreadedExecutor(context=self._context)
        self.executor.add_node(self.node)
        quality = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self.publisher = self.node.create_publisher(Image, IMAGE.name, quality)
        self._quality = quality
        self._heard: list[Subscription[Any]] = []
        self.received: dict[str, int] = {}
        """Answers by the name of the output."""
        self._stamps: dict[str, bytes] = {}
        """Of the last answers."""
        self.listen(outputs)
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
            self._context.try_shutdown()

    def listen(self, outputs: Iterable[str]) -> None:
        """From now on to these of OUTPUTS, and to no others."""
        while self._heard:
            self.node.destroy_subscription(self._heard.pop())
        self.received, self._stamps = dict.fromkeys(outputs, 0), {}
        for name in self.received:
            topic = f"/{OUTPUTS[name].under(SEGMENTER)}"
            # raw: what feeds and listens shares the cores with what is measured, and should cost little
            heard = self.node.create_subscription(Image, topic, partial(self._keep, name), self._quality, raw=True)
            self._heard.append(heard)

    def answered(self, seconds: int, nanoseconds: int = 0) -> bool:
        """Whether the last answers on all outputs bear that stamp."""
        stamp = STAMP.pack(seconds, nanoseconds)
        return all(self._stamps.get(name) == stamp for name in self.received)

    def _keep(self, name: str, message: Any) -> None:
        self.received[name] += 1
        self._stamps[name] = bytes(message[STAMP_AT : STAMP_AT + STAMP.size])

    def _keep_report(self, message: DiagnosticArray) -> None:
        status: Any = message.status
        self.report = {pair.key: pair.value for pair in status[0].values}
        self.reports += 1

    def spin_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=max(0.0, min(0.05, end - time.monotonic())))

    def spin_once(self, until: float) -> None:
        """What has come, or comes until then (steady time, s)."""
        if self.process.poll() is not None:
            raise SetupError(f"the node ended with status {self.process.returncode}; its message stands above")
        self.executor.spin_once(timeout_sec=max(0.0, min(0.02, until - time.monotonic())))

    def spin_until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise SetupError(f"no {what} came within {PATIENCE:g} s")
            self.spin_once(end)

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
            raise SetupError(f"the node's service {name} did not come within {PATIENCE:g} s")
        future = client.call_async(request)
        self.spin_until(future.done, f"answer of {name}")
        self.node.destroy_client(client)
        return future.result()

    def resident_mb(self) -> tuple[float, float]:
        """Resident memory of the node, MB: all of it, and that part which is shared memory of the transport."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "RssShmem"))}
        return int(values["VmRSS"]) / 1024, int(values["RssShmem"]) / 1024
