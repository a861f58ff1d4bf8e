"""Start-up parameters that change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
import rclpy
from rclpy.context import Context
from rclpy.node import Node

from densehybrid_ros.nodes.common.overrides import parameter_files, useless_overrides

HERE = {"densehybrid:", "/densehybrid:", "/**:"}
ELSEWHERE = {"segmenter:", "/car/densehybrid:", "car:\n  densehybrid:", "/densehybrid/extra:"}


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[object]:
    context = Context()

    def make(text: str) -> tuple[Node, list[str]]:
        path = tmp_path / "parameters.yaml"
        path.write_text(text)
        arguments = ["--ros-args", "--params-file", str(path)]
        rclpy.init(args=arguments, context=context)
        node = Node("densehybrid", context=context)
        node.declare_parameter("threshold", 0.0)
        return node, arguments

    yield make
    context.try_shutdown()


def text_for(name: str, key: str) -> str:
    indent = "  " * (name.count("\n") + 1)
    return f"{name}\n{indent}ros__parameters:\n{indent}  {key}: 2.5\n"


@pytest.mark.parametrize("name", sorted(HERE | ELSEWHERE))
def test_a_file_for_another_node_is_named_exactly_where_rcl_reads_nothing_of_it(make_node, name: str) -> None:
    node, arguments = make_node(text_for(name, "threshold"))
    lines = useless_overrides(node, arguments)
    assert (node.get_parameter("threshold").value == 2.5) == (name in HERE)
    assert bool(lines) == (name in ELSEWHERE)
    if lines:
        assert "this node is /densehybrid: nothing in it is used" in lines[0]
        assert str(parameter_files(arguments)[0]) in lines[0]


def test_unknown_keys_are_named_with_what_may_be_meant(make_node) -> None:
    node, arguments = make_node("/**:\n  ros__parameters:\n    treshold: 2.5\n    qqq: 1\n    use_sim_time: true\n")
    assert useless_overrides(node, arguments) == [
        "parameter 'qqq' is unknown, and changes nothing",
        "parameter 'treshold' is unknown, and changes nothing; is threshold meant?",
    ]
