"""The node of the first argument, on an rclpy from which all is taken that Humble's lacks."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

import rclpy.clock
import rclpy.event_handler
import rclpy.executors
import rclpy.lifecycle  # imported before the names are taken away that its own modules use
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

LACKING = {
    Node: ["add_pre_set_parameters_callback", "add_post_set_parameters_callback"],
    Subscription: ["get_publisher_count"],
}


def refuse(kind: type, item: object) -> None:
    raise TypeError(f"type '{kind.__name__}' is not subscriptable")


def take_away() -> None:
    for kind in (Parameter, Publisher, Subscription):
        kind.__class_getitem__ = classmethod(refuse)
    for kind, names in LACKING.items():
        for name in names:
            delattr(kind, name)
    elsewhere = ModuleType("rclpy.qos_event")
    elsewhere.SubscriptionEventCallbacks = rclpy.event_handler.SubscriptionEventCallbacks
    elsewhere.UnsupportedEventTypeError = rclpy.event_handler.UnsupportedEventTypeError
    rclpy.clock.ClockType = ClockType
    for name, module in (
        ("rclpy.event_handler", None),
        ("rclpy.clock_type", None),
        ("rclpy.qos_event", elsewhere),
    ):
        sys.modules[name] = module


if __name__ == "__main__":
    take_away()
    from densehybrid_ros.stopping import end_at_once

    end_at_once()
    import_module(f"densehybrid_ros.nodes.{sys.argv.pop(1)}.node").main()
