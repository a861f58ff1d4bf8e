"""The node by ONNX Runtime: it says what runs the network, answers as before, and leaves no process behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from densehybrid_ros.convert.images import array_from_image
from densehybrid_ros.engines.packages import missing_packages

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    if missing := missing_packages():
        pytest.skip(f"{', '.join(missing)} not installed; ./test.sh brings it")


def builds_of(weights: Path) -> list[str]:
    """Command lines of the builds that go on."""
    listed = subprocess.run(["ps", "-ww", "-eo", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if "engines.build" in line and str(weights) in line]


def test_the_node_goes_over_to_onnxruntime_and_says_so(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray
) -> None:
    node = start("segmenter", f"model_path:={random_weights}", "engine:=auto", "inference_width:=96")
    probe.wait_for_node()
    score = array_from_image(probe.answers(picture)["anomaly"])
    for _ in range(120):
        if probe.diagnostics()["engine"] == "onnxruntime":
            break
        by_either = array_from_image(probe.answers(picture)["anomaly"])
        np.testing.assert_allclose(by_either, score, atol=1e-4)
    assert probe.diagnostics()["engine"] == "onnxruntime"
    by_onnxruntime = array_from_image(probe.answers(picture)["anomaly"])
    np.testing.assert_allclose(by_onnxruntime, score, atol=1e-4)
    assert node.stop() == 0
    assert node.output.count("engine: onnxruntime") == 1
    assert "torch goes on" not in node.output


HELD_UP = """
import sys
import time

class HoldUp:
    def find_spec(self, name, path, target=None):
        if name == "densehybrid_ros.engines.onnx_file" and "densehybrid_ros.engines.build" in sys.orig_argv:
            time.sleep(3600)

sys.meta_path.insert(0, HoldUp())
"""
"""Python runs it at its start: a build begins, and gets no further than where it would write."""


def test_a_node_that_ends_takes_its_build_along(
    start: Start,
    environment: dict[str, str],
    probe: Probe,
    random_weights: Path,
    picture: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(HELD_UP)
    monkeypatch.setitem(environment, "PYTHONPATH", os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]]))
    monkeypatch.setitem(environment, "XDG_CACHE_HOME", str(tmp_path))  # other tests build engines of the same weights
    node = start("segmenter", f"model_path:={random_weights}", "engine:=onnxruntime", "inference_width:=64")
    probe.wait_for_node()
    probe.answers(picture)
    probe.spin_until(lambda: bool(builds_of(random_weights)), "a build")
    assert node.stop() == 0
    probe.spin_until(lambda: not builds_of(random_weights), "its end")
