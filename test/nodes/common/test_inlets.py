"""Subscriptions that suit their publishers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
import rclpy
from rclpy.context import Context
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.common.inlets import Inlet, misfit
from densehybrid_ros.topics import IMAGE

LOST = rclpy_implementation.rcl_subscription_event_type_t.RCL_SUBSCRIPTION_MESSAGE_LOST
RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
OVERRIDE = "qos_overrides./cam/front/image_raw.subscription"


@pytest.fixture
def make_node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Node]]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    context = Context()

    def make(*parameters: str) -> Node:
        given = [word for each in parameters for word in ("-p", each)]
        rclpy.init(args=["--ros-args", *given], context=context)
        return Node("densehybrid", namespace="cam", context=context)

    yield make
    context.try_shutdown()


def test_what_the_middleware_lost_is_handed_on(make_node: Callable[..., Node]) -> None:
    lost: list[int] = []
    inlet = Inlet(make_node(), IMAGE, "front", print, lost.append)
    assert (inlet.name, inlet.publishers(), inlet.reliable) == ("/cam/front/image_raw", 0, False)
    handler = next(each for each in inlet._subscription.event_handlers if each.event_type == LOST)
    handler.callback(SimpleNamespace(total_count=7, total_count_change=3))
    assert lost == [3]
    inlet.close()
    assert inlet.publishers() == 0


def test_depth_and_reliability_that_the_user_has_set_are_kept(make_node: Callable[..., Node]) -> None:
    inlet = Inlet(make_node(f"{OVERRIDE}.reliability:=reliable", f"{OVERRIDE}.depth:=2"), IMAGE, "front", print)
    inlet.adapt()
    quality = inlet._subscription.qos_profile
    assert (quality.depth, inlet.reliable) == (2, True)


def test_an_unknown_reliability_is_refused_with_the_choices(make_node: Callable[..., Node]) -> None:
    with pytest.raises(SetupError, match=r"'firm' is unknown; choose one of system_default, reliable, best_effort"):
        Inlet(make_node(f"{OVERRIDE}.reliability:=firm"), IMAGE, "front", print)


def test_a_publisher_that_is_not_heard_is_named_with_the_reason() -> None:
    def offer(kind: str, reliability: ReliabilityPolicy) -> TopicEndpointInfo:
        quality = QoSProfile(depth=1, reliability=reliability)
        return TopicEndpointInfo(node_name="driver", node_namespace="/cam", topic_type=kind, qos_profile=quality)

    wanted = QoSProfile(depth=5, reliability=RELIABLE)
    fits, quick = offer(IMAGE.kind, RELIABLE), offer(IMAGE.kind, BEST_EFFORT)
    assert misfit("/image", IMAGE.kind, wanted, []) == misfit("/image", IMAGE.kind, wanted, [fits]) == ""
    assert "/cam/driver publishes /image with a quality of service that does not fit: Best effort" in misfit(
        "/image", IMAGE.kind, wanted, [fits, quick]
    )
    other = offer(IMAGE.compressed.kind, RELIABLE)
    assert misfit("/image", IMAGE.kind, wanted, [other]).startswith(
        f"/cam/driver publishes /image as {IMAGE.compressed.kind}"
    )
