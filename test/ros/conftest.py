"""Real nodes in their own processes, on a DDS domain of this test session, on this machine only."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from densehybrid_ros.convert.images import image_message
from densehybrid_ros.dds.isolation import DOMAINS, isolated_environment

REPOSITORY = Path(__file__).resolve().parents[2]
ALL_OUTPUTS = ("semantic", "anomaly", "open_set", "overlay")
PATIENCE = 120.0
"""s; the machine may be busy."""
WORKERS = 20
"""More than that share domains."""


def worker_domains() -> range:
    """Not those of the other processes that share the tests: two that look at once would find the same one free."""
    return DOMAINS[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS :: WORKERS]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    values = isolated_environment(worker_domains())
    os.environ.update(values)
    values["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    values["OMP_NUM_THREADS"] = "1"
    return values


@pytest.fixture(scope="session")
def context(environment: dict[str, str]) -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.try_shutdown()


class Process:
    """A node of ours, started as a user would."""

    def __init__(self, program: list[str], environment: dict[str, str], *parameters: str, log: Path) -> None:
        command = [sys.executable, *program, "--ros-args"]
        for parameter in parameters:
            command += ["-p", parameter]
        self._log = log
        self._file = log.open("w")
        self.process = subprocess.Popen(command, env=environment, stdout=self._file, stderr=subprocess.STDOUT)

    @property
    def output(self) -> str:
        return self._log.read_text()

    def stop(self, number: int = signal.SIGINT) -> int:
        """Sends the signal and returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE)
        self._file.close()
        return status

    def wait_for_output(self, text: str) -> None:
        wait_until(lambda: text in self.output or self.process.poll() is not None, f"'{text}' in the log")
        assert text in self.output, self.output


Start = Callable[..., Process]


@contextmanager
def starter(environment: dict[str, str], folder: Path) -> Iterator[Start]:
    """start("segmenter", "threshold:=1") runs a node until the end of the block; `arguments` go before parameters."""
    processes: list[Process] = []

    def begin(name: str, *parameters: str, arguments: Sequence[str] = ()) -> Process:
        of_tests = Path(__file__).parent / f"{name}.py"
        program = [str(of_tests)] if of_tests.exists() else ["-m", f"densehybrid_ros.nodes.{name}"]
        if name not in ("player", "tuner"):
            # torch: one frame's scores are those of the next, and no build takes a core from a test
            parameters = ("warmup_iterations:=0", "engine:=torch", *parameters)
        if name == "tuner":
            parameters = ("niceness:=0", *parameters)  # a busy machine must not starve it
        log = folder / f"{name}{len(processes)}.log"
        processes.append(Process([*program, *arguments], environment, *parameters, log=log))
        return processes[-1]

    yield begin
    for process in processes:
        if process.process.poll() is None:
            process.process.kill()
            process.process.wait()


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """A `starter` until the end of the test."""
    with starter(environment, tmp_path) as begin:
        yield begin


