"""Faults of the device, of the input and of our own code, on the real node in its own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from lifecycle_msgs.msg import State, Transition
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters
from std_msgs.msg import Header

from densehybrid_ros.convert.images import image_message
from densehybrid_ros.nodes.common.running import FAILED

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]
Faulty = Callable[[np.ndarray, str], np.ndarray]
ERROR = "2"


def send_and_wait_for_errors(probe: Probe, image: np.ndarray, count: int) -> None:
    probe.send(image)
    probe.spin_until(lambda: probe.diagnostics()["dropped_error"] == str(count), f"{count} dropped frames")


def test_exhausted_memory_costs_the_frame_and_the_third_time_in_a_row_the_activity(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray, faulty: Faulty
) -> None:
    node = start("faulty_segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    exhausting = faulty(picture, "out of memory")
    for count in (1, 2):
        send_and_wait_for_errors(probe, exhausting, count)
    probe.answers(picture)  # a good one in between begins the count anew
    for count in (3, 4):
        send_and_wait_for_errors(probe, exhausting, count)
        assert probe.state() == State.PRIMARY_STATE_ACTIVE
    send_and_wait_for_errors(probe, exhausting, 5)
    probe.spin_until(lambda: probe.state() == State.PRIMARY_STATE_INACTIVE, "deactivation")
    report = probe.diagnostics()
    assert (report["level"], report["frames_out"]) == (ERROR, "1")
    assert "out of memory on cpu" in report["message"]
    assert "out of memory" in report["last_error"]
    assert probe.change_state(Transition.TRANSITION_ACTIVATE)
    probe.wait_for_node()
    probe.answers(picture)
    assert probe.diagnostics()["message"] == "active"
    assert node.stop() == 0


def test_a_lost_device_ends_the_process_with_an_error(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray, faulty: Faulty
) -> None:
    node = start("faulty_segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    probe.answers(picture)
    probe.send(faulty(picture, "device lost"))
    assert node.process.wait(timeout=60) == FAILED
    assert "error: device cpu is lost: CUDA error: unspecified launch failure" in node.output


@pytest.mark.parametrize(
    ("fault", "words"),
    [("bug", "ValueError: a bug"), ("unpublishable", "OSError: no room"), ("unpaintable", "OSError: no room")],
)
def test_an_exception_costs_its_frame_and_is_logged_once(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray, faulty: Faulty, fault: str, words: str
) -> None:
    node = start("faulty_segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    for count in (1, 2, 3):
        send_and_wait_for_errors(probe, faulty(picture, fault), count)
    probe.answers(picture)
    report = probe.diagnostics()
    assert words in report["last_error"]
    assert (report["frames_in"], report["frames_out"]) == ("4", "1")
    assert node.output.count(f"frame dropped: {words}") == 1
    assert node.stop() == 0


def test_overload_drops_all_but_the_newest_frame_and_counts_them(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray, faulty: Faulty
) -> None:
    start("faulty_segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    first = probe.send(faulty(picture, "slow"))
    probe.spin_for(0.4)
    for _ in range(5):
        last = probe.send(picture)
        probe.spin_for(0.1)
    probe.answer("semantic", last)
    assert [message.header.stamp.sec for message in probe.received["semantic"]] == [first, last]
    report = probe.diagnostics()
    assert (report["frames_in"], report["frames_out"], report["dropped_stale"]) == ("6", "2", "4")


def test_a_bag_loop_restarts_the_rates_and_keeps_the_counters(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    for lap in range(3):
        for second in (500, 501, 502):
            before = len(probe.received["semantic"])
            probe.send(picture, second)
            probe.spin_until(lambda before=before: len(probe.received["semantic"]) > before, f"lap {lap}")
    stamps = [message.header.stamp.sec for message in probe.received["semantic"]]
    assert stamps == [500, 501, 502] * 3
    report = probe.diagnostics()
    assert (report["frames_in"], report["frames_out"], report["dropped_stale"]) == ("9", "9", "0")


def test_frames_without_a_stamp_are_all_served(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    for count in (1, 2, 3):
        probe.publisher.publish(image_message(picture, "rgb8", Header(frame_id="camera")))
        probe.spin_until(lambda count=count: len(probe.received["semantic"]) == count, "an answer")


def test_a_device_or_precision_that_is_not_there_leaves_the_node_unconfigured(
    start: Start, probe: Probe, random_weights: Path
) -> None:
    node = start("segmenter", f"model_path:={random_weights}", "device:=cuda:99")
    node.wait_for_output("not configured")
    assert "device 'cuda:99' was asked for" in node.output
    report = probe.diagnostics()
    assert (report["level"], report["state"]) == (ERROR, "unconfigured")
    # nothing silently falls back; the parameter can be put right and the node configured
    assert probe.set_parameter("device", "cpu") == (True, "")
    assert probe.change_state(Transition.TRANSITION_CONFIGURE)
    assert probe.diagnostics()["state"] == "inactive"


def test_a_narrow_image_that_would_fill_the_memory_is_refused(start: Start, probe: Probe, picture: np.ndarray) -> None:
    start("segmenter")  # the bundled weights ask for 640 px
    probe.wait_for_node()
    probe.send(np.zeros((4000, 2, 3), np.uint8))
    probe.spin_until(lambda: probe.diagnostics()["dropped_invalid"] == "1", "the count")
    assert "would run at 1024x2048000" in probe.diagnostics()["last_error"]
    probe.answers(picture)


def test_the_stamp_of_a_malformed_frame_decides_about_nothing(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    probe.answers(picture, 500)
    broken = image_message(picture, "rgb8", Header())
    broken.encoding = "nonsense"
    probe.send(broken, 502)
    probe.spin_until(lambda: probe.diagnostics()["dropped_invalid"] == "1", "the count")
    probe.answers(picture, 501)  # a second before the stamp of the malformed one


def test_a_request_that_rclpy_itself_stumbles_over_does_not_end_the_node(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    node = start("segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    client = probe.node.create_client(SetParameters, "/densehybrid/set_parameters")
    assert client.wait_for_service(timeout_sec=30)
    odd = Parameter(name="threshold", value=ParameterValue(type=77))
    client.call_async(SetParameters.Request(parameters=[odd]))
    probe.spin_for(1.0)
    probe.answers(picture)
    assert probe.set_parameter("threshold", 1.5) == (True, "")
    assert node.process.poll() is None


def test_a_refused_qos_override_leaves_the_node_unconfigured_with_the_reason(
    start: Start, probe: Probe, random_weights: Path
) -> None:
    override = "qos_overrides./densehybrid/semantic/image_raw.publisher.reliability:=bogus"
    node = start("segmenter", f"model_path:={random_weights}", override)
    node.wait_for_output("not configured")
    report = probe.diagnostics()
    assert (report["level"], report["state"]) == (ERROR, "unconfigured")
    assert "bogus" in report["message"]
