"""The segmenter's parameters as a file that its launch files take."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from densehybrid_ros.nodes.tuner.remote import Known

HEAD = """\
# Parameters of {node}, as they were set in the tuner: ros2 launch densehybrid_ros camera.launch.py params_file:=FILE
"""


def parameter_file(node: str, parameters: Iterable[Known]) -> str:
    """A ROS parameter file for a node of any name, with all that was given."""
    values = {each.name: _written(each) for each in parameters if each.value is not None}
    content = {"/**": {"ros__parameters": values}}
    return HEAD.format(node=node) + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def _written(parameter: Known) -> object:
    return float(parameter.value) if parameter.kind == "float" else parameter.value
