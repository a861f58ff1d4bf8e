"""Several cameras on one node, and the outputs beside the maps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import SetBool

from densehybrid_ros.convert.compressed import rgb_from_compressed
from densehybrid_ros.convert.images import array_from_image, image_message
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.nodes.segmenter.outputs.label_info import LabelInfo

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]
MakeProbe = Callable[..., "Probe"]
STALE = "3"
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def test_two_cameras_of_different_sizes_are_answered_under_their_names(
    start: Start, make_probe: MakeProbe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}", "cameras:=[front, left]", "camera_timeout:=2")
    front, left = make_probe(camera="front"), make_probe(camera="left")
    front.wait_for_node()
    left.wait_for_node()
    other = np.ascontiguousarray(picture[::-1, :130])
    seconds = front.send(picture), left.send(other)
    segmenter = Segmenter.load(random_weights, "cpu")
    for probe, image, second in zip((front, left), (picture, other), seconds, strict=True):
        score = probe.answer("anomaly", second)
        assert score.header.frame_id == f"{probe.camera}_camera"
        np.testing.assert_allclose(array_from_image(score), segmenter(image).score, atol=1e-3)
    # one camera stalls and the other sends what cannot be used; each is judged by itself
    for _ in range(4):
        front.send(Image(encoding="rgb8", height=4, width=4, step=12, data=bytes(3)))
        front.spin_for(0.5)
    front.spin_until(lambda: front.diagnostics("left")["level"] == STALE, "STALE")
    report = front.diagnostics("front")
    assert report["dropped_invalid"] == "4"
    assert front.diagnostics("left")["dropped_invalid"] == "0"
    assert front.diagnostics()["frames_in"] == "6"
    left.answers(other)
    assert left.diagnostics("left")["level"] != STALE


def test_cameras_that_have_a_frame_at_the_same_time_share_one_step(
    start: Start,
    make_probe: MakeProbe,
    random_weights: Path,
    picture: np.ndarray,
    faulty: Callable[[np.ndarray, str], np.ndarray],
) -> None:
    node = start("faulty_segmenter", f"model_path:={random_weights}", "cameras:=[front, left]")
    front, left = make_probe(("semantic",), "front"), make_probe(("open_set",), "left")
    front.wait_for_node()
    left.wait_for_node()
    front.send(faulty(picture, "slow"))
    front.spin_for(0.7)  # while the step of the slow frame lasts, both cameras get a frame
    seconds = front.send(picture), left.send(picture)
    front.answer("semantic", seconds[0])
    left.answer("open_set", seconds[1])
    assert "images: 2" in node.output


def test_compressed_images_are_answered_as_their_pixels_are(
    start: Start, make_probe: MakeProbe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}", "image_transport:=compressed")
    probe = make_probe(("anomaly",), kind=CompressedImage)
    probe.wait_for_node()
    data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
    message = CompressedImage(format="rgb8; jpeg compressed bgr8", data=data)
    decoded = rgb_from_compressed(message)
    answer = probe.answers(message)["anomaly"]
    expected = Segmenter.load(random_weights, "cpu")(decoded).score
    np.testing.assert_allclose(array_from_image(answer), expected, atol=1e-3)
    probe.send(CompressedImage(format="jpeg", data=data[: len(data) // 2]))
    probe.spin_until(lambda: probe.diagnostics()["dropped_invalid"] == "1", "the count")
    assert "truncated JPEG" in probe.diagnostics()["last_error"]
    probe.answers(message)


def test_camera_info_is_scaled_to_the_image_and_carries_its_header(
    start: Start, make_probe: MakeProbe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}", "camera_timeout:=60.0")
    probe = make_probe(("semantic",))
    infos: list[CameraInfo] = []
    probe.node.create_subscription(CameraInfo, "/densehybrid/semantic/camera_info", infos.append, 10)
    sender = probe.node.create_publisher(CameraInfo, "camera_info", 10)
    probe.wait_for_node()
    probe.answers(picture)  # without camera_info masks come at once
    assert not infos
    assert "no camera_info" in probe.diagnostics()["message"]
    probe.spin_until(lambda: sender.get_subscription_count() > 0, "the subscription")
    given = CameraInfo(width=320, height=192, distortion_model="plumb_bob", d=[0.1, 0.0, 0.0, 0.0, 0.0])
    given.k = [300.0, 0.0, 160.0, 0.0, 310.0, 96.0, 0.0, 0.0, 1.0]
    given.p = [300.0, 0.0, 160.0, -36.0, 0.0, 310.0, 96.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    sender.publish(given)
    probe.spin_for(1.0)
    answer = probe.answers(picture)["semantic"]
    probe.spin_until(lambda: len(infos) > 0, "camera_info")
    assert infos[0].header == answer.header
    assert (infos[0].width, infos[0].height) == (160, 96)
    assert list(infos[0].k) == [150.0, 0.0, 80.0, 0.0, 155.0, 48.0, 0.0, 0.0, 1.0]
    assert list(infos[0].p) == [150.0, 0.0, 80.0, -18.0, 0.0, 155.0, 48.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    assert list(infos[0].d) == list(given.d)


@pytest.mark.skipif(LabelInfo is not None, reason="vision_msgs is installed: LabelInfo itself is published")
def test_label_info_is_latched_and_follows_the_threshold(
    start: Start, make_probe: MakeProbe, random_weights: Path
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe = make_probe(("semantic",))
    probe.wait_for_node()
    received: dict[str, list[dict]] = {"semantic": [], "open_set": []}
    for name, kept in received.items():
        topic = f"/densehybrid/{name}/label_info_json"
        probe.node.create_subscription(String, topic, lambda m, kept=kept: kept.append(json.loads(m.data)), LATCHED)
    probe.spin_until(lambda: all(received.values()), "the latched messages")
    names = {entry["class_id"]: entry["class_name"] for entry in received["semantic"][0]["class_map"]}
    assert names[0] == "sky"
    assert names[255] == "unlabelled"
    assert 11 not in names
    open_set = {entry["class_id"]: entry["class_name"] for entry in received["open_set"][0]["class_map"]}
    assert open_set[11] == "unknown"
    assert received["open_set"][0]["threshold"] == 0.25
    assert probe.set_parameter("threshold", 1.5)[0]
    probe.spin_until(lambda: received["open_set"][-1]["threshold"] == 1.5, "the new threshold")
    assert probe.set_parameter("overlay_alpha", 0.25)[0]
    probe.spin_for(1.0)
    assert [message["threshold"] for message in received["open_set"]] == [0.25, 1.5]


def test_only_what_somebody_listens_to_is_computed(
    start: Start, make_probe: MakeProbe, random_weights: Path, picture: np.ndarray
) -> None:
    node = start("faulty_segmenter", f"model_path:={random_weights}", "lazy:=false")
    deaf = make_probe(())
    deaf.wait_for_node()
    deaf.send(picture)
    deaf.spin_until(lambda: deaf.diagnostics()["dropped_unwanted"] == "1", "the count")
    assert "parts" not in node.output
    semantic = make_probe(("semantic",))
    semantic.wait_for_node()
    semantic.answers(picture, 200)
    assert "parts: semantic;" in node.output
    both = make_probe(("anomaly",))
    both.wait_for_node()
    both.answers(picture, 201)
    assert "parts: score semantic;" in node.output
    overlaid = make_probe(("overlay",))
    overlaid.wait_for_node()
    overlaid.answers(picture, 202)
    assert "parts: open_set score semantic;" in node.output


def test_a_disabled_node_answers_nothing_until_it_is_enabled(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    probe.answers(picture)
    assert probe.call(SetBool, "/densehybrid/enable", SetBool.Request(data=False)).message == "disabled"
    probe.send(picture)
    probe.silence()
    report = probe.diagnostics()
    # its images are not even taken
    assert (report["enabled"], report["frames_in"], report["state"]) == ("false", "1", "active")
    probe.call(SetBool, "/densehybrid/enable", SetBool.Request(data=True))
    probe.wait_for_node()
    probe.answers(picture)


def test_qos_overrides_reach_the_subscription(
    start: Start, make_probe: MakeProbe, random_weights: Path, picture: np.ndarray
) -> None:
    override = "qos_overrides./image_raw.subscription.reliability:=reliable"
    start("segmenter", f"model_path:={random_weights}", override)
    probe = make_probe(("semantic",))
    probe.wait_for_node()
    infos = probe.node.get_subscriptions_info_by_topic("/image_raw")
    profiles = [info.qos_profile for info in infos if info.node_name == "densehybrid"]
    assert [profile.reliability for profile in profiles] == [ReliabilityPolicy.RELIABLE]
    probe.answers(picture)


def test_simulated_time_that_stands_still_stops_neither_masks_nor_diagnostics(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}", "use_sim_time:=true", "max_frame_age:=1.0")
    probe.wait_for_node()
    probe.answers(picture)
    report = probe.report()
    assert report.header.stamp.sec == 0
    assert report.status[0].message == "active"


def test_frames_older_than_max_frame_age_are_dropped(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}", "max_frame_age:=2")
    probe.wait_for_node()
    probe.send(picture)  # stamped in 1970
    probe.spin_until(lambda: probe.diagnostics()["dropped_stale"] == "1", "the count")
    assert "max_frame_age is 2 s" in probe.diagnostics()["last_error"]
    now = image_message(picture, "rgb8", probe.header())
    now.header.stamp = probe.node.get_clock().now().to_msg()
    probe.publisher.publish(now)
    probe.answer("semantic", now.header.stamp.sec)
