"""Two nodes of one name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Process


def test_two_nodes_of_one_name_say_so_and_what_to_do(start: Callable[..., Process]) -> None:
    first, second = (start("player", "start_paused:=true") for _ in range(2))
    for process in (first, second):
        process.wait_for_output("another node is named /player")
        assert "name:=" in process.output
    second.stop()
    first.wait_for_output("no other node is named /player any more")
    assert first.output.count("another node is named") == 1
