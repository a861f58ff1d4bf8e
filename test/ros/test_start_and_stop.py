"""Nodes start soon, answer meanwhile, and end quietly at whatever moment they are told to."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState

from densehybrid_ros.models.checkpoint import BUNDLED

if TYPE_CHECKING:
    from conftest import Probe, Process

pytestmark = pytest.mark.alone  # how soon a process ends
Start = Callable[..., "Process"]
SOON = 2.0
"""s from a signal to the end."""
SLACK = 1.0
"""s that a busy machine may take in addition."""
IMPORTS, ROS = "_multiarray_umath", "_rclpy_pybind11"
"""Libraries of which a process has one early in its imports, and one later."""
QUIET = {0, -signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGTERM}


def has_loaded(process: subprocess.Popen[bytes], library: str) -> bool:
    return library in Path(f"/proc/{process.pid}/maps").read_text()


def told_to_end(process: subprocess.Popen[bytes], number: int, library: str, moment: float) -> tuple[int, float]:
    """Exit status, and s to the end, of a signal `moment` s after the process has loaded a library."""
    end = time.monotonic() + 60
    while process.poll() is None and not has_loaded(process, library) and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(moment)
    assert process.poll() is None, "ended before the signal"
    sent = time.monotonic()
    process.send_signal(number)
    return process.wait(timeout=60), time.monotonic() - sent


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [("segmenter", []), ("player", ["input:=roadworld"]), ("recorder", []), ("evaluator", [])],
)
def test_a_node_ends_quietly_at_any_moment(
    environment: dict[str, str], tmp_path: Path, name: str, parameters: list[str], number: int
) -> None:
    command = [sys.executable, "-m", f"densehybrid_ros.nodes.{name}", "--ros-args"]
    for parameter in [*parameters, *([f"out:={tmp_path / 'out'}"] if name == "recorder" else [])]:
        command += ["-p", parameter]
    for library, moment in ((IMPORTS, 0.0), (IMPORTS, 0.3), (ROS, 0.1), (ROS, 0.7), (ROS, 1.5), (ROS, 2.5)):
        process = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        status, took = told_to_end(process, number, library, moment)
        assert process.stdout is not None
        written = process.stdout.read().decode()
        assert "Traceback" not in written, (library, moment, written)
        assert "rror" not in written, (library, moment, written)
        assert status in QUIET, (library, moment, status, written)
        assert took < SOON + SLACK, (library, moment, took)


def test_a_signal_while_the_network_is_built_ends_the_node_in_order(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    node = start("slow_segmenter", "seconds:=60")
    node.wait_for_output("loading")
    sent = time.monotonic()
    assert node.stop(signal.SIGTERM) == 0
    assert time.monotonic() - sent < SOON + SLACK
    assert "Traceback" not in node.output


def test_the_node_answers_while_it_configures(start: Start, probe: Probe, picture: np.ndarray) -> None:
    node = start("slow_segmenter", "seconds:=4", "score:=likelihood")
    node.wait_for_output("loading")
    began = time.monotonic()
    assert probe.state() == State.TRANSITION_STATE_CONFIGURING
    assert probe.get_parameter("score").string_value == "likelihood"
    assert probe.set_parameter("overlay_alpha", 0.2) == (True, "")
    refused, reason = probe.set_parameter("inference_width", 64)
    assert not refused
    assert "read when the node is configured" in reason
    assert probe.diagnostics()["state"] in ("configuring", "unconfigured")
    assert time.monotonic() - began < 4, "the answers came after the loading, not meanwhile"
    probe.spin_until(lambda: probe.state() == State.PRIMARY_STATE_ACTIVE, "activation")
    assert time.monotonic() - began > 2
    assert probe.answers(picture)["open_set"].height == picture.shape[0]


def test_a_manager_gets_its_answer_when_the_node_is_configured(start: Start, probe: Probe) -> None:
    node = start("slow_segmenter", "seconds:=3", "autostart:=false")
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    client = probe.node.create_client(ChangeState, "/densehybrid/change_state")
    assert client.wait_for_service(timeout_sec=60)
    changed = client.call_async(request)
    node.wait_for_output("loading")
    assert probe.call(GetState, "/densehybrid/get_state", GetState.Request()).current_state.label == "configuring"
    assert not changed.done()
    probe.spin_until(changed.done, "the answer")
    assert changed.result().success
    assert probe.state() == State.PRIMARY_STATE_INACTIVE
    assert not probe.change_state(Transition.TRANSITION_CONFIGURE), "it is configured already"
    assert probe.change_state(Transition.TRANSITION_CLEANUP)
    assert probe.set_parameter("inference_width", 64) == (True, "")
    assert probe.set_parameter("model_path", "/no/such/file") == (True, "")
    assert not probe.change_state(Transition.TRANSITION_CONFIGURE)
    assert "/no/such/file does not exist" in node.output
    assert probe.state() == State.PRIMARY_STATE_UNCONFIGURED
    assert probe.set_parameter("model_path", str(BUNDLED)) == (True, "")


@pytest.mark.parametrize(("threads", "runs_by"), [("num_threads:=3", 3), ("num_threads:=0", 1)])
def test_the_network_runs_by_as_many_threads_as_asked_for(
    start: Start, probe: Probe, picture: np.ndarray, threads: str, runs_by: int
) -> None:
    """OMP_NUM_THREADS is 1 in these tests."""
    node = start("slow_segmenter", threads)
    probe.wait_for_node()
    probe.answers(picture)
    assert f"runs by {runs_by} threads" in node.output


def refused(environment: dict[str, str], changes: dict[str, str], *arguments: str) -> list[str]:
    """The lines of a node that ends because of the user's mistake."""
    command = [sys.executable, "-m", "densehybrid_ros.nodes.evaluator", *arguments]
    done = subprocess.run(command, env=environment | changes, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    return done.stderr.splitlines()


@pytest.mark.parametrize("domain", ["abc", "500", "-1", "1.5"])
def test_an_unusable_domain_is_refused_in_one_line(environment: dict[str, str], domain: str) -> None:
    assert refused(environment, {"ROS_DOMAIN_ID": domain}) == [
        f"error: ROS_DOMAIN_ID is '{domain}'; give a whole number from 0 to 232"
    ]


@pytest.mark.parametrize(
    "contents",
    [b"a: [1\n  b", b"evaluator:\n  period: 1\n", b"\xff\xfe\x00", None],
    ids=["yaml", "layout", "text", "no"],
)
def test_an_unusable_parameter_file_is_named_in_one_line(
    environment: dict[str, str], tmp_path: Path, contents: bytes | None
) -> None:
    path = tmp_path / "bad.yaml"
    if contents is not None:
        path.write_bytes(contents)
    (line,) = refused(environment, {}, "--ros-args", "--params-file", str(path))
    assert line.startswith("error: ")
    assert str(path) in line
    assert "mend the file, or give another" in line
    assert ".c:" not in line


@pytest.mark.parametrize("argument", ["--nonsense", "-p nonsense", "--log-level nonsense", "-r nonsense"])
def test_an_unusable_argument_is_named_in_one_line(environment: dict[str, str], argument: str) -> None:
    (line,) = refused(environment, {}, "--ros-args", *argument.split())
    assert line.startswith("error: ")
    assert "nonsense" in line


@pytest.mark.parametrize("variable", ["HOME", "ROS_LOG_DIR"])
def test_an_unwritable_folder_for_logs_is_named_in_one_line(
    environment: dict[str, str], tmp_path: Path, variable: str
) -> None:
    (tmp_path / "file").touch()
    without = dict.fromkeys(("ROS_LOG_DIR", "ROS_HOME"), "")
    (line,) = refused(environment, without | {variable: str(tmp_path / "file" / "home")})
    assert str(tmp_path / "file" / "home") in line
    assert "name a folder that can be written in ROS_LOG_DIR" in line
