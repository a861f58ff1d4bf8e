"""What `densehybrid bench` compares gives the same maps, and its figures are what they are called."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import nn

from densehybrid_ros.bench import command
from densehybrid_ros.bench.timing import Timing, timings
from densehybrid_ros.bench.ways import CLOSED_PLAIN, ways
from densehybrid_ros.core.fit import fit
from densehybrid_ros.core.scenes import Answer
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import load_weights


def test_all_ways_lead_to_the_same_maps(random_weights: Path) -> None:
    segmenter = Segmenter.load(random_weights, "cpu", "fp32", 96)
    model = load_weights(random_weights)[0].eval()
    image = np.random.default_rng(0).integers(0, 256, (90, 150, 3), np.uint8)
    found = {name: way(image) for name, way in ways(segmenter, model, segmenter.fit(90, 150)).items()}
    assert next(iter(found)) == CLOSED_PLAIN
    closed, opened = found["closed set"], found["open set"]
    assert isinstance(closed, Answer)
    assert isinstance(opened, Answer)
    semantic, score, open_set = cast("list[np.ndarray]", found["open set, plain"])
    assert (found[CLOSED_PLAIN] == closed.scenes[0].semantic).mean() > 0.999  # but for ties
    assert (semantic == opened.scenes[0].semantic).mean() > 0.999
    np.testing.assert_allclose(score[0], opened.scenes[0].score, atol=1e-3)
    assert (open_set == opened.scenes[0].open_set).mean() > 0.999
    assert closed.scenes[0].score.size == 0


def test_the_ways_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []

    def way(name: str, seconds: float) -> None:
        time.sleep(seconds if name in calls else 0.2)
        calls.append(name)

    found = timings({name: lambda name=name: way(name, 0.01) for name in "ab"}, 3, progress=False)
    assert calls == ["a", "b"] * 4
    assert all(10 <= each.fastest <= each.p50 <= each.p95 < 150 for each in found.values())


def test_figures_are_relative_to_the_plain_closed_set() -> None:
    found = command.figures_of(Timing(30.0, 40.0, 50.0), Timing(1.0, 80.0, 90.0))
    assert found == {"fastest_ms": 30.0, "p50_ms": 40.0, "p95_ms": 50.0, "hz": 25.0, "relative": 0.5}


def test_arithmetic_is_that_of_the_network_at_the_size_it_runs_at() -> None:
    """3 to 4 channels, 3x3, at 64x96 px: two operations for each of the weights, at every pixel."""
    network = nn.Conv2d(3, 4, 3, padding=1)
    fitted = fit((50, 70), 0, 32, align_corners=False)
    assert command.gflop(network, fitted, torch.device("cpu")) == pytest.approx(2 * 4 * 3 * 9 * 64 * 96 / 1e9)


def test_a_table_and_json_come_out(
    random_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "engines_here", lambda segmenter: {})  # test/engines builds some
    out, threads = tmp_path / "bench.json", torch.get_num_threads()
    arguments = ["--weights", str(random_weights), "--size", "96", "64", "--inference-width", "-1", "--runs", "2"]
    try:
        command.main([*arguments, "--device", "cpu", "--threads", "1", "--json", str(out)])
    finally:
        torch.set_num_threads(threads)
    figures, lines = json.loads(out.read_text()), capsys.readouterr().out.splitlines()
    assert (figures["size"], figures["network_size"]) == ([96, 64], [96, 64])
    assert lines[0].endswith("on CPU, 1 threads: 96x64 pictures, network at 96x64, 2 runs")
    assert lines[2].split()[:3] == ["closed", "set,", "plain"]
    assert figures["ways"][CLOSED_PLAIN]["relative"] == 1
    assert figures["open_set_ms"] == pytest.approx(
        figures["ways"]["open set"]["p50_ms"] - figures["ways"]["closed set"]["p50_ms"], abs=0.011
    )
    assert figures["peak_memory_mb"] > 100


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--size", "0", "5"], ["--threads", "-1"]])
def test_numbers_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SetupError, match="at least"):
        command.main(arguments)
