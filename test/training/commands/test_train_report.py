"""The report that a training leaves: of its last weights, by the pass that validated them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("lightning_fabric", reason="the training packages are not installed")
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import weights_hash
from densehybrid_ros.training.commands import evaluate, train
from densehybrid_ros.training.datasets.pairs import LabelledSet
from densehybrid_ros.training.run import kept_weights, run_report

FILES = ("report.html", "report.json", "report.md")
VALIDATION = [
    {"name": "camvid-ood", "root": "ood", "split": ""},
    {"name": "camvid", "root": "camvid", "split": "train"},
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """CamVid without anomalies, and in CamVid-OOD's layout three pictures with some."""
    rng = np.random.default_rng(3)
    for folder, number in [("camvid/{}/train", n) for n in range(2)] + [("ood/{}", n) for n in range(3)]:
        labels = np.full((64, 96), 3, np.uint8)
        labels[:30] = 0
        if folder.startswith("ood"):
            labels[40:50, 10 + 10 * number : 40] = 12
        image = (labels[..., None] * 15 + rng.integers(0, 20, (64, 96, 3))).astype(np.uint8)
        for kind, pixels in (("images", image), ("labels", labels)):
            path = tmp_path / folder.format(kind) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), pixels)
    return tmp_path


@pytest.fixture
def run(data: Path) -> Callable[..., Path]:
    """run("out", steps=2) trains; the folder of the run."""

    def trained(name: str, *options: str, **changes: object) -> Path:
        content = {
            "architecture": "ladder_lite0",
            "train": [{"name": "camvid", "root": "camvid", "split": "train"}],
            "validation": VALIDATION,
            "steps": 2,
            "batch": 2,
            "crop": [64, 64],
            "validate_every": 1,
            "open_set": False,
        }
        recipe = data / "recipe.yaml"
        recipe.write_text(yaml.safe_dump({**content, **changes}))
        given = [recipe, "--data", data, "--out", data / name, "--device", "cpu", "--workers", 0, *options]
        train.main(list(map(str, given)))
        return data / name

    return trained


def figures_of(out: Path) -> dict:
    return json.loads((out / "report.json").read_text())


def assert_close(found: Any, expected: Any, place: str) -> None:
    """Equal, but for the rounding of networks whose batch norms are folded where weights are loaded."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), place
        for key, value in expected.items():
            assert_close(found[key], value, f"{place}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), place
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_close(one, other, f"{place}[{number}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-2, abs=2e-2), place
    else:
        assert found == expected, place


def test_the_report_has_the_figures_of_an_evaluation_of_the_weights(run: Callable[..., Path], data: Path) -> None:
    out = run("out")
    report = figures_of(out)
    assert report["step"] == 2
    names: list[str] = ["camvid-ood", "camvid"]
    found = dict(zip(names, report["results"], strict=True))
    assert found["camvid"]["set"] == "camvid/train"
    assert found["camvid"]["scores"] == found["camvid"]["curves"] == {}
    for name, options in (("camvid-ood", ["--root", data / "ood"]), ("camvid", ["--root", data / "camvid"])):
        json_file, weights = data / "evaluated.json", out / "weights.safetensors"
        given = [name, *options, "--weights", weights, "--device", "cpu", "--no-open-set", "--json", json_file]
        given += ["--report", data / "evaluated.md", "--scores", "hybrid,likelihood,posterior,msp"]
        evaluate.main(list(map(str, [*given, *(["--split", "train"] if name == "camvid" else [])])))
        expected = json.loads(json_file.read_text())
        assert expected.keys() - {"protocol", "weights"} <= found[name].keys()
        assert found[name]["curves"].keys() == expected["curves"].keys()
        for key in expected.keys() - {"protocol", "weights", "curves"}:  # rounding makes points of curves more or fewer
            assert_close(found[name][key], expected[key], key)
    last = json.loads((out / "log.jsonl").read_text().splitlines()[-1])
    assert last["camvid-ood"]["hybrid"]["ap"] == found["camvid-ood"]["scores"]["hybrid"]["ap"]
    assert {each["name"] for each in found["camvid-ood"]["extremes"]} == {"0.png", "1.png", "2.png"}
    page = (out / "report.html").read_text()
    assert "ladder_lite0 after 2 steps" in page
    assert page.count("data:image/jpeg;base64,") == 6
    assert str(data) not in page + (out / "report.md").read_text()


def test_the_network_runs_once_over_a_picture_and_once_more_to_draw_it(
    run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, names = LabelledSet.read, []

    def read(self: LabelledSet, index: int) -> tuple[np.ndarray, np.ndarray]:
        names.append(self.name)
        return genuine(self, index)

    monkeypatch.setattr(LabelledSet, "read", read)
    run("out", steps=1, validation_stride=2)
    assert names.count("camvid-ood") == 2 + 2  # the first and the third of three, none of them twice


def test_what_keeps_a_report_from_being_written_does_not_end_the_training(
    run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*given: object) -> None:
        raise SetupError("disk full")

    passes: list[int] = []
    genuine = kept_weights.evaluate
    monkeypatch.setattr(kept_weights, "evaluate", lambda *given, **named: passes.append(1) or genuine(*given, **named))
    monkeypatch.setattr(run_report, "write_outputs", full)
    out = run("out", steps=1)
    assert (out / "weights.safetensors").is_file()
    assert (out / "checkpoint.pt").is_file()
    assert "warning: no report of the run: SetupError: disk full; its weights are whole" in capsys.readouterr().err
    assert len(passes) == 2  # it is not tried twice by one command
    monkeypatch.undo()
    weights = weights_hash(out / "weights.safetensors")
    assert run("out", steps=1) == out
    assert all((out / name).is_file() for name in FILES)
    assert weights_hash(out / "weights.safetensors") == weights
    assert figures_of(out)["step"] == 1


def test_a_report_is_written_once(run: Callable[..., Path]) -> None:
    out = run("out", steps=1)
    for name in FILES:
        (out / name).write_text("kept")
    run("out", steps=1)
    assert all((out / name).read_text() == "kept" for name in FILES)
    (out / "checkpoint.pt").unlink()  # begins anew
    run("out", steps=1)
    assert figures_of(out)["step"] == 1


def test_without_validation_sets_there_is_no_report(
    run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = run("out", steps=1, validation=[])
    assert "no report of the run: its recipe names no validation sets" in capsys.readouterr().err
    assert not any((out / name).exists() for name in FILES)
