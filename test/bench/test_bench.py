"""What `densehybrid bench` compares gives the same maps, and its figures are what they are called."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from densehybrid_ros.bench import command, memory
from densehybrid_ros.bench.memory import Asked
from densehybrid_ros.bench.timing import Timing, timings
from densehybrid_ros.bench.ways import CLOSED_PLAIN, postprocessing, ways
from densehybrid_ros.core.fit import fit
from densehybrid_ros.core.scenes import Answer
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines import packages
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
    assert all(0 <= each.cpu < 10 for each in found.values()), "sleep is no work"


def test_figures_are_relative_to_the_plain_closed_set() -> None:
    found = command.figures_of(Timing(30.0, 40.0, 50.0, 28.0), Timing(1.0, 80.0, 90.0, 1.0))
    assert found == {
        "fastest_ms": 30.0,
        "p50_ms": 40.0,
        "p95_ms": 50.0,
        "cpu_ms": 28.0,
        "hz": 25.0,
        "relative": 0.5,
    }


def test_arithmetic_is_that_of_the_network_at_the_size_it_runs_at() -> None:
    """3 to 4 channels, 3x3, at 64x96 px: two operations for each of the weights, at every pixel."""
    network = nn.Conv2d(3, 4, 3, padding=1)
    fitted = fit((50, 70), 0, 32, align_corners=False)
    assert command.gflop(network, fitted, torch.device("cpu")) == pytest.approx(2 * 4 * 3 * 9 * 64 * 96 / 1e9)


def test_a_table_and_json_come_out(
    random_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "engines_here", lambda segmenter: {})  # test/engines builds some
    peaks = {CLOSED_PLAIN: 1000.0, "open set, plain": 1200.4, "closed set": 700.0, "open set": 750.0}
    monkeypatch.setattr(command, "peaks_mb", lambda asked: [peaks[each.way] for each in asked])
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
    assert [each["peak_mb"] for each in figures["ways"].values()] == [1000, 1200, 700, 750]
    assert lines[3].split()[-1] == "1200"
    assert figures["network_gflop"] > 0
    assert lines[-2].startswith("post-processing of the same logits: classes")


def test_the_score_alone_is_what_it_adds_to_the_classes() -> None:
    found = command.score_figures(
        {
            "classes": Timing(1.0, 10.0, 20.0, 1.0),
            "classes and score": Timing(1.0, 14.0, 20.0, 1.0),
            "classes_plain": Timing(1.0, 50.0, 60.0, 1.0),
            "classes and score_plain": Timing(1.0, 75.5, 80.0, 1.0),
        }
    )
    assert found == {"classes_ms": 10.0, "score_ms": 4.0, "classes_plain_ms": 50.0, "score_plain_ms": 25.5}


def test_both_ways_from_logits_give_the_same_maps(random_weights: Path) -> None:
    segmenter, model = Segmenter.load(random_weights, "cpu", "fp32", 96), load_weights(random_weights)[0].eval()
    found: Any = {name: way() for name, way in postprocessing(model, segmenter, segmenter.fit(90, 150)).items()}
    semantic, score = found["classes and score"]
    plain, plain_score = found["classes and score_plain"]
    assert semantic.shape == (1, 90, 150)
    assert (semantic == plain.numpy()).mean() > 0.999  # but for ties
    np.testing.assert_allclose(score, plain_score, atol=1e-3)
    assert found["classes"][1].size == 0, "no score where none is wanted"
    assert len(found["classes_plain"]) == 1


def test_the_peak_counts_what_a_way_has_given_back(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked("open set", str(random_weights), "cpu", "fp32", -1, "torch", (96, 64), torch.get_num_threads())
    before = memory.peak_mb(asked)

    def hungry(*_: object) -> dict[str, Any]:
        return {"open set": lambda image: np.ones(2**27, np.uint8).sum()}

    monkeypatch.setattr(memory, "ways", hungry)
    with Path("/proc/self/statm").open() as file:
        resident = int(file.read().split()[1]) * 4096 / 1e6
    assert memory.peak_mb(asked) >= max(before, resident + 100)


def test_every_way_is_asked_for_as_it_is_timed() -> None:
    options = Namespace(weights="w", device="cpu", precision="auto", inference_width=0, size=None)
    plain, engine = (command.asked_of(way, options) for way in (CLOSED_PLAIN, "open set, onnxruntime"))
    assert (plain.way, plain.engine, plain.precision, plain.size) == (CLOSED_PLAIN, "torch", "auto", (2048, 1024))
    assert (engine.way, engine.engine, engine.precision) == ("", "onnxruntime", "fp32")
    half = command.asked_of(command.way_by("openvino", "bf16"), options)
    assert (half.way, half.engine, half.precision) == ("", "openvino", "bf16")


@pytest.mark.parametrize(
    ("absent", "able", "found"),
    [
        ([], True, {"onnxruntime": "fp32", "openvino": "bf16"}),
        ([], False, {"onnxruntime": "fp32"}),
        (["openvino"], True, {"onnxruntime": "fp32"}),
        (["onnx"], True, {}),
    ],
)
def test_engines_that_are_here_are_compared(
    random_weights: Path, monkeypatch: pytest.MonkeyPatch, absent: list[str], able: bool, found: dict[str, str]
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name in absent else object())
    monkeypatch.setattr(command, "computes_in", lambda precision: able)
    assert command.engines_here(Segmenter.load(random_weights, "cpu")) == found


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--size", "0", "5"], ["--threads", "-1"]])
def test_numbers_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SetupError, match="at least"):
        command.main(arguments)
