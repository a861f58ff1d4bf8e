"""What `densehybrid bench --scale` measures: which cases, and what their figures mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from densehybrid_ros.bench import command, scale
from densehybrid_ros.bench.scale import Case, cases, figures_of, size_of, text_of


def test_sizes_are_whole_strides_close_to_the_megapixels() -> None:
    assert [size_of(each) for each in (0.25, 2.0, 8.0)] == [(768, 384), (2048, 1024), (3968, 1984)]
    assert all(side % 64 == 0 for each in scale.MEGAPIXELS for side in size_of(each))


def test_cases_differ_in_one_thing_at_a_time_and_come_once() -> None:
    found = cases(6, by_threads=True)
    assert len(set(found)) == len(found)
    assert [each.cameras for each in found if each.threads == 6] == [1] * 6 + [2, 4, 8]
    assert [each.threads for each in found if each.threads < 6] == [3, 1]
    assert len(cases(6, by_threads=False)) == 9


def test_megapixels_are_those_of_all_cameras() -> None:
    assert Case(1000, 500, 4, 1).megapixels == 2.0


def test_time_per_megapixel_is_the_median_over_all_pictures(random_weights: Path) -> None:
    threads = torch.get_num_threads()
    try:
        found = figures_of((Case(320, 160, 2, 1), str(random_weights), "cpu", "fp32", 3))
    finally:
        torch.set_num_threads(threads)
    assert found["ms_per_megapixel"] == pytest.approx(found["p50_ms"] / 0.1024, rel=0.02)
    assert found["p50_ms"] >= found["fastest_ms"] > 0
    assert found["peak_mb"] - found["of_frames_mb"] > 100  # Python, torch and the weights


def test_a_table_and_json_come_out_of_processes_of_their_own(
    random_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = [Case(96, 64, 1, 1), Case(1280, 640, 2, 1)]
    monkeypatch.setattr(scale, "cases", lambda threads, by_threads: small)
    out = tmp_path / "scale.json"
    command.main(["--scale", "--weights", str(random_weights), "--device", "cpu", "--runs", "1", "--json", str(out)])
    figures, lines = json.loads(out.read_text()), capsys.readouterr().out.splitlines()
    assert [each["megapixels"] for each in figures["cases"]] == [0.006, 1.638]
    less, more = (each["of_frames_mb"] for each in figures["cases"])
    assert more > less + 50
    assert lines == text_of(figures).splitlines()
    assert lines[3].split()[:3] == ["1280x640", "2", "1"]
