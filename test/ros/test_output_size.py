"""Maps of the network's size, over DDS: smaller maps with their camera_info, all else in the image's pixels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header, String
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.convert.images import array_from_image
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.nodes.player.messages import camera_info_message, disparity_message
from densehybrid_ros.topics import OBSTACLES_JSON, SEMANTIC_INFO

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]
CAMERA = Pinhole(fx=150.0, fy=140.0, cx=80.0, cy=48.0, baseline=0.5, width=160, height=96)
OUTPUTS = ("semantic", "anomaly", "open_set", "semantic/color", "open_set/color", "overlay")


def test_maps_and_camera_info_shrink_and_obstacles_and_overlay_stay(
    start: Start, make_probe: Callable[..., Probe], random_weights: Path, picture: np.ndarray
) -> None:
    given = [f"model_path:={random_weights}", "inference_width:=80", "output_size:=network", "threshold:=-1000.0"]
    start("segmenter", *given)
    probe = make_probe(OUTPUTS)
    infos: list[CameraInfo] = []
    told: list[String] = []
    for topic, kind, kept in ((SEMANTIC_INFO, CameraInfo, infos), (OBSTACLES_JSON, String, told)):
        probe.node.create_subscription(kind, topic.under("/densehybrid"), kept.append, 10)
    calibration = probe.node.create_publisher(CameraInfo, "camera_info", 10)
    distances = probe.node.create_publisher(DisparityImage, "disparity", 10)
    probe.wait_for_node()
    probe.spin_until(lambda: bool(calibration.get_subscription_count() and distances.get_subscription_count()), "all")
    calibration.publish(camera_info_message(CAMERA, Header(), 0.0))
    probe.spin_for(1.0)
    disparity = np.full((96, 160), 7.5, np.float32)

    def answered() -> tuple[dict[str, tuple[int, int]], dict]:
        for each in (infos, told):
            each.clear()
        second = probe.send(picture)
        distances.publish(disparity_message(disparity, CAMERA, probe.header(second)))
        answers = {name: probe.answer(name, second) for name in OUTPUTS}
        probe.spin_until(lambda: bool(told and infos), "obstacles and camera_info")
        assert all(message.header == answers["semantic"].header for message in (*answers.values(), infos[0]))
        return {name: (message.width, message.height) for name, message in answers.items()}, json.loads(told[0].data)

    sizes, obstacles = answered()
    if obstacles["obstacles"][0]["range"] is None:  # on a busy machine the first disparity may be lost
        sizes, obstacles = answered()
    assert sizes == {**dict.fromkeys(OUTPUTS, (80, 48)), "overlay": (160, 96)}
    assert (infos[0].width, infos[0].height) == (80, 48)
    assert list(infos[0].p) == [75.0, 0.0, 40.0, 0.0, 0.0, 70.0, 24.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    shrunk = cv2.resize(picture, (80, 48), interpolation=cv2.INTER_AREA)
    expected = Segmenter.load(random_weights, "cpu")(shrunk, -1000.0)
    by_name = {name: array_from_image(probe.received[name][-1]) for name in ("semantic", "anomaly", "open_set")}
    np.testing.assert_array_equal(by_name["semantic"], expected.semantic)
    np.testing.assert_allclose(by_name["anomaly"], expected.score, atol=1e-4)
    assert (by_name["open_set"] == 11).all()
    (whole,) = obstacles["obstacles"]
    assert (whole["box"], whole["pixels"]) == ([0, 0, 160, 96], 160 * 96)
    assert whole["range"] == pytest.approx(150.0 * 0.5 / 7.5, rel=0.02)

    assert probe.set_parameter("output_size", "image") == (True, "")
    sizes, obstacles = answered()
    assert sizes == dict.fromkeys(OUTPUTS, (160, 96))
    assert (infos[0].width, infos[0].height) == (160, 96)
    assert obstacles["obstacles"][0]["box"] == [0, 0, 160, 96]
    assert probe.set_parameter("output_size", "tiny")[1] == "output_size 'tiny' is unknown; choose image or network"


def test_an_image_that_is_smaller_than_the_network_keeps_its_size(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}", "inference_width:=320", "output_size:=network")
    probe.wait_for_node()
    for message in probe.answers(picture).values():
        assert (message.width, message.height) == (160, 96)
