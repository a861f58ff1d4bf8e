"""Changes of parameters with rclpy's three callbacks, and with the one that Humble has."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
import rclpy.clock
import rclpy.event_handler
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock_type import ClockType
from rclpy.parameter import Parameter

from densehybrid_ros.nodes.common import distributions
from densehybrid_ros.nodes.common.distributions import on_change, publisher_count


class Humble:
    """A node that stores parameters as Humble's does: every callback is asked, then the given values are kept."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._callbacks: list[Any] = []

    def add_on_set_parameters_callback(self, callback: Any) -> None:
        self._callbacks.append(callback)

    def set_parameters_atomically(self, parameters: list[Parameter]) -> SetParametersResult:
        for callback in self._callbacks:
            result = callback(parameters)
            if not result.successful:
                return result
        self.values |= {each.name: each.value for each in parameters}
        return SetParametersResult(successful=True)


class Watched:
    """What is asked and applied. `double` becomes a double, and `twice` follows from it; `twice` over 10 is refused."""

    def __init__(self) -> None:
        self.node = Humble()
        self.applied: list[dict[str, Any]] = []
        node: Any = self.node
        on_change(node, self.complete, self.check, self.apply)

    def complete(self, parameters: list[Parameter]) -> list[Parameter]:
        given = {each.name: each.value for each in parameters}
        if "double" not in given:
            return parameters
        made = [Parameter("double", value=float(given["double"])), Parameter("twice", value=2.0 * given["double"])]
        return [*made, *(each for each in parameters if each.name not in ("double", "twice"))]

    def check(self, parameters: list[Parameter]) -> SetParametersResult:
        twice = next((each.value for each in parameters if each.name == "twice"), 0.0)
        return SetParametersResult(successful=twice <= 10, reason="twice is at most 10" * (twice > 10))

    def apply(self, parameters: list[Parameter]) -> None:
        self.applied.append({each.name: each.value for each in parameters})

    def change(self, **values: Any) -> SetParametersResult:
        return self.node.set_parameters_atomically([Parameter(name, value=value) for name, value in values.items()])


def test_what_follows_from_a_change_is_set_with_it_and_applied_once() -> None:
    watched = Watched()
    assert watched.change(double=3.0, other="text").successful
    assert watched.node.values == {"double": 3.0, "twice": 6.0, "other": "text"}
    assert watched.applied == [{"double": 3.0, "twice": 6.0, "other": "text"}]


def test_what_is_refused_leaves_no_trace() -> None:
    watched = Watched()
    result = watched.change(double=6.0)
    assert (result.successful, result.reason) == (False, "twice is at most 10")
    assert (watched.node.values, watched.applied) == ({}, [])
    assert watched.change(double=5.0).successful  # nothing is left of the refusal


def test_an_integer_for_a_double_is_refused_with_what_to_write() -> None:
    watched = Watched()
    result = watched.change(double=3)
    assert not result.successful
    assert "double must be a double: write 3.0 instead of 3; the rclpy of this ROS distribution" in result.reason
    assert watched.node.values == {}
    assert watched.change(integer=3).successful


def test_a_value_that_the_rest_of_the_change_would_replace_is_refused() -> None:
    watched = Watched()
    result = watched.change(double=3.0, twice=7.0)
    assert (result.successful, watched.applied) == (False, [])
    assert "twice would become 6.0 by the rest of this change" in result.reason
    assert watched.change(double=3.0, twice=6.0).successful


def test_where_rclpy_has_three_callbacks_each_is_used() -> None:
    kept: dict[str, Any] = {}

    def keep(when: str) -> Any:
        return lambda callback: kept.update({when: callback})

    node: Any = SimpleNamespace(**{f"add_{when}_set_parameters_callback": keep(when) for when in ("pre", "on", "post")})
    before: Any = lambda parameters: parameters  # noqa: E731 - three that differ
    on: Any = lambda parameters: None  # noqa: E731
    after: Any = lambda parameters: None  # noqa: E731
    on_change(node, before, on, after)
    assert kept == {"pre": before, "on": on, "post": after}


def test_publishers_are_counted_by_the_node_where_a_subscription_cannot() -> None:
    node: Any = SimpleNamespace(count_publishers=lambda topic: {"/image": 3}[topic])
    humble: Any = SimpleNamespace(topic_name="/image")
    later: Any = SimpleNamespace(topic_name="/image", get_publisher_count=lambda: 2)
    assert publisher_count(node, humble) == 3
    assert publisher_count(node, later) == 2


@pytest.fixture
def humble_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """rclpy with the modules of Humble."""
    elsewhere = ModuleType("rclpy.qos_event")
    for name in ("SubscriptionEventCallbacks", "UnsupportedEventTypeError"):
        setattr(elsewhere, name, getattr(rclpy.event_handler, name))
    with monkeypatch.context() as patch:
        patch.setattr(rclpy.clock, "ClockType", ClockType)
        patch.setitem(sys.modules, "rclpy.event_handler", None)
        patch.setitem(sys.modules, "rclpy.clock_type", None)
        patch.setitem(sys.modules, "rclpy.qos_event", elsewhere)
        yield elsewhere
    importlib.reload(distributions)


def test_names_are_found_where_humble_keeps_them(humble_names: ModuleType) -> None:
    importlib.reload(distributions)
    assert distributions.ClockType is ClockType
    assert distributions.SubscriptionEventCallbacks is humble_names.SubscriptionEventCallbacks
