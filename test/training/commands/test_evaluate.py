"""densehybrid evaluate: which pixels are ranked together, and what the report says of sets without classes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines import packages
from densehybrid_ros.engines.choice import Choice
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import binary_truth
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import load_weights, save_weights
from densehybrid_ros.taxonomies import TAXONOMIES
from densehybrid_ros.training.commands import evaluate
from densehybrid_ros.training.datasets import DATASETS, labelled_set
from densehybrid_ros.training.evaluation.protocols import PROTOCOLS

HEIGHT, WIDTH = 64, 96


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


@pytest.fixture
def streethazards(tmp_path: Path) -> Path:
    """Three pictures in t5 and t6: two with anomalies of different sizes, one without."""
    rng = np.random.default_rng(3)
    for number, (town, reach) in enumerate([("t5", 10), ("t6", 50), ("t6", 0)]):
        labels = np.full((HEIGHT, WIDTH), 8, np.uint8)
        labels[:20], labels[30 : 30 + reach // 2, :reach] = 2, 14
        write(tmp_path / f"test/images/test/{town}/{number}.png", rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
        write(tmp_path / f"test/annotations/test/{town}/{number}.png", labels)
    return tmp_path


@pytest.fixture
def weights(random_weights: Path, tmp_path: Path) -> Path:
    """Random weights for the classes of StreetHazards."""
    taxonomy, path = TAXONOMIES["streethazards"], tmp_path / "weights.safetensors"
    info = replace(
        load_weights(random_weights)[1], classes=taxonomy.classes, palette=taxonomy.palette, inference_width=0
    )
    save_weights(path, build_model("ladder_lite0", len(taxonomy.classes)), info, half=False)
    return path


def run(tmp_path: Path, *arguments: str) -> dict:
    out = tmp_path / "report.json"
    evaluate.main([*arguments, "--device", "cpu", "--engine", "torch", "--json", str(out)])
    return json.loads(out.read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))


def test_streethazards_is_ranked_picture_by_picture(streethazards: Path, weights: Path, tmp_path: Path) -> None:
    report = run(tmp_path, "streethazards", "--root", str(streethazards), "--weights", str(weights))
    segmenter, dataset = (
        Segmenter.load(str(weights), "cpu", "fp32", 0),
        labelled_set("streethazards", streethazards, "test"),
    )
    assert len(dataset) == 3
    together, single = RankingPool(), []
    for index in range(3):
        image, truth = dataset.read(index)
        score = segmenter(image).score  # random weights differ by less than rounding: any other way ranks otherwise
        own = RankingPool()
        own.add(score, binary_truth(truth, 12))
        together.add(score, binary_truth(truth, 12))
        single += [own.result()] if own.has_both_kinds() else []
    assert len(single) == 2
    expected = 100 * (single[0].ap + single[1].ap) / 2
    assert report["scores"]["hybrid"]["ap"] == pytest.approx(expected, abs=0.01)
    assert abs(expected - 100 * together.result().ap) > 0.1, "the two protocols would give the same"
    assert report["miou"] is not None


def test_an_engine_that_cannot_be_had_is_refused(
    streethazards: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    given = ["streethazards", "--root", str(streethazards), "--weights", str(weights), "--device", "cpu"]
    with pytest.raises(SetupError, match="engine onnxruntime: onnx, onnxscript, onnxruntime not installed"):
        evaluate.main([*given, "--engine", "onnxruntime"])


def test_the_network_runs_in_the_precision_that_is_asked_for(
    streethazards: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[torch.dtype] = []

    def noted(name: str, device: torch.device, precision: torch.dtype) -> Choice:
        asked.append(precision)
        return Choice()

    monkeypatch.setattr("densehybrid_ros.core.segmenter.choose", noted)
    given = ["streethazards", "--root", str(streethazards), "--weights", str(weights), "--device", "cpu"]
    for more in ([], ["--precision", "bf16"]):
        evaluate.main([*given, "--scores", "hybrid", "--no-miou", *more])
    assert asked == [torch.float32, torch.bfloat16]


def test_the_report_holds_what_was_agreed(streethazards: Path, weights: Path, tmp_path: Path) -> None:
    report = run(tmp_path, "streethazards", "--root", str(streethazards), "--weights", str(weights))
    assert report["protocol"] == "streethazards"
    assert {"hybrid", "msp", "likelihood", "posterior", "max_logit"} <= report["scores"].keys()
    assert report["scores"]["hybrid"].keys() == {"ap", "fpr95", "auroc"}
    assert 0 <= report["miou"] <= 100


def test_sets_with_binary_truth_take_any_weights(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(4)
    truth = np.zeros((HEIGHT, WIDTH), np.uint8)
    truth[20:40, 30:60], truth[:10] = 1, 255
    write(tmp_path / "dataset_AnomalyTrack/images/validation0.jpg", rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    write(tmp_path / "dataset_AnomalyTrack/labels_masks/validation0_labels_semantic.png", truth)
    report = run(
        tmp_path, "smiyc-anomaly", "--root", str(tmp_path), "--weights", str(weights), "--scores", "hybrid,msp"
    )
    assert report["miou"] is None
    assert report["iou"] == {}
    assert report["scores"].keys() == {"hybrid", "msp"}
    assert "mIoU" not in capsys.readouterr().out


def test_every_set_has_a_protocol_and_a_split_to_report_on_or_none(tmp_path: Path) -> None:
    for name, dataset in DATASETS.items():
        assert dataset.protocol in PROTOCOLS
        assert bool(dataset.reported) == bool(dataset.splits)
        with pytest.raises(SetupError, match=r"does not exist|holds no|has no|is not|labelled"):
            run(tmp_path, name, "--root", str(tmp_path / "nowhere"))


def test_negatives_are_pasted_into_sets_without_anomalies(streethazards: Path, weights: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    segments = np.zeros((HEIGHT, WIDTH), np.uint8)
    segments[10:50, 20:70] = 3
    write(tmp_path / "negatives/images/held_out/0.jpg", rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    write(tmp_path / "negatives/annotations/held_out/0.png", segments)
    plain = ["streethazards", "--root", str(streethazards), "--weights", str(weights), "--scores", "hybrid"]
    pasted = [*plain, "--negatives", str(tmp_path / "negatives"), "held_out"]
    report = run(tmp_path, *pasted)
    assert report["protocol"] == "streethazards/test with pasted negatives"
    assert report == run(tmp_path, *pasted), "pasted anew each time"
    assert report["scores"] != run(tmp_path, *plain)["scores"]
    with pytest.raises(SetupError, match="--negatives needs a set with classes"):
        run(tmp_path, "lostandfound", "--root", str(tmp_path), "--negatives", str(tmp_path / "negatives"), "held_out")


def test_a_root_is_needed(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="fishyscapes-static needs --root"):
        run(tmp_path, "fishyscapes-static")


def test_a_set_without_anomalies_is_not_scored_and_a_set_of_void_has_no_figures(
    tmp_path: Path, random_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split, value in (("val", 7), ("train", 0)):
        name = f"{split}/bonn/bonn_000000_000019"
        write(tmp_path / f"leftImg8bit/{name}_leftImg8bit.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        write(tmp_path / f"gtFine/{name}_gtFine_labelIds.png", np.full((HEIGHT, WIDTH), value, np.uint8))
    taxonomy, path = TAXONOMIES["cityscapes"], tmp_path / "weights.safetensors"
    info = replace(load_weights(random_weights)[1], classes=taxonomy.classes, palette=taxonomy.palette)
    save_weights(path, build_model("ladder_lite0", len(taxonomy.classes)), info, half=False)
    arguments = ("cityscapes", "--root", str(tmp_path), "--weights", str(path))
    for name in list(SCORES):
        monkeypatch.setitem(SCORES, name, lambda *logits: pytest.fail("scored although nothing can be ranked"))
    report = run(tmp_path, *arguments)
    assert report["scores"] == {}
    assert report["miou"] is not None
    with pytest.raises(SetupError, match=r"nothing that was asked for can be computed.*no anomalies to rank"):
        run(tmp_path, *arguments, "--no-miou")
    with pytest.raises(SetupError, match="every pixel of the label maps looked at is ignored"):
        run(tmp_path, *arguments, "--split", "train")
