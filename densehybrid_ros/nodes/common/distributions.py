"""What rclpy has in one ROS distribution and lacks in another, met here and nowhere else.

Humble's has no callbacks before and after a change of parameters, counts no publishers of a subscription, and keeps two
names elsewhere; Jazzy and later ones have all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.subscription import Subscription

try:
    from rclpy.clock_type import ClockType
except ImportError:
    from rclpy.clock import ClockType  # pyright: ignore[reportPrivateImportUsage] - where Humble has it
try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:
    from rclpy.qos_event import (  # pyright: ignore[reportMissingImports] - Humble's
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )

__all__ = ["ClockType", "SubscriptionEventCallbacks", "UnsupportedEventTypeError", "on_change", "publisher_count"]

Parameters: TypeAlias = "list[Parameter[Any]]"  # not subscriptable on Humble


def publisher_count(node: Node, subscription: Subscription) -> int:
    """How many publishers a subscription hears; on Humble also those whose quality of service does not fit."""
    if hasattr(subscription, "get_publisher_count"):
        return subscription.get_publisher_count()
    return node.count_publishers(subscription.topic_name)


def on_change(
    node: Node,
    complete: Callable[[Parameters], Parameters],
    check: Callable[[Parameters], SetParametersResult],
    apply: Callable[[Parameters], None],
) -> None:
    """Calls back around every change of the node's parameters.

    Args:
        complete: gives the change as it is to be made: others may follow from it, an integer may become a double.
        check: refuses the whole change, or lets it pass.
        apply: is told of a change that passed.
    """
    if hasattr(node, "add_pre_set_parameters_callback"):
        node.add_pre_set_parameters_callback(complete)
        node.add_on_set_parameters_callback(check)
        node.add_post_set_parameters_callback(apply)
    else:
        node.add_on_set_parameters_callback(_OneCallback(node, complete, check, apply))


class _OneCallback:
    """All three in the one callback that Humble has. It sees what is given and cannot alter it: what follows from that
    is set beside it, and what would be another value of the same parameter is refused."""

    def __init__(
        self,
        node: Node,
        complete: Callable[[Parameters], Parameters],
        check: Callable[[Parameters], SetParametersResult],
        apply: Callable[[Parameters], None],
    ) -> None:
        self._node, self._complete, self._check, self._apply = node, complete, check, apply
        self._following = False
        """What follows from a change is being set: it was checked with it."""

    def __call__(self, parameters: Sequence[Parameter[Any]]) -> SetParametersResult:
        if self._following:
            return SetParametersResult(successful=True)
        given = {parameter.name: parameter for parameter in parameters}
        whole = self._complete(list(parameters))
        for wanted in whole:
            if wanted.name in given and not _same(given[wanted.name], wanted):
                return SetParametersResult(successful=False, reason=_unalterable(given[wanted.name], wanted))
        result = self._check(whole)
        if result.successful:
            self._follow([wanted for wanted in whole if wanted.name not in given])
            self._apply(whole)
        return result

    def _follow(self, others: Parameters) -> None:
        if not others:
            return
        self._following = True
        try:
            self._node.set_parameters_atomically(others)
        finally:
            self._following = False


def _same(given: Parameter[Any], wanted: Parameter[Any]) -> bool:
    return (given.type_, given.value) == (wanted.type_, wanted.value)


def _unalterable(given: Parameter[Any], wanted: Parameter[Any]) -> str:
    if given.type_ == Parameter.Type.INTEGER and wanted.type_ == Parameter.Type.DOUBLE:
        return (
            f"{given.name} must be a double: write {float(given.value)!r} instead of {given.value}; the rclpy of this "
            "ROS distribution cannot take an integer for it"
        )
    return f"{given.name} would become {wanted.value} by the rest of this change; set it by itself, afterwards"
