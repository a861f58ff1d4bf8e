"""docs/figures.py measures once, for one weights file, and writes what was measured into the pages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from densehybrid_ros.training.commands.evaluate import evaluate_parser

REPOSITORY = Path(__file__).resolve().parents[2]
SETS = ("smiyc-obstacle", "smiyc-anomaly", "camvid-ood", "roadworld")


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    spec = spec_from_file_location("figures", REPOSITORY / "docs" / "figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ranking(ap: float) -> dict[str, float]:
    return {"ap": ap, "fpr95": ap / 10, "auroc": 99.0}


def measured(figures: ModuleType) -> dict[str, dict[str, Any]]:
    """What every measurement would have found, each figure another."""
    found: dict[str, dict[str, Any]] = {"cityscapes": {"miou": 55.2}, "camvid": {"miou": 65.0}}
    for number, name in enumerate(SETS):
        scores = {
            score: ranking(90.0 - 10 * number - place)
            for place, score in enumerate(("hybrid", "likelihood", "posterior", "msp"))
        }
        rates = [
            {"score": score, "target_tpr": rate, "threshold": -rate, "tpr": rate - less, "fpr": 0.00456}
            for score, less in (("msp", 0.5), ("hybrid", 0.0123))
            for rate in (0.8, 0.9)
        ]
        things = {
            "hybrid": {"siou": 36.5, "ppv": 78.9, "f1": 57.8 + number},
            "msp": dict.fromkeys(("siou", "ppv", "f1"), 1),
        }
        found[name] = {"scores": scores, "target_tpr": rates, "components": things, "miou": 62.8}
    ends = {part: [1.0, 2.0] for part in ("ap", "fpr95", "auroc")}
    found["baselines"] = {
        "results": [
            {"set": name, "scores": {"hybrid": ranking(44.0)}, "intervals": {"scores": {"hybrid": ends}}}
            for name in (*SETS[:-1], "roadworld/val")
        ]
    }
    whole = {"open_miou": 52.1, "gap": -1.8, "mean_f1": 65.2, "closed_miou": 53.8}
    drawn = {"scores": {"hybrid": ends}, "open_set": {"hybrid": {"open_miou": [49.3, 53.1]}}, "miou": [51.3, 55.6]}
    found["pasted"] = {
        **{"scores": {"hybrid": ranking(79.2)}, "open_set": {"hybrid": whole}},
        **{"intervals": drawn, "miou": 54.1},
    }
    return {**found, "statistics": {}}


LINES = {
    "scores": "| `smiyc-anomaly` (10) | 80.0 / 8.0 | 79.0 / 7.9 | 78.0 / 7.8 | 77.0 / 7.7 |",
    "all sets": "| `roadworld` val (40, rendered) | 60.0 / 6.0 | 59.0 / 5.9 | 58.0 / 5.8 | 57.0 / 5.7 |",
    "mean IoU": "mIoU on 232 pictures of two Cityscapes cities that were kept apart: 55.2; on CamVid val, read in its "
    "11\n"
    "classes: 65.0; on Roadworld val: 62.8.",
    "things": "| `smiyc-anomaly` | 36.5 | 78.9 | 58.8 |",
    "rates": "| 90 | −0.90 | 88.8, 0.46 | 88.8, 0.46 |",
    "baselines AP": "| `hybrid` " + "| 44.0 [1.0, 2.0] " * 4 + "|",
    "baselines FPR95": "| `hybrid` " + "| 4.4 [1.0, 2.0] " * 4 + "|",
    "open set": "mIoU 54.1 [51.3, 55.6]; 53.8 as the mean of the two cities, from which the gap is taken.\n"
    "| `hybrid` | 79.2 [1.0, 2.0] | 7.9 [1.0, 2.0] | 99.0 [1.0, 2.0] | 52.1 [49.3, 53.1] | −1.8 | 65.2 |",
}


def test_tables_say_what_was_measured(figures: ModuleType) -> None:
    found = measured(figures)
    for name, lines in LINES.items():
        page = f"before\n\n<!-- figures: {name} -->\nstale\n<!-- end -->\nafter <!-- end -->\n"
        filled = figures.filled(page, found)
        assert set(lines.splitlines()) <= set(filled.splitlines())
        assert "stale" not in filled
        assert filled.startswith("before\n")
        assert filled.endswith("<!-- end -->\nafter <!-- end -->\n")
        assert figures.filled(filled, found) == filled
    assert LINES.keys() == figures.TABLES.keys()
    assert found.keys() == figures.commands(REPOSITORY, REPOSITORY).keys()


def test_what_was_not_measured_stays_as_it_is(figures: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(figures)
    del found["camvid"]
    page = "<!-- figures: mean IoU -->\nstale\n<!-- end -->\n"
    assert figures.filled(page, found) == page
    assert "'camvid' was not measured" in capsys.readouterr().out
    with pytest.raises(KeyError, match="hybrid"):
        figures.filled(page.replace("mean IoU", "scores"), found | {"smiyc-obstacle": {"scores": {}}})


def test_every_table_has_its_place(figures: ModuleType) -> None:
    pages = [(REPOSITORY / page).read_text() for page in figures.PAGES]
    places = Counter(found[1] for text in pages for found in figures.PLACE.finditer(text))
    assert places == Counter([*figures.TABLES, "mean IoU"])  # told by the README and the model card


def test_commands_are_those_of_the_program(figures: ModuleType, tmp_path: Path) -> None:
    wanted = figures.commands(tmp_path, tmp_path)
    for name, arguments in wanted.items():
        if arguments[0] == "evaluate":
            assert evaluate_parser("evaluate").parse_args(arguments[1:]).root.is_relative_to(tmp_path), name
    for name in ("statistics", "baselines"):  # the first thing that is in the way is that there are no data
        call = [sys.executable, "-m", "densehybrid_ros.cli", *wanted[name]]
        ended = subprocess.run(call, capture_output=True, text=True, check=False, cwd=REPOSITORY)
        assert ended.returncode
        assert "usage" not in ended.stderr
        assert str(tmp_path) in ended.stderr


def test_nothing_is_measured_twice_or_for_other_weights(
    figures: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(figures.subprocess, "run", lambda call, **_: calls.append(call))
    figures.measure("cityscapes", ["evaluate", "cityscapes"], tmp_path)
    assert calls[0][3:] == ["evaluate", "cityscapes", "--json", str(tmp_path / "cityscapes.json")]
    (tmp_path / "cityscapes.json").write_text(json.dumps({"miou": 1.0}))
    figures.measure("cityscapes", ["evaluate", "cityscapes"], tmp_path)
    assert len(calls) == 1
    figures.keep_to_weights(tmp_path)
    figures.keep_to_weights(tmp_path)
    (tmp_path / "other").write_bytes(b"other weights")
    monkeypatch.setattr(figures, "BUNDLED", tmp_path / "other")
    with pytest.raises(SystemExit, match="other weights"):
        figures.keep_to_weights(tmp_path)
