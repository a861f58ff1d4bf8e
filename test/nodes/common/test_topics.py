"""Quality of service and types that follow from the list of topics."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import Image

from densehybrid_ros.nodes.common.topics import message_type, quality_of
from densehybrid_ros.topics import INPUTS, LABELS, MODEL, OPEN_SET_LABELS, OUTPUTS, REPORT, TF_STATIC


def test_what_is_taken_is_best_effort_and_what_is_published_reliable() -> None:
    assert {quality_of(topic).reliability for topic in INPUTS} == {ReliabilityPolicy.BEST_EFFORT}
    assert {quality_of(topic).reliability for topic in OUTPUTS} == {ReliabilityPolicy.RELIABLE}
    assert {quality_of(topic).depth for topic in INPUTS} == {5}


def test_what_late_listeners_need_is_latched_and_nothing_else() -> None:
    latched = {
        topic for topic in (*INPUTS, *OUTPUTS, REPORT) if quality_of(topic).durability != DurabilityPolicy.VOLATILE
    }
    assert latched == {LABELS, MODEL, OPEN_SET_LABELS, REPORT, TF_STATIC}


def test_a_type_is_found_by_its_name() -> None:
    assert message_type("sensor_msgs/msg/Image") is Image
    with pytest.raises(ImportError):
        message_type("no_such_msgs/msg/Image")
