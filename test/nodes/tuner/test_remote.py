"""Values of a page as parameters, and parameters as a file."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.nodes.common.parameters import choices_of
from densehybrid_ros.nodes.tuner.parameter_file import parameter_file
from densehybrid_ros.nodes.tuner.remote import Known, typed


def known(kind: str, value: Any, name: str = "thing") -> Known:
    return Known(name, kind, value, "", None, None, True, [])


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("float", 2, 2.0),
        ("float", 2.5, 2.5),
        ("int", 3, 3),
        ("bool", True, True),
        ("str", "5", "5"),
        ("list", ["a"], ["a"]),
        ("list", [], [""]),
    ],
)
def test_values_get_the_parameters_type(kind: str, value: Any, expected: Any) -> None:
    made = typed(known(kind, None), value)
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("float", "2", "must be a number, not '2'"),
        ("float", True, "must be a number"),
        ("int", 2.0, "must be a whole number"),
        ("int", 2**64, "must be a whole number"),
        ("bool", 1, "must be true or false"),
        ("str", None, "must be a text"),
        ("list", "a", "must be a list of texts"),
        ("list", [1], "must be a list of texts"),
        ("float", {"a": 1}, "must be a number"),
    ],
)
def test_other_types_are_refused_with_what_is_wanted(kind: str, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^thing {reason}"):
        typed(known(kind, None), value)


def test_choices_are_read_from_the_constraints() -> None:
    assert choices_of("at run time; one of raw, compressed") == ["raw", "compressed"]
    assert choices_of("read when the node is configured") == []


def test_a_parameter_file_keeps_types_and_leaves_out_what_has_no_value() -> None:
    listed = [
        known("float", -2.0, "threshold"),
        known("float", 1e-7, "small"),
        known("int", 3, "count"),
        known("bool", False, "flag"),
        known("str", "1024", "number_like"),
        known("str", "no: 'ä'", "odd"),
        known("list", [""], "cameras"),
        known("float", None, "unset"),
    ]
    text = parameter_file("/car/eye", listed)
    assert text.startswith("# Parameters of /car/eye")
    values = yaml.safe_load(text)["/**"]["ros__parameters"]
    assert values == {each.name: each.value for each in listed[:-1]}
    assert {name: type(value) for name, value in values.items() if name in ("threshold", "number_like", "count")} == {
        "threshold": float, "number_like": str, "count": int,
    }  # fmt: skip
