"""The real nodes without what Humble's rclpy lacks: they answer, and their parameters follow the same rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.topics import ANOMALY, ANOMALY_TRUTH, IMAGE, OPEN_SET, OVERLAY, SEMANTIC

if TYPE_CHECKING:
    from conftest import Probe, Process


def test_the_node_works_without_what_humble_lacks(
    start: Callable[..., Process], probe: Probe, picture: np.ndarray, random_weights: Path
) -> None:
    parameters = (f"model_path:={random_weights}", "camera_timeout:=3")
    process = start("humble_node", *parameters, arguments=["segmenter"])

    def in_force() -> tuple[float, float]:
        return tuple(probe.get_parameter(name).double_value for name in ("threshold", "target_tpr"))

    probe.wait_for_node()
    assert probe.get_parameter("camera_timeout").double_value == 3.0  # integers are taken at the start
    probe.answers(picture)
    assert probe.diagnostics()["image_publishers"] == "1"

    refused, reason = probe.set_parameter("threshold", 5)
    assert not refused
    assert "threshold must be a double: write 5.0 instead of 5" in reason
    assert in_force()[0] == 0.25
    # the curve of the made weights: thresholds 3, 1, -2 find 0.2, 0.6, 0.95
    assert probe.set_parameter("target_tpr", 0.95) == (True, "")
    assert in_force() == (-2.0, 0.95)
    assert probe.set_parameter("score", "likelihood") == (True, "")
    assert in_force() == (-20.0, 0.95)
    refused, reason = probe.set_parameter("score", "entropy")
    assert not refused
    assert "no calibration of score 'entropy'" in reason
    assert probe.set_parameter("threshold", 5.0) == (True, "")
    assert in_force() == (5.0, 0.0)
    assert not probe.set_parameter("overlay_alpha", 2.0)[0]
    assert not probe.set_parameter("inference_width", 320)[0]
    probe.answers(picture)
    assert "Traceback" not in process.output


def test_the_evaluator_works_without_what_humble_lacks(
    start: Callable[..., Process], probe: Probe, tmp_path: Path
) -> None:
    out = tmp_path / "table.json"
    node = start("humble_node", f"out:={out}", "frames:=1", arguments=["evaluator"])
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    sent = {
        ANOMALY_TRUTH.name: (truth, "mono8"),
        ANOMALY.under("densehybrid"): (truth.astype(np.float32), "32FC1"),
    }
    probe.publish_when_heard(sent)
    assert node.process.wait(timeout=60) == 0, node.output
    assert json.loads(out.read_text())["frames"]["judged"] == 1


def test_the_recorder_works_without_what_humble_lacks(
    start: Callable[..., Process], probe: Probe, picture: np.ndarray, tmp_path: Path
) -> None:
    node = start("humble_node", f"out:={tmp_path}", arguments=["recorder"])
    plain = np.zeros(picture.shape[:2], np.uint8)
    answers = {
        SEMANTIC: (plain, "mono8"),
        ANOMALY: (plain.astype(np.float32), "32FC1"),
        OPEN_SET: (plain, "mono8"),
        OVERLAY: (picture, "rgb8"),
    }
    sent = {topic.under("densehybrid"): content for topic, content in answers.items()}
    probe.publish_when_heard({IMAGE.name: (picture, "rgb8"), **sent})
    probe.spin_until((tmp_path / "overlays" / "0000.jpg").exists, "the overlay")
    assert node.stop() == 0
    assert json.loads((tmp_path / "summary.json").read_text())["frames_out"] == 1
