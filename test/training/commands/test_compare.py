"""densehybrid compare and ablate: what they ask of evaluate, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import load_weights, save_weights, weights_hash
from densehybrid_ros.training.baselines.statistics_file import Origin, save_statistics
from densehybrid_ros.training.commands import ablate, compare, evaluate


@pytest.fixture
def own(tmp_path: Path, picture: np.ndarray) -> Path:
    """Two pictures with masks."""
    root, mask = tmp_path / "own", np.zeros(picture.shape[:2], np.uint8)
    mask[10:30, 20:50] = 1
    for kind, pixels in (("images", picture), ("masks", mask)):
        (root / kind).mkdir(parents=True)
        for number in range(2):
            assert cv2.imwrite(str(root / kind / f"{number}.png"), np.roll(pixels, 11 * number, 1))
    return root


@pytest.fixture
def other_weights(tmp_path: Path, random_weights: Path) -> Path:
    """Of another seed, and the same classes."""
    torch.manual_seed(4)
    path = tmp_path / "other.safetensors"
    save_weights(path, build_model("ladder_lite0", 11), load_weights(random_weights)[1])
    return path


def test_figures_are_those_of_evaluate_and_the_network_runs_once_for_all_scores(
    tmp_path: Path, own: Path, random_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ["--weights", str(random_weights), "--device", "cpu"]
    evaluate.main(["folder", "--root", str(own), *common, "--json", str(tmp_path / "one.json")])
    passes: list[int] = []
    answer = Segmenter._answer
    monkeypatch.setattr(Segmenter, "_answer", lambda *given: passes.append(1) or answer(*given))
    compare.main(["--set", "folder", str(own), *common, "--json", str(tmp_path / "many.json")])
    (result,) = json.loads((tmp_path / "many.json").read_text())["results"]
    assert result.pop("set") == "folder"
    assert result.pop("name") == random_weights.stem
    assert result == json.loads((tmp_path / "one.json").read_text())
    assert len(passes) == 2, "one for each picture"


def test_ablate_gives_the_hybrid_score_its_parts_and_msp(
    tmp_path: Path, own: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ablation.json"
    ablate.main(["folder", "--root", str(own), "--weights", str(random_weights), "--device", "cpu", "--json", str(out)])
    (result,) = json.loads(out.read_text())["results"]
    assert list(result["scores"]) == ["msp", "likelihood", "posterior", "hybrid"]
    ap = {name: found["ap"] for name, found in result["scores"].items()}
    better = max("likelihood", "posterior", key=ap.__getitem__)
    last = capsys.readouterr().out.splitlines()[-1].split()
    assert last[1:] == [better, f"{ap[better]:.2f}", f"{ap['hybrid']:.2f}", f"{ap['hybrid'] - ap[better]:+.2f}"]


def test_ablate_adds_scores_and_takes_statistics(tmp_path: Path, own: Path, random_weights: Path) -> None:
    out, statistics = tmp_path / "ablation.json", tmp_path / "fitted.safetensors"
    kept = {"mahalanobis": {"means": torch.zeros(2, 96), "whitening": torch.eye(96)[None]}}
    save_statistics(statistics, kept, Origin(weights_hash(random_weights), "none", 0, {}))
    given = ["folder", "--root", own, "--weights", random_weights, "--device", "cpu", "--json", out]
    ablate.main(list(map(str, [*given, "--also", "mahalanobis,energy,hybrid", "--statistics", statistics])))
    (result,) = json.loads(out.read_text())["results"]
    assert list(result["scores"]) == ["msp", "likelihood", "posterior", "hybrid", "mahalanobis", "energy"]
    # computed another way, and what random weights say of pixels differs by little more than rounding
    assert result["scores"]["energy"] == pytest.approx(result["scores"]["likelihood"], abs=0.02)
    with pytest.raises(SetupError, match="score 'mahalanobis' needs statistics"):
        ablate.main(list(map(str, [*given, "--also", "mahalanobis"])))
    with pytest.raises(SetupError, match="score 'maharaja' is unknown"):
        ablate.main(list(map(str, [*given, "--also", "maharaja"])))


def test_statistics_go_to_the_weights_that_they_were_fitted_to(
    tmp_path: Path, own: Path, random_weights: Path, other_weights: Path
) -> None:
    """In whatever order they are given; each of two weights gets the figures that it has alone."""
    files = {}
    for number, weights in enumerate((random_weights, other_weights)):
        kept = {"mahalanobis": {"means": torch.full((2, 96), 0.3 * number), "whitening": torch.eye(96)[None]}}
        files[weights] = tmp_path / f"{number}.safetensors"
        save_statistics(files[weights], kept, Origin(weights_hash(weights), "none", 0, {}))
    common = ["--device", "cpu", "--scores", "mahalanobis", "--json", str(tmp_path / "out.json")]
    alone = {}
    for weights, file in files.items():
        evaluate.main(["folder", "--root", str(own), *common, "--weights", str(weights), "--statistics", str(file)])
        alone[weights.stem] = json.loads((tmp_path / "out.json").read_text())["scores"]
    assert len({json.dumps(each) for each in alone.values()}) == 2
    common += ["--set", "folder", str(own), "--weights", *map(str, files)]
    compare.main([*common, "--statistics", *map(str, reversed(files.values()))])
    found = json.loads((tmp_path / "out.json").read_text())["results"]
    assert {each["name"]: each["scores"] for each in found} == alone
    with pytest.raises(SetupError, match="are of the same weights; give one of them"):
        compare.main([*common, "--statistics", str(files[random_weights]), str(files[random_weights])])
    with pytest.raises(SetupError, match="score 'mahalanobis' needs statistics"):
        compare.main([*common, "--statistics", str(files[other_weights])])
    given = ["--set", "folder", str(own), "--weights", str(random_weights), "--statistics", str(files[other_weights])]
    with pytest.raises(SetupError, match=r"1\.safetensors was fitted to none of .*random\.safetensors"):
        compare.main(given)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["--set", "folder", "--root", "X"], "--root stands with each set"),
        (["--set", "folder", "--split=val"], "--split=val stands with each set"),
        (["--set", "folder", "A", "B", "C"], "takes NAME ROOT SPLIT"),
        (["--set", "nowhere", "A"], "invalid choice: 'nowhere'"),
        (["--set", "folder", "A", "--frobnicate"], "unrecognized arguments: --frobnicate"),
    ],
)
def test_what_compare_cannot_take_is_named(given: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        compare.main(given)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


def test_a_name_given_twice_is_refused_before_the_work() -> None:
    with pytest.raises(SetupError, match="a set is named twice"):
        compare.main(["--set", "folder", "A", "--set", "folder", "A"])
    with pytest.raises(SetupError, match="a weights file is named twice"):
        compare.main(["--set", "folder", "A", "--weights", "x", "x"])


def test_an_unknown_figure_is_refused_before_the_work() -> None:
    with pytest.raises(SetupError, match="figure 'aps' is unknown"):
        compare.main(["--set", "folder", "A", "--figures", "ap,aps"])


def test_sets_of_one_name_are_told_apart() -> None:
    assert compare.set_titles([["camvid", "A", "val"], ["folder", "A"], ["folder", "B"]]) == [
        *("camvid/val", "folder A"),
        "folder B",
    ]


def test_ablate_takes_no_scores(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ablate.main(["folder", "--root", "X", "--scores", "msp"])
    assert "--scores is not for ablate" in capsys.readouterr().err
