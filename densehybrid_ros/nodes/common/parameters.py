"""ROS parameters from the list of settings.

rclpy refuses an integer for a double parameter, at run time and as a start-up override. Parameters are therefore
declared with dynamic typing and checked here; the descriptor still names type and range for the tools.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import Field
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, ParameterType
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from densehybrid_ros.errors import SetupError
from densehybrid_ros.options import Settings, changed_settings, setting_fields

TYPES = {
    bool: ParameterType.PARAMETER_BOOL,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    str: ParameterType.PARAMETER_STRING,
    tuple: ParameterType.PARAMETER_STRING_ARRAY,
}


def declare_settings(node: Node) -> Settings:
    """Declares every setting on the node and reads the start-up overrides.

    A setting whose default is nan ("unset") is declared without a value.

    Raises:
        SetupError: an override is of the wrong type or out of range.
    """
    changes: dict[str, Any] = {}
    for entry in setting_fields():
        unset = isinstance(entry.default, float) and math.isnan(entry.default)
        default = list(entry.default) if isinstance(entry.default, tuple) else None if unset else entry.default
        try:
            declared = node.declare_parameter(entry.name, default, _descriptor(entry))
        except ParameterException as error:  # out of the descriptor's range
            raise SetupError(f"parameter {entry.name} cannot be set: {error}") from error
        if declared.value is not None:
            changes[entry.name] = declared.value
        if normalised(declared) is not declared:  # an integer override is shown as the double that it is taken for
            node.set_parameters([normalised(declared)])
    return changed_settings(Settings(), changes)


def settings_after(current: Settings, parameters: Sequence[Parameter]) -> Settings:
    """The settings after a change of parameters, checked as a whole; other nodes' parameters are passed over.

    Raises:
        SetupError: the change is refused.
    """
    known = {entry.name for entry in setting_fields()}
    return changed_settings(
        current, {parameter.name: parameter.value for parameter in parameters if parameter.name in known}
    )


def normalised(parameter: Parameter) -> Parameter:
    """An integer given for a double setting, as that double; anything else unchanged."""
    floating = {entry.name for entry in setting_fields() if isinstance(entry.default, float)}
    if parameter.name in floating and parameter.type_ == Parameter.Type.INTEGER:
        return Parameter(parameter.name, Parameter.Type.DOUBLE, float(parameter.value))
    return parameter


def _descriptor(entry: Field[Any]) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        name=entry.name,
        type=TYPES[type(entry.default)],
        description=entry.metadata["description"],
        additional_constraints="at run time" if entry.metadata["live"] else "read when the node is configured",
        dynamic_typing=True,
    )
    low, high = entry.metadata["low"], entry.metadata["high"]
    if low is not None and isinstance(entry.default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
    elif low is not None:
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    return descriptor
