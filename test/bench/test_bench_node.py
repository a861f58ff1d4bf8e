"""`densehybrid bench --node`: a real node, and figures that are what they are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.bench import command, node
from densehybrid_ros.bench.node import settled, text_of
from densehybrid_ros.bench.node_rounds import CASES, ENGINE, Measured
from densehybrid_ros.errors import SetupError


def test_what_is_beyond_the_engine_is_what_it_has_no_part_in() -> None:
    found = Measured([30.0, 10.0, 20.0, 40.0], [5.0, 7.0, 6.0], [20.0, 26.0, 24.0], [10.0, 11.0, 12.0]).figures()
    assert found == {
        "fastest_ms": 10.0,
        "p50_ms": 25.0,
        "p95_ms": 38.5,
        "hz": 6.0,
        "in_node_ms": 24.0,
        "beyond_engine_ms": 12.0,
    }
    assert "beyond_engine_ms" not in Measured([1.0], [1.0]).figures()


def test_an_engine_is_settled_once_nothing_is_built_any_more() -> None:
    answers = iter(
        ["torch, opening onnxruntime 64x32", "torch, building onnxruntime 64x32", "torch", *["onnxruntime"] * 2]
    )
    assert settled(lambda: next(answers)) == "onnxruntime"
    assert list(answers) == []
    assert settled(lambda: "torch: its build failed") == "torch: its build failed"


def test_an_engine_that_is_never_ready_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "PATIENCE", 0.2)
    with pytest.raises(SetupError, match=r"no engine was ready within 0.2 s: torch, building"):
        settled(lambda: "torch, building onnxruntime 64x32")


def test_the_node_is_measured_with_a_table_and_json(
    random_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "ROUNDS", 1)
    out, threads = tmp_path / "bench.json", torch.get_num_threads()
    arguments = ["--node", "--weights", str(random_weights), "--size", "160", "96", "--inference-width", "64"]
    try:
        command.main([*arguments, "--device", "cpu", "--threads", "1", "--runs", "3", "--json", str(out)])
    finally:
        torch.set_num_threads(threads)
    figures, lines = json.loads(out.read_text()), capsys.readouterr().out.splitlines()
    assert (figures["size"], figures["network_size"], figures["runs"]) == ([160, 96], [64, 64], 3)
    assert list(figures["ways"]) == [ENGINE, *CASES]
    assert len(lines) == 2 + len(figures["ways"])
    for name in CASES:
        each = figures["ways"][name]
        assert 0 < each["beyond_engine_ms"] < each["in_node_ms"]
        assert 0 < each["fastest_ms"] <= each["p50_ms"] <= each["p95_ms"]
        assert each["in_node_ms"] < each["p95_ms"]  # taken and published lie between sent and received
        assert each["hz"] > 0
    assert text_of(figures).splitlines() == lines
