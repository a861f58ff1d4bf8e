"""Start-up parameters that change nothing: misspelt ones, and files for a node of another name."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rclpy.node import Node

from densehybrid_ros.formats.yaml_files import read_yaml

MARK = "ros__parameters"
LATER = "qos_overrides."
"""What such parameters begin with that are declared when their topic is."""


def useless_overrides(node: Node, arguments: Sequence[str] | None = None) -> list[str]:
    """One sentence for each parameter, and for each parameter file, that was given to the node for nothing.

    To be called when all parameters are declared.

    Args:
        arguments: the command line; None = that of this process.
    """
    given: Collection[str] = getattr(node, "_parameter_overrides", {})  # no public call tells what was not declared
    known = sorted(set(node.get_parameters_by_prefix("")) - {LATER})
    lines = [
        _unknown(name, known) for name in sorted(given) if not node.has_parameter(name) and not name.startswith(LATER)
    ]
    own = node.get_fully_qualified_name()
    for path in parameter_files(sys.argv if arguments is None else arguments):
        names = _names_in(path)
        if names and not any(_reaches(name, keys, own, given) for name, keys in names.items()):
            lines.append(
                f"parameter file {path} is for {', '.join(names)}, and this node is {own}: nothing in it is used; "
                f"write {own}: or /**: there, or name the node so"
            )
    return lines


def parameter_files(arguments: Sequence[str]) -> list[Path]:
    """The files that a command line names."""
    return [Path(value) for flag, value in zip(arguments, arguments[1:], strict=False) if flag == "--params-file"]


def _unknown(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, 1)
    meant = f"; is {near[0]} meant?" if near else ""
    return f"parameter '{name}' is unknown, and changes nothing{meant}"


def _names_in(path: Path) -> dict[str, Collection[str]]:
    """The parameters of a file by the node that they are for; empty where it cannot be read: rcl has said so."""
    try:
        content = read_yaml(path)
    except (OSError, ValueError):
        return {}
    return dict(_nodes(content, ""))


def _nodes(content: Any, name: str) -> Iterator[tuple[str, Collection[str]]]:
    """Namespaces nest."""
    for key, value in content.items() if isinstance(content, Mapping) else ():
        if key == MARK:
            yield name, value if isinstance(value, Mapping) else ()
        else:
            yield from _nodes(value, f"{name}/{str(key).strip('/')}")


def _reaches(name: str, keys: Collection[str], own: str, given: Collection[str]) -> bool:
    return name in (own, "/**") or ("*" in name and any(key in given for key in keys))
