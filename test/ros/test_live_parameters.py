"""Every parameter: described, ranged, checked, and live where it says so."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="rclpy is not installed")
from lifecycle_msgs.msg import State, Transition
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import DescribeParameters, ListParameters

from densehybrid_ros.convert.images import array_from_image
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.options import settings_of

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]
PARAMETER_FILE = Path(__file__).resolve().parents[2] / "config" / "segmenter.yaml"


def test_every_parameter_is_described_with_its_range(start: Start, probe: Probe, random_weights: Path) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    listed = probe.call(ListParameters, "/densehybrid/list_parameters", ListParameters.Request()).result.names
    names = [entry.name for entry in settings_of(Settings)]
    assert set(names) <= set(listed)
    request = DescribeParameters.Request(names=names)
    described = probe.call(DescribeParameters, "/densehybrid/describe_parameters", request).descriptors
    for entry, descriptor in zip(settings_of(Settings), described, strict=True):
        assert descriptor.description == entry.description
        assert ("at run time" in descriptor.additional_constraints) == entry.live
        if isinstance(entry.default, float):
            ranges = descriptor.floating_point_range
            assert [(each.from_value, each.to_value) for each in ranges] == [(entry.low, entry.high)]
            assert descriptor.type == ParameterType.PARAMETER_DOUBLE
        elif isinstance(entry.default, int) and not isinstance(entry.default, bool):
            assert [(each.from_value, each.to_value) for each in descriptor.integer_range] == [(entry.low, entry.high)]


def test_the_parameter_file_names_every_parameter_with_its_default() -> None:
    text = PARAMETER_FILE.read_text()
    values = yaml.safe_load(text)["/**"]["ros__parameters"]
    for entry in settings_of(Settings):
        if isinstance(entry.default, float) and math.isnan(entry.default):
            assert f"# {entry.name}: " in text
            continue
        default = list(entry.default) if isinstance(entry.default, tuple) else entry.default
        assert values.pop(entry.name) == default
    assert not values


def test_every_live_score_is_the_engines_and_brings_its_threshold(
    start: Start, probe: Probe, picture: np.ndarray
) -> None:
    start("segmenter")
    probe.wait_for_node()
    segmenter = Segmenter.load(device="cpu")
    for score in [*SCORES, "hybrid"]:
        assert probe.set_parameter("score", score) == (True, "")
        answers = probe.answers(picture)
        expected = segmenter(picture, None, score)
        np.testing.assert_allclose(array_from_image(answers["anomaly"]), expected.score, atol=2e-3)
        assert probe.get_parameter("threshold").double_value == pytest.approx(expected.threshold)


def test_a_target_rate_sets_the_threshold_until_a_threshold_is_set(
    start: Start, probe: Probe, random_weights: Path
) -> None:
    start("segmenter", f"model_path:={random_weights}", "target_tpr:=0.5", "threshold:=7.0")
    probe.wait_for_node()

    def in_force() -> tuple[float, float]:
        return tuple(probe.get_parameter(name).double_value for name in ("threshold", "target_tpr"))

    # the curve of the made weights: thresholds 3, 1, -2 find 0.2, 0.6, 0.95
    assert in_force() == (1.5, 0.5)
    assert probe.set_parameter("target_tpr", 0.95)[0]
    assert in_force() == (-2.0, 0.95)
    assert probe.set_parameter("score", "likelihood")[0]
    assert in_force() == (-20.0, 0.95)
    accepted, reason = probe.set_parameter("score", "entropy")
    assert not accepted
    assert "no calibration of score 'entropy'" in reason
    assert in_force() == (-20.0, 0.95)
    assert probe.set_parameter("threshold", 5)[0]
    assert in_force() == (5.0, 0.0)
    assert not probe.set_parameter("target_tpr", 1.5)[0]
    assert probe.set_parameter("target_tpr", 1)[0]  # more than the curve holds: its last point
    assert in_force() == (-20.0, 1.0)
    assert probe.set_parameter("target_tpr", 0)[0]
    assert in_force() == (-20.0, 0.0)
    assert probe.set_parameter("threshold", 4.5)[0]
    assert probe.set_parameter("score", "likelihood")[0]  # as it is already: the threshold stays
    assert in_force() == (4.5, 0.0)


def test_what_is_set_before_weights_are_loaded_follows_the_same_rules(
    start: Start, probe: Probe, random_weights: Path
) -> None:
    start("segmenter", f"model_path:={random_weights}", "autostart:=false", "camera_timeout:=3", "target_tpr:=0.5")
    probe.spin_until(lambda: probe.state() == State.PRIMARY_STATE_UNCONFIGURED, "the node")
    timeout = probe.get_parameter("camera_timeout")
    assert (timeout.type, timeout.double_value) == (ParameterType.PARAMETER_DOUBLE, 3.0)
    assert probe.set_parameter("threshold", 7.0)[0]  # by itself: switches target_tpr off
    assert probe.get_parameter("target_tpr").double_value == 0.0
    assert probe.change_state(Transition.TRANSITION_CONFIGURE)
    assert probe.get_parameter("threshold").double_value == 7.0
    assert probe.change_state(Transition.TRANSITION_CLEANUP)
    assert probe.set_parameter("score", "likelihood")[0]  # forgets the threshold of the other score
    assert probe.change_state(Transition.TRANSITION_CONFIGURE)
    assert probe.get_parameter("threshold").double_value == pytest.approx(2.5)


def test_parameters_that_are_read_at_configuration_are_refused_afterwards_with_the_reason(
    start: Start, probe: Probe, random_weights: Path
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe.wait_for_node()
    for name, value in (
        ("cameras", ["front"]),
        ("image_transport", "compressed"),
        ("inference_width", 320),
        ("max_image_pixels", 5),
    ):
        accepted, reason = probe.set_parameter(name, value)
        assert not accepted
        assert "read when the node is configured" in reason
    for name, value, reason in (
        ("overlay_alpha", 2.0, "1.0"),
        ("camera_timeout", 0.0, "0.05"),
        ("max_frame_age", -1, "3600"),
        ("score", 3, "type str"),
        ("threshold", math.nan, "-1000.0"),
    ):
        accepted, text = probe.set_parameter(name, value)
        assert not accepted
        assert reason in text


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("cameras:=[front, front]", "different names"),
        ("cameras:=[front, 'a b']", "cannot be part of a topic"),
        ("image_transport:=theora", "choose raw or compressed"),
        ("overlay_alpha:=true", "type float"),
        ("overlay_alpha:=5.0", "overlay_alpha cannot be set"),
        ("inference_width:=99999", "inference_width cannot be set"),
    ],
)
def test_an_unusable_override_ends_with_one_line(start: Start, override: str, words: str) -> None:
    node = start("segmenter", override)
    assert node.process.wait(timeout=60) == 2
    assert words in node.output
    assert "Traceback" not in node.output