@pytest.fixture(scope="module")
def start_shared(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """A `starter` until the end of the module's tests."""
    with starter(environment, tmp_path_factory.mktemp("logs")) as begin:
        yield begin


class Probe:
    """Publishes the images of one camera and keeps what the node answers."""

    def __init__(
        self,
        outputs: tuple[str, ...] = ALL_OUTPUTS,
        camera: str = "",
        kind: type = Image,
        executor: SingleThreadedExecutor | None = None,
    ) -> None:
        self.node = rclpy.create_node(f"probe_{random.SystemRandom().randint(0, 10**9)}")
        self.executor = executor or SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.camera = camera
        prefix = f"{camera}/" if camera else ""
        topic = "image_raw" if kind is Image else "image_raw/compressed"
        quality = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
        self.publisher = self.node.create_publisher(kind, f"{prefix}{topic}", quality)
        self._topics = {name: f"/densehybrid/{prefix}{name}/image_raw" for name in outputs}
        self.received: dict[str, list[Image]] = {name: [] for name in outputs}
        for name, topic in self._topics.items():
            self.node.create_subscription(Image, topic, self.received[name].append, quality)
        self.outputs = outputs
        self._seconds = 100

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()

    def wait_for_node(self) -> None:
        """Until the node is subscribed for good and all its outputs are heard."""
        self.spin_until(
            lambda: self.is_heard() and all(self.node.count_publishers(topic) > 0 for topic in self._topics.values()),
            "the node",
        )
        self.spin_for(1.0)

    def is_heard(self) -> bool:
        """By a subscription as reliable as the publisher.

        Until the node has seen that one, it may still change its own, and what is sent meanwhile is lost.
        """
        heard = self.node.get_subscriptions_info_by_topic(self.publisher.topic_name)
        reliable = any(each.qos_profile.reliability == ReliabilityPolicy.RELIABLE for each in heard)
        return reliable and self.publisher.get_subscription_count() == len(heard)

    def header(self, seconds: int | None = None) -> Header:
        """A new stamp, one second after the last."""
        self._seconds = self._seconds + 1 if seconds is None else seconds
        header = Header(frame_id=f"{self.camera or 'front'}_camera")
        header.stamp.sec, header.stamp.nanosec = self._seconds, 250_000_000
        return header

    def send(self, image: np.ndarray | Image | CompressedImage, seconds: int | None = None) -> int:
        """Publishes and returns the second of the stamp."""
        message = image_message(image, "rgb8", Header()) if isinstance(image, np.ndarray) else image
        message.header = self.header(seconds)
        self.publisher.publish(message)
        return message.header.stamp.sec

    def publish_when_heard(self, sent: dict[str, tuple[np.ndarray, str]]) -> None:
        """Pixels and encoding of each topic once, in this order, all with the same stamp."""
        publishers = {name: self.node.create_publisher(Image, name, 10) for name in sent}
        self.spin_until(lambda: all(each.get_subscription_count() for each in publishers.values()), "the node")
        self.spin_for(0.5)
        header = self.header()
        for name, (values, encoding) in sent.items():
            publishers[name].publish(image_message(values, encoding, header))

    def answers(self, image: np.ndarray | Image | CompressedImage, seconds: int | None = None) -> dict[str, Image]:
        """All outputs of one image."""
        second = self.send(image, seconds)
        return {name: self.answer(name, second) for name in self.outputs}

    def answer(self, name: str, second: int) -> Image:
        def find() -> Image | None:
            return next((each for each in self.received[name] if each.header.stamp.sec == second), None)

        self.spin_until(lambda: find() is not None, f"{name} of frame {second}")
        found = find()
        assert found is not None
        return found

    def silence(self, seconds: float = 1.5) -> None:
        """Nothing arrives for a while."""
        before = {name: len(messages) for name, messages in self.received.items()}
        self.spin_for(seconds)
        assert before == {name: len(messages) for name, messages in self.received.items()}

    def spin_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.05)

    def spin_until(self, condition: Callable[[], bool], what: str) -> None:
        assert self.comes(condition), f"waited {PATIENCE} s for {what}"

    def comes(self, condition: Callable[[], bool]) -> bool:
        """Whether it comes to hold, as long as patience lasts."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() >= end:
                return False
            self.executor.spin_once(timeout_sec=0.05)
        return True

    def call(self, kind: type, name: str, request: object) -> object:
        """The response of a service."""
        client = self.node.create_client(kind, name)
        assert client.wait_for_service(timeout_sec=PATIENCE), name
        future = client.call_async(request)
        self.spin_until(future.done, name)
        self.node.destroy_client(client)
        return future.result()

    def change_state(self, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.call(ChangeState, "/densehybrid/change_state", request).success

    def state(self) -> int:
        response = self.call(GetState, "/densehybrid/get_state", GetState.Request())
        return response.current_state.id

    def report(self) -> DiagnosticArray:
        """The next diagnostics that were made after this call."""
        reports: list[DiagnosticArray] = []
        subscription = self.node.create_subscription(DiagnosticArray, "/diagnostics", reports.append, 10)
        self.spin_until(lambda: len(reports) > 0, "diagnostics")
        reports.clear()
        self.spin_until(lambda: len(reports) > 0, "diagnostics")
        self.node.destroy_subscription(subscription)
        return reports[-1]

    def diagnostics(self, camera: str = "") -> dict[str, str]:
        """Keys of the next report, of the whole node or of one named camera; `level` and `message` among them."""
        name = f"/densehybrid: {camera}" if camera else "/densehybrid"
        status = next(each for each in self.report().status if each.name == name)
        values = {pair.key: pair.value for pair in status.values}
        return {**values, "level": str(status.level[0]), "message": status.message}

    def set_parameter(self, name: str, value: object) -> tuple[bool, str]:
        """Success and reason of ros2 param set."""
        kinds = {
            bool: ("bool_value", ParameterType.PARAMETER_BOOL),
            int: ("integer_value", ParameterType.PARAMETER_INTEGER),
            float: ("double_value", ParameterType.PARAMETER_DOUBLE),
            str: ("string_value", ParameterType.PARAMETER_STRING),
            list: ("string_array_value", ParameterType.PARAMETER_STRING_ARRAY),
        }
        attribute, kind = kinds[type(value)]
        parameter = Parameter(name=name, value=ParameterValue(type=kind, **{attribute: value}))
        request = SetParameters.Request(parameters=[parameter])
        result = self.call(SetParameters, "/densehybrid/set_parameters", request).results[0]
        return result.successful, result.reason

    def get_parameter(self, name: str) -> ParameterValue:
        request = GetParameters.Request(names=[name])
        return self.call(GetParameters, "/densehybrid/get_parameters", request).values[0]


def _module(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def faulty() -> Callable[[np.ndarray, str], np.ndarray]:
    """faulty(picture, "bug"): the picture that makes `faulty_segmenter` fail in that way."""
    return _module(Path(__file__).parent / "faulty_segmenter.py").marked


@pytest.fixture
def probe(context: None) -> Iterator[Probe]:
    made = Probe()
    yield made
    made.close()


@pytest.fixture
def make_probe(context: None) -> Iterator[Callable[..., Probe]]:
    """make_probe(outputs, camera, kind): several probes that share one executor, so that spinning one spins all."""
    executor = SingleThreadedExecutor()
    probes: list[Probe] = []

    def make(outputs: tuple[str, ...] = ALL_OUTPUTS, camera: str = "", kind: type = Image) -> Probe:
        probes.append(Probe(outputs, camera, kind, executor))
        return probes[-1]

    yield make
    executor.shutdown()
    for each in probes:
        each.node.destroy_node()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)
