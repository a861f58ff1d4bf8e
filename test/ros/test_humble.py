"""The real node without what Humble's rclpy lacks: it answers, and its parameters follow the same rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

if TYPE_CHECKING:
    from conftest import Probe, Process


def test_the_node_works_without_what_humble_lacks(
    start: Callable[..., Process], probe: Probe, picture: np.ndarray, random_weights: Path
) -> None:
    process = start("humble_segmenter", f"model_path:={random_weights}", "camera_timeout:=3")

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
