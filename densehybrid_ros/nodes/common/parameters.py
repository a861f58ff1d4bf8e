"""ROS parameters from the list of settings.

rclpy refuses an integer for a double parameter, at run time and as a start-up override. Parameters are therefore
declared with dynamic typing and checked here; the descriptor still names type and range for the tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, get_origin

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, ParameterType
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.common.overrides import useless_overrides
from densehybrid_ros.options import Setting, changed, settings_of

TYPES = {
    bool: ParameterType.PARAMETER_BOOL,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    str: ParameterType.PARAMETER_STRING,
    tuple: ParameterType.PARAMETER_STRING_ARRAY,
}
ONE_OF = "; one of "
"""Stands in a descriptor's additional constraints before the choices."""
Options = TypeVar("Options")


def declare_settings(node: Node, kind: type[Options], read: str = "when the node starts") -> Options:
    """Declares every setting on the node, reads the start-up overrides, and warns of those that change nothing.

    A setting whose default is nan ("unset") is declared without a value.

    Args:
        read: when settings that are not live are read.

    Raises:
        SetupError: an override is of the wrong type or out of range.
    """
    changes: dict[str, Any] = {}
    for entry in settings_of(kind):
        try:
            declared = node.declare_parameter(
                entry.name, None if entry.is_unset else _as_ros(entry.default), _descriptor(entry, read)
            )
        except ParameterException as error:  # out of the descriptor's range
            raise SetupError(f"parameter {entry.name} cannot be set: {error}") from error
        if declared.value is not None:
            changes[entry.name] = declared.value
        shown = normalised(kind, declared)
        if shown is not declared:  # an integer override is shown as the double that it is taken for
            node.set_parameters([shown])
    for line in useless_overrides(node):
        node.get_logger().warning(line)
    return changed(kind(), changes)


def settings_after(current: Options, parameters: Sequence[Parameter]) -> Options:
    """The settings after a change of parameters, checked as a whole; other nodes' parameters are passed over.

    Raises:
        SetupError: the change is refused.
    """
    known = {entry.name for entry in settings_of(type(current))}
    return changed(current, {parameter.name: parameter.value for parameter in parameters if parameter.name in known})


def normalised(kind: type, parameter: Parameter) -> Parameter:
    """An integer given for a double setting, as that double; anything else unchanged."""
    floating = {entry.name for entry in settings_of(kind) if entry.kind is float}
    if parameter.name in floating and parameter.type_ == Parameter.Type.INTEGER:
        return Parameter(parameter.name, Parameter.Type.DOUBLE, float(parameter.value))
    return parameter


def choices_of(constraints: str) -> list[str]:
    """The only texts allowed, out of a descriptor's additional constraints; [] = any."""
    _, mark, listed = constraints.partition(ONE_OF)
    return listed.split(", ") if mark else []


def _choices(entry: Setting) -> str:
    return ONE_OF + ", ".join(entry.choices) if entry.choices else ""


def _as_ros(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _descriptor(entry: Setting, read: str) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        name=entry.name,
        type=TYPES[get_origin(entry.kind) or entry.kind],
        description=entry.description,
        additional_constraints=("at run time" if entry.live else f"read {read}") + _choices(entry),
        dynamic_typing=True,
    )
    if entry.kind is float and entry.range_text:
        descriptor.floating_point_range = [FloatingPointRange(from_value=entry.low, to_value=entry.high, step=0.0)]
    elif entry.range_text:
        descriptor.integer_range = [IntegerRange(from_value=entry.low, to_value=entry.high, step=1)]
    return descriptor
