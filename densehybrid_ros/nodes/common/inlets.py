"""Subscriptions that suit their publishers, and that say why nothing comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSPolicyKind, QoSProfile, ReliabilityPolicy, qos_check_compatible
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo

from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.common.distributions import (
    SubscriptionEventCallbacks,
    UnsupportedEventTypeError,
    publisher_count,
)
from densehybrid_ros.nodes.common.topics import message_type, quality_of
from densehybrid_ros.topics import Topic

Listen: TypeAlias = "Callable[[Topic, Callable[[Any], None]], Inlet]"
"""Subscribes to a camera's topic."""
OURS = "best_available"
"""The reliability that is ours to choose."""
SHOWN = 3
"""Topics and nodes that a sentence names."""


class Inlet:
    """One subscribed topic. Where all of its publishers offer reliable delivery it asks for that, else for best effort.

    Fast DDS sends the fragments of a large image that the default shared memory had no room for again, but only to
    reliable readers; a publisher of best effort sends nothing to these. A reliability that the user has set is kept.
    `publishers` may be asked in any thread, all else in the executor's.
    """

    def __init__(
        self,
        node: Node,
        topic: Topic,
        camera: str,
        callback: Callable[[Any], None],
        lost: Callable[[int], None] = lambda count: None,
    ) -> None:
        """
        Args:
            lost: hears of messages that the middleware knows to be lost, wherever it can tell.

        Raises:
            SetupError: the user's quality of service is none.
        """
        self.name, self.kind = node.resolve_topic_name(topic.of(camera)), topic.kind
        self._node, self._topic, self._callback, self._lost = node, topic, callback, lost
        self._asked = _asked_reliability(node, self.name)
        self._lock = threading.Lock()
        self._subscription, self._closed = self._subscribed(), False

    @property
    def reliable(self) -> bool:
        """Whether lost parts of a message are sent again."""
        return self._subscription.qos_profile.reliability == ReliabilityPolicy.RELIABLE

    def adapt(self) -> None:
        """Subscribes anew where the publishers have changed so that another reliability suits them."""
        current = self._subscription.qos_profile.reliability
        if self._asked is None and self._suiting() != current:
            renewed = self._subscribed()
            with self._lock:
                replaced, self._subscription = self._subscription, renewed
            self._node.destroy_subscription(replaced)

    def publishers(self) -> int:
        """How many there are that it hears; 0 once it is closed."""
        with self._lock:
            return 0 if self._closed else publisher_count(self._node, self._subscription)

    def close(self) -> None:
        """Ends the deliveries."""
        with self._lock:
            self._closed = True
            self._node.destroy_subscription(self._subscription)

    def misfit(self) -> str:
        """Why nothing comes of a publisher of this topic; "" where all of them fit, or there is none."""
        return misfit(self.name, self.kind, self._subscription.qos_profile, self._offers())

    def silence(self) -> str:
        """What is known of why nothing comes."""
        offers = self._offers()
        if not offers:
            return f"nobody publishes {self.name} ({self.kind}){self._hint()}"
        named = _listed(sorted({_node_of(each) for each in offers}))
        count = "1 publisher" if len(offers) == 1 else f"{len(offers)} publishers"
        return self.misfit() or f"{self.name} has {count} ({named}), and nothing comes of it"

    def _hint(self) -> str:
        own = f"{self._node.get_fully_qualified_name()}/"
        names = [
            name
            for name, kinds in self._node.get_topic_names_and_types()
            if self.kind in kinds and not name.startswith(own) and self._node.count_publishers(name) > 0
        ]
        return f"; there is {_listed(names)}: remap {self._topic.name} to what is meant" if names else ""

    def _offers(self) -> Sequence[TopicEndpointInfo]:
        return self._node.get_publishers_info_by_topic(self.name)

    def _suiting(self) -> ReliabilityPolicy:
        offered = [each.qos_profile.reliability for each in self._offers() if each.topic_type == self.kind]
        reliable = bool(offered) and all(each == ReliabilityPolicy.RELIABLE for each in offered)
        return ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT

    def _subscribed(self) -> Subscription:
        quality = quality_of(self._topic)
        quality.reliability = self._suiting() if self._asked is None else self._asked
        events = SubscriptionEventCallbacks(message_lost=lambda event: self._lost(event.total_count_change))
        if self._asked is None:  # the next `adapt` mends what rclpy would warn of
            events.incompatible_qos = lambda event: None
        try:
            return self._made(quality, events)
        except UnsupportedEventTypeError:
            events.message_lost = None
            return self._made(quality, events)

    def _made(self, quality: QoSProfile, events: SubscriptionEventCallbacks) -> Subscription:
        return self._node.create_subscription(
            message_type(self.kind),
            self.name,
            self._callback,
            quality,
            qos_overriding_options=QoSOverridingOptions((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)),
            event_callbacks=events,
        )


def misfit(topic: str, kind: str, quality: QoSProfile, offers: Sequence[TopicEndpointInfo]) -> str:
    """Why a subscription of that type and quality hears nothing of one of the publishers; "" where all fit."""
    for each in offers:
        if each.topic_type != kind:
            return f"{_node_of(each)} publishes {topic} as {each.topic_type}, and it is taken as {kind}"
        compatibility, reason = qos_check_compatible(each.qos_profile, quality)
        if compatibility == QoSCompatibility.ERROR:
            reason = reason.removeprefix("ERROR: ").rstrip("; ")
            return (
                f"{_node_of(each)} publishes {topic} with a quality of service that does not fit: {reason}; "
                f"change the publisher, or qos_overrides.{topic}.subscription"
            )
    return ""


def _asked_reliability(node: Node, topic: str) -> ReliabilityPolicy | None:
    """What the user wants of the topic's subscription; None where it is ours to choose."""
    name = f"qos_overrides.{topic}.subscription.reliability"
    if not node.has_parameter(name):
        about = ParameterDescriptor(description="best_available = as its publishers offer it", read_only=True)
        node.declare_parameter(name, OURS, about)
    value = node.get_parameter(name).value
    known = {each.name.lower(): each for each in ReliabilityPolicy if each != ReliabilityPolicy.UNKNOWN}
    known.pop(OURS, None)  # Humble does not know it by itself
    if value != OURS and value not in known:
        raise SetupError(f"{name} '{value}' is unknown; choose one of {', '.join([*known, OURS])}")
    return known.get(value)


def _node_of(offer: TopicEndpointInfo) -> str:
    return f"{offer.node_namespace.rstrip('/')}/{offer.node_name}"


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest
