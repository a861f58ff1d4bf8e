"""The real node in its own process, over DDS."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from lifecycle_msgs.msg import State, Transition
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from densehybrid_ros.convert.compressed import rgb_from_compressed
from densehybrid_ros.convert.images import array_from_image, image_message, rgb_from_image
from densehybrid_ros.core.drawing.draw import colour_map
from densehybrid_ros.models.checkpoint import load_weights
from densehybrid_ros.topics import OVERLAY_JPEG

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]
UNKNOWN = 11


def assert_open_set_follows(answers: dict[str, Image], threshold: float) -> float:
    """The open-set map is exactly what semantic map, score and threshold demand; returns the share of unknown."""
    semantic, score = array_from_image(answers["semantic"]), array_from_image(answers["anomaly"])
    expected = np.where(score >= threshold, UNKNOWN, semantic)
    np.testing.assert_array_equal(array_from_image(answers["open_set"]), expected)
    return float((expected == UNKNOWN).mean())


def test_a_new_threshold_changes_the_next_mask_and_only_as_it_demands(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    node = start("segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    answers = probe.answers(picture)
    assert_open_set_follows(answers, 0.25)
    for message in answers.values():
        assert message.header.frame_id == "front_camera"
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == (101, 250_000_000)
        assert (message.height, message.width) == picture.shape[:2]
    score = array_from_image(answers["anomaly"])
    shares = []
    for quantile in (0.2, 0.5, 0.9):
        threshold = float(np.quantile(score, quantile))
        assert probe.set_parameter("threshold", threshold) == (True, "")
        changed = probe.answers(picture)
        np.testing.assert_array_equal(array_from_image(changed["anomaly"]), score)
        shares.append(assert_open_set_follows(changed, threshold))
    assert shares[0] > shares[1] > shares[2] > 0
    assert rgb_from_image(answers["overlay"]).shape == picture.shape
    assert node.stop() == 0
    assert "Traceback" not in node.output


def test_colour_maps_show_the_ids_and_the_jpeg_is_the_overlay(
    start: Start, make_probe: Callable[..., Probe], random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe = make_probe(("semantic", "open_set", "semantic/color", "open_set/color", "overlay"))
    pictures: list[CompressedImage] = []
    probe.node.create_subscription(CompressedImage, OVERLAY_JPEG.under("/densehybrid"), pictures.append, 10)
    probe.wait_for_node()
    answers = probe.answers(picture)
    palette = load_weights(random_weights)[1].palette
    for name in ("semantic", "open_set"):
        colours = answers[f"{name}/color"]
        assert (colours.encoding, colours.header) == ("rgb8", answers[name].header)
        expected = colour_map(array_from_image(answers[name]), palette)
        np.testing.assert_array_equal(rgb_from_image(colours), expected)
    probe.spin_until(lambda: len(pictures) > 0, "the overlay as JPEG")
    assert (pictures[0].format, pictures[0].header) == ("rgb8; jpeg compressed bgr8", answers["overlay"].header)
    difference = rgb_from_compressed(pictures[0]).astype(int) - rgb_from_image(answers["overlay"])
    assert np.abs(difference).mean() < 8


def test_parameters_are_checked_as_a_whole_and_refused_with_the_reason(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}", "threshold:=1")
    probe.wait_for_node()
    assert_open_set_follows(probe.answers(picture), 1.0)
    assert probe.set_parameter("threshold", 2) == (True, "")
    assert probe.get_parameter("threshold").double_value == 2.0
    assert_open_set_follows(probe.answers(picture), 2.0)
    for name, value, reason in (
        ("threshold", 5000.0, "-1000.0"),
        ("threshold", "high", "type float"),
        ("score", "nonsense", "hybrid, likelihood"),
        ("device", "cuda", "when the node is configured"),
    ):
        accepted, text = probe.set_parameter(name, value)
        assert not accepted
        assert reason in text
    assert_open_set_follows(probe.answers(picture), 2.0)
    assert probe.set_parameter("score", "likelihood") == (True, "")
    # the score brings the threshold at which it finds as much, between the stored points
    assert probe.get_parameter("threshold").double_value == pytest.approx(2.5)
    assert_open_set_follows(probe.answers(picture), 2.5)


def test_bad_frames_are_counted_and_the_next_good_one_is_served(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    node = start("segmenter", f"model_path:={random_weights}", "max_image_pixels:=100000")
    probe.wait_for_node()
    probe.answers(picture)
    good = image_message(picture, "rgb8", Header())
    broken = {
        "encoding 'nonsense' is not supported": Image(encoding="nonsense", height=2, width=2, step=6, data=bytes(12)),
        "truncated": Image(encoding="rgb8", height=96, width=160, step=480, data=bytes(1000)),
        "no pixels": Image(encoding="rgb8", height=0, width=0, step=0),
        "step 3 is less": Image(encoding="rgb8", height=2, width=2, step=3, data=bytes(6)),
        "more than 100000 pixels": Image(encoding="mono8", height=400, width=400, step=400, data=bytes(160000)),
    }
    for count, (reason, message) in enumerate(broken.items(), start=1):
        probe.send(message)
        probe.spin_until(lambda count=count: probe.diagnostics()["dropped_invalid"] == str(count), "the count")
        assert reason in probe.diagnostics()["last_error"]
    probe.answers(good)
    report = probe.diagnostics()
    assert report["frames_in"] == str(len(broken) + 2)
    assert report["frames_out"] == "2"
    assert report["state"] == "active"
    assert node.stop(signal.SIGTERM) == 0
    assert "Traceback" not in node.output


def test_an_older_stamp_is_dropped_and_a_bag_loop_is_followed(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    probe.answers(picture, seconds=500)
    older = image_message(picture, "rgb8", Header())
    older.header = probe.header(499)
    older.header.stamp.nanosec = 600_000_000
    probe.publisher.publish(older)
    probe.spin_until(lambda: probe.diagnostics()["dropped_stale"] == "1", "the count")
    assert not any(message.header.stamp.sec == 499 for message in probe.received["open_set"])
    probe.answers(picture, seconds=20)


def test_lifecycle_transitions_stop_and_start_the_outputs(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}", "autostart:=false")
    probe.spin_until(lambda: probe.state() == State.PRIMARY_STATE_UNCONFIGURED, "unconfigured")
    for _ in range(2):
        assert probe.change_state(Transition.TRANSITION_CONFIGURE)
        assert probe.change_state(Transition.TRANSITION_ACTIVATE)
        probe.wait_for_node()
        probe.answers(picture)
        assert probe.change_state(Transition.TRANSITION_DEACTIVATE)
        probe.send(picture)
        probe.silence()
        assert probe.change_state(Transition.TRANSITION_CLEANUP)
    assert probe.state() == State.PRIMARY_STATE_UNCONFIGURED


@pytest.mark.parametrize("kind", ["missing", "altered"])
def test_unusable_weights_leave_the_node_unconfigured_with_one_clear_line(
    start: Start, probe: Probe, random_weights: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"{kind}.safetensors"
    if kind == "altered":
        content = bytearray(random_weights.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    node = start("segmenter", f"model_path:={path}")
    node.wait_for_output("not configured")
    errors = [line for line in node.output.splitlines() if "[ERROR]" in line]
    assert len(errors) == 1
    assert str(path) in errors[0]
    assert probe.state() == State.PRIMARY_STATE_UNCONFIGURED
    assert node.stop() == 0


def test_a_wrong_start_up_override_ends_with_one_line(start: Start, random_weights: Path) -> None:
    node = start("segmenter", f"model_path:={random_weights}", "threshold:=high")
    assert node.process.wait(timeout=60) == 2
    assert "threshold must be of type float" in node.output
    assert "Traceback" not in node.output
