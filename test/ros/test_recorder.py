"""The recorder over DDS."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import Image

from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.topics import ANOMALY, IMAGE, OPEN_SET, OVERLAY, SEMANTIC, TRUTH

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]


@pytest.mark.parametrize(("size", "compared"), [((8, 12), True), ((4, 6), False)])
def test_maps_smaller_than_their_truth_are_recorded_and_not_compared(
    start: Start, make_probe: Callable[..., Probe], tmp_path: Path, size: tuple[int, int], compared: bool
) -> None:
    node = start("recorder", f"out:={tmp_path / 'out'}")
    probe = make_probe(())
    score = np.linspace(-1, 1, size[0] * size[1], dtype=np.float32).reshape(size)
    truth = np.zeros((8, 12), np.uint8)
    truth[4:] = 11
    sent = {
        TRUTH.name: (truth, "mono8"),
        SEMANTIC.under("densehybrid"): (np.zeros(size, np.uint8), "mono8"),
        ANOMALY.under("densehybrid"): (score, "32FC1"),
        OPEN_SET.under("densehybrid"): (np.zeros(size, np.uint8), "mono8"),
        OVERLAY.under("densehybrid"): (np.zeros((8, 12, 3), np.uint8), "rgb8"),
        IMAGE.name: (np.zeros((8, 12, 3), np.uint8), "rgb8"),
    }
    probe.publish_when_heard(sent)
    probe.spin_until(lambda: len(list((tmp_path / "out" / "overlays").glob("*.jpg"))) == 1, "the overlay")
    assert node.stop() == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["frames_out"] == 1
    assert ("truth and score are of 12x8 and 6x4 and not compared" in node.output) is not compared
    assert (next(iter(Ranking.titles())) in summary) is compared


def test_images_are_subscribed_to_when_all_answers_are_heard(
    start: Start, make_probe: Callable[..., Probe], tmp_path: Path
) -> None:
    node = start("recorder", f"out:={tmp_path}")
    probe = make_probe(())
    images, truths = (probe.node.create_publisher(Image, topic.name, 10) for topic in (IMAGE, TRUTH))
    for answer in (SEMANTIC, ANOMALY, OPEN_SET):
        probe.node.create_publisher(Image, answer.under("densehybrid"), 10)
    probe.spin_until(lambda: truths.get_subscription_count() > 0, "the recorder")
    probe.spin_for(1.0)
    assert images.get_subscription_count() == 0
    probe.node.create_publisher(Image, OVERLAY.under("densehybrid"), 10)
    probe.spin_until(lambda: images.get_subscription_count() > 0, "its subscription")
    assert node.stop() == 0
    assert "no image was counted" not in node.output


def test_answers_that_nobody_published_are_named_at_the_end(
    start: Start, make_probe: Callable[..., Probe], tmp_path: Path
) -> None:
    node = start("recorder", f"out:={tmp_path}", "node:=other")
    probe = make_probe(())
    truths = probe.node.create_publisher(Image, TRUTH.name, 10)
    for answer in (SEMANTIC, ANOMALY, OPEN_SET):
        probe.node.create_publisher(Image, answer.under("other"), 10)
    probe.spin_until(lambda: truths.get_subscription_count() > 0, "the recorder")
    probe.spin_for(1.0)
    assert node.stop() == 0
    assert "no image was counted: nobody published /other/overlay/image_raw; is `node` the segmenter's?" in node.output
