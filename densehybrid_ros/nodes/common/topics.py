"""Publishers and subscriptions from the list of topics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle.publisher import LifecyclePublisher
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from densehybrid_ros.topics import Topic

PATIENT = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
"""Of those who lose nothing: they are sent what they missed."""
ARRIVAL = 3.0
"""s for subscribers to acknowledge what a node published before its end; launch grants nodes 5 s."""


def message_type(kind: str) -> Any:
    """The class of a type such as sensor_msgs/msg/Image.

    Raises:
        ImportError: its package is not installed.
    """
    package, _, name = kind.partition("/msg/")
    return getattr(import_module(f"{package}.msg"), name)


def quality_of(topic: Topic) -> QoSProfile:
    reliability = ReliabilityPolicy.RELIABLE if topic.reliable else ReliabilityPolicy.BEST_EFFORT
    durability = DurabilityPolicy.TRANSIENT_LOCAL if topic.latched else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=topic.depth, reliability=reliability, durability=durability)


def publisher(node: Node, topic: Topic, camera: str = "") -> Publisher:
    return node.create_publisher(message_type(topic.kind), topic.of(camera), quality_of(topic))


def lifecycle_publisher(node: LifecycleNode, topic: Topic, camera: str) -> LifecyclePublisher:
    """Publishes while the node is active; users may override its quality of service."""
    return node.create_lifecycle_publisher(
        message_type(topic.kind),
        topic.of(camera),
        quality_of(topic),
        qos_overriding_options=QoSOverridingOptions.with_default_policies(),
    )


def patient_subscription(node: Node, topic: Topic, callback: Callable[[Any], None], name: str = "") -> Subscription:
    """Hears all of a topic, under its own or another name."""
    return node.create_subscription(message_type(topic.kind), name or topic.name, callback, PATIENT)


def wait_for_arrival(node: Node, publishers: Iterable[Publisher]) -> None:
    """Waits until reliable subscribers have what was published: it is lost with the node that goes before."""
    end = time.monotonic() + ARRIVAL
    for each in publishers:
        try:
            arrived = each.wait_for_all_acked(Duration(seconds=max(0.0, end - time.monotonic())))
        except RuntimeError as error:  # some middleware cannot tell
            node.get_logger().debug(f"{each.topic_name}: not known whether all arrived: {error}")
            continue
        if not arrived:
            node.get_logger().warning(f"not every subscriber of {each.topic_name} has acknowledged all messages")
