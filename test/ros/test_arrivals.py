"""Who listens, who publishes and how, and what does not arrive: the real node and cameras of other makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from lifecycle_msgs.msg import Transition
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header, String
from std_srvs.srv import SetBool

from densehybrid_ros.convert.images import image_message

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]
MakeProbe = Callable[..., "Probe"]
BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


def reliabilities(probe: Probe, topic: str = "/image_raw") -> list[ReliabilityPolicy]:
    infos = probe.node.get_subscriptions_info_by_topic(topic)
    return [info.qos_profile.reliability for info in infos if info.node_name == "densehybrid"]


def test_images_are_taken_only_while_somebody_listens_and_the_node_is_enabled(
    start: Start, make_probe: MakeProbe, random_weights: Path, picture: np.ndarray
) -> None:
    node = start("segmenter", f"model_path:={random_weights}")
    camera = make_probe(())
    camera.spin_until(lambda: camera.diagnostics()["state"] == "active", "the node")
    camera.spin_for(2.5)  # more than camera_timeout
    report = camera.diagnostics()
    assert (report["level"], report["frames_in"], reliabilities(camera)) == ("0", "0", [])
    assert "idle: nobody listens" in report["message"]
    listener = make_probe(("semantic",))
    listener.wait_for_node()
    listener.answers(picture)
    assert listener.diagnostics()["message"] == "active"
    listener.call(SetBool, "/densehybrid/enable", SetBool.Request(data=False))
    listener.spin_until(lambda: not reliabilities(listener), "the end of the subscription")
    assert "disabled by ~/enable" in listener.diagnostics()["message"]
    listener.call(SetBool, "/densehybrid/enable", SetBool.Request(data=True))
    listener.wait_for_node()
    listener.answers(picture)
    assert listener.set_parameter("lazy", False)[0]
    listener.executor.remove_node(listener.node)
    listener.node.destroy_node()
    camera.spin_for(2.5)
    assert len(reliabilities(camera)) == 1
    assert camera.set_parameter("lazy", True)[0]
    camera.spin_until(lambda: not reliabilities(camera), "the end of the subscription")
    assert node.stop() == 0
    assert "Traceback" not in node.output


def test_reliability_follows_the_publishers(
    start: Start, make_probe: MakeProbe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe = make_probe(("semantic",))
    probe.wait_for_node()
    probe.spin_until(lambda: reliabilities(probe) == [ReliabilityPolicy.RELIABLE], "a reliable subscription")
    probe.answers(picture)
    assert probe.diagnostics()["image_reliability"] == "reliable"
    driver = probe.node.create_publisher(Image, "image_raw", BEST_EFFORT)
    probe.spin_until(lambda: reliabilities(probe) == [ReliabilityPolicy.BEST_EFFORT], "best effort")
    probe.spin_until(lambda: driver.get_subscription_count() > 0, "the subscription of the driver")
    probe.spin_for(0.5)
    driver.publish(image_message(picture, "rgb8", probe.header(200)))
    probe.answer("semantic", 200)


def test_silence_names_the_topic_its_publishers_and_what_does_not_fit(
    start: Start, make_probe: MakeProbe, random_weights: Path
) -> None:
    override = "qos_overrides./image_raw.subscription.reliability:=reliable"
    node = start("segmenter", f"model_path:={random_weights}", "camera_timeout:=0.5", override)
    probe = make_probe(("semantic",))
    probe.node.destroy_publisher(probe.publisher)

    def message_with(text: str) -> None:
        probe.spin_until(lambda: text in probe.diagnostics()["message"], text)

    message_with("no frame comes: nobody publishes /image_raw (sensor_msgs/msg/Image)")
    elsewhere = probe.node.create_publisher(Image, "/cam/image_raw", 5)
    message_with("there is /cam/image_raw: remap image_raw")
    best_effort = probe.node.create_publisher(Image, "/image_raw", BEST_EFFORT)
    message_with("does not fit: ")
    report = probe.diagnostics()
    assert report["level"] == "3"
    assert f"/{probe.node.get_name()} publishes /image_raw" in report["message"]
    assert "eliable" in report["message"]
    assert "qos_overrides./image_raw.subscription" in report["message"]
    assert (report["image_topic"], report["image_publishers"]) == ("/image_raw", "0")
    probe.node.destroy_publisher(best_effort)
    fitting = probe.node.create_publisher(Image, "/image_raw", 5)
    message_with("/image_raw has 1 publisher (")
    assert probe.diagnostics()["image_publishers"] == "1"
    probe.node.destroy_publisher(fitting)
    probe.node.create_publisher(CompressedImage, "/image_raw", 5)
    message_with("publishes /image_raw as sensor_msgs/msg/CompressedImage, and it is taken as sensor_msgs/msg/Image")
    assert elsewhere.topic == "/cam/image_raw"
    assert "no frame comes: nobody publishes /image_raw" in node.output  # in the log, too


def test_frames_that_are_missing_by_their_stamps_are_a_warning(
    start: Start, make_probe: MakeProbe, random_weights: Path, picture: np.ndarray
) -> None:
    node = start("segmenter", f"model_path:={random_weights}")
    probe = make_probe(("semantic",))
    probe.wait_for_node()
    message, period = image_message(picture[::2, ::2], "rgb8", Header()), 20_000_000
    rng = np.random.default_rng(3)
    for number in np.flatnonzero(rng.random(400) < 0.5):
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(10**12 + int(number) * period, 10**9)
        probe.publisher.publish(message)
        probe.spin_for(0.02)
    report = probe.diagnostics()
    assert int(report["missing"]) == pytest.approx(200, abs=30)
    assert "are missing by their stamps" in node.output


def test_transitions_are_logged_and_finalized_is_a_state(
    start: Start, make_probe: MakeProbe, random_weights: Path
) -> None:
    node = start("segmenter", f"model_path:={random_weights}")
    probe = make_probe(())
    probe.spin_until(lambda: probe.diagnostics()["state"] == "active", "the node")
    steps = {
        Transition.TRANSITION_DEACTIVATE: "deactivated",
        Transition.TRANSITION_CLEANUP: "cleaned up",
        Transition.TRANSITION_UNCONFIGURED_SHUTDOWN: "finalized",
    }
    assert "activated: images come from /image_raw" in node.output
    for transition, text in steps.items():
        assert probe.change_state(transition)
        node.wait_for_output(text)
    report = probe.diagnostics()
    assert (report["state"], report["message"]) == ("finalized", "finalized")
    assert node.stop() == 0


def test_parameters_that_change_nothing_are_reported(start: Start, make_probe: MakeProbe, tmp_path: Path) -> None:
    node = start("segmenter", "autostart:=false", "treshold:=2.0", "qos_overrides./image_raw.subscription.depth:=3")
    node.wait_for_output("parameter 'treshold' is unknown, and changes nothing; is threshold meant?")
    probe = make_probe(())
    report = probe.diagnostics()
    assert (report["level"], "is threshold meant?" in report["message"]) == ("1", True)
    assert "qos_overrides" not in report["message"]


def test_distances_are_taken_only_while_somebody_listens_to_obstacles(
    start: Start, make_probe: MakeProbe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe = make_probe(("semantic",))
    topics = ("/disparity", "/depth", "/right/image_raw", "/right/camera_info")
    probe.wait_for_node()
    probe.answers(picture)
    assert [reliabilities(probe, topic) for topic in topics] == [[]] * 4
    listener = probe.node.create_subscription(String, "/densehybrid/obstacles_json", lambda message: None, 10)
    probe.spin_until(lambda: all(reliabilities(probe, topic) for topic in topics), "the subscriptions")
    probe.node.destroy_subscription(listener)
    probe.spin_until(lambda: not any(reliabilities(probe, topic) for topic in topics), "the end of them")
    probe.answers(picture)
