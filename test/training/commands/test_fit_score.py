"""densehybrid fit-score, and evaluation by what it wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import load_weights, save_weights, weights_hash
from densehybrid_ros.training.baselines.baselines import BASELINES
from densehybrid_ros.training.baselines.statistics_file import beside, load_statistics
from densehybrid_ros.training.commands import evaluate, fit_score


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


@pytest.fixture
def weights(random_weights: Path, tmp_path: Path) -> Path:
    """Random ones of CamVid's classes."""
    path = tmp_path / "weights.safetensors"
    path.write_bytes(random_weights.read_bytes())
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """CamVid with five pictures in each of two splits, and in CamVid-OOD's layout one with an anomaly."""
    rng = np.random.default_rng(1)
    labels = np.kron(rng.integers(0, 11, (4, 6)), np.ones((16, 16))).astype(np.uint8)
    for number in range(5):
        for split in ("train", "val"):
            write(tmp_path / f"images/{split}/{number}.png", rng.integers(0, 256, (64, 96, 3), np.uint8))
            write(tmp_path / f"labels/{split}/{number}.png", labels)
    labels[20:40, 30:60] = 12
    write(tmp_path / "ood/images/0.png", rng.integers(0, 256, (64, 96, 3), np.uint8))
    write(tmp_path / "ood/labels/0.png", labels)
    return tmp_path


def fit(*arguments: object) -> None:
    fit_score.main([*map(str, arguments), "--device", "cpu"])


def judged(root: Path, *arguments: object) -> dict:
    out = root / "report.json"
    given = ["camvid-ood", "--root", root / "ood", "--no-miou", "--device", "cpu", "--json", out, *arguments]
    evaluate.main(list(map(str, given)))
    return json.loads(out.read_text())["scores"]


def test_what_lies_beside_the_weights_is_used(root: Path, weights: Path) -> None:
    settings = ["--score-setting", "gmm_components=2", "--score-setting", "flow_steps=3"]
    fit("all", "--set", "camvid", root, "train", "--weights", weights, "--pictures", 3, *settings)
    found, origin = load_statistics(beside(weights), weights_hash(weights))
    assert origin.pictures == "camvid/train (3 pictures)"
    assert origin.settings["gmm_components"] == 2
    assert found["gmm"]["log_weights"].numel() <= 2
    scores = judged(root, "--weights", weights, "--scores", "hybrid,baselines")
    assert scores.keys() == {"hybrid", *BASELINES}
    assert all(0 <= each["ap"] <= 100 for each in scores.values())


def test_a_score_that_was_not_fitted_is_asked_for(root: Path, weights: Path) -> None:
    out = root / "elsewhere.safetensors"
    fit("sml_smoothed", "--set", "camvid", root, "train", "--weights", weights, "--out", out)
    assert not beside(weights).exists()
    given = ["--weights", weights, "--statistics", out]
    assert judged(root, *given, "--scores", "sml,sml_smoothed").keys() == {"sml", "sml_smoothed"}
    with pytest.raises(SetupError, match="score 'gmm' needs statistics"):
        judged(root, *given, "--scores", "sml,gmm")
    with pytest.raises(SetupError, match=r"statistics file .*nowhere does not exist"):
        judged(root, "--weights", weights, "--scores", "sml", "--statistics", root / "nowhere")


def test_statistics_of_other_weights_are_refused(root: Path, weights: Path) -> None:
    fit("sml", "--set", "camvid", root, "train", "--weights", weights)
    model, info = load_weights(weights)
    next(iter(model.parameters())).data += 0.1
    save_weights(weights, model, info)
    with pytest.raises(SetupError, match="was fitted to other weights"):
        judged(root, "--weights", weights, "--scores", "sml")
    assert judged(root, "--weights", weights, "--scores", "energy").keys() == {"energy"}  # needs none


def test_statistics_of_other_scales_are_refused(root: Path, weights: Path) -> None:
    fit("sml,gmm", "--set", "camvid", root, "train", "--weights", weights, "--score-setting", "gmm_components=1")
    model, info = load_weights(weights)
    save_weights(weights, model, replace(info, scales=[1.0, 0.5]))
    with pytest.raises(SetupError, match="was fitted to other weights or scales"):
        judged(root, "--weights", weights, "--scores", "sml")
    fit("sml,gmm", "--set", "camvid", root, "train", "--weights", weights, "--score-setting", "gmm_components=1")
    assert judged(root, "--weights", weights, "--scores", "sml,gmm,mc_dropout,odin").keys() == {
        "sml",
        "gmm",
        "mc_dropout",
        "odin",
    }


def test_sets_that_results_are_reported_on_are_refused(root: Path, weights: Path) -> None:
    given = ["--weights", weights, "--set"]
    with pytest.raises(SetupError, match="results are reported on camvid/val"):
        fit("sml", *given, "camvid", root, "val")
    with pytest.raises(SetupError, match="results are reported on camvid-ood"):
        fit("sml", *given, "camvid-ood", root / "ood", "")


def test_what_cannot_be_fitted_is_named(root: Path, weights: Path) -> None:
    given = ["--set", "camvid", root, "train", "--weights", weights]
    with pytest.raises(SetupError, match="score with statistics 'odin' is unknown; choose one of sml"):
        fit("sml,odin", *given)
    with pytest.raises(SetupError, match="--pictures is 0"):
        fit("sml", *given, "--pictures", 0)


def test_a_set_is_read_in_the_classes_of_the_weights(root: Path, tmp_path: Path) -> None:
    """The bundled weights have Cityscapes' classes: the class that CamVid calls sky is their tenth."""
    out = tmp_path / "out.safetensors"
    for number in range(5):
        write(root / f"labels/train/{number}.png", np.zeros((64, 96), np.uint8))
    fit("mahalanobis", "--set", "camvid", root, "train", "--out", out, "--inference-width", -1)
    found, _ = load_statistics(out, weights_hash(fit_score.BUNDLED))
    assert found["mahalanobis"]["means"].shape[0] == 1
