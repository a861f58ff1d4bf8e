"""densehybrid export: what the thresholds are calibrated on, and what the exported file then says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.metrics.ranking import operating_points
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import WeightsInfo, load_weights, save_weights
from densehybrid_ros.taxonomies import TAXONOMIES
from densehybrid_ros.training.batches.negative_set import KEPT, NegativeSet
from densehybrid_ros.training.commands import export
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.datasets.pairs import LabelledSet
from densehybrid_ros.training.datasets.roadworld import RenderedRoadworld
from densehybrid_ros.training.evaluation.calibration import CalibrationPart, CalibrationSet, calibrated
from densehybrid_ros.training.evaluation.pasted_set import PastedSet, file_of

ANOMALY = 12


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """camvid (5 pictures without anomalies), roadworld and Fishyscapes Static (2 with anomalies each), negatives."""
    rng = np.random.default_rng(8)

    def texture(height: int = 96, width: int = 128) -> np.ndarray:
        return cv2.resize(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8), (width, height))

    for number in range(5):
        labels = np.full((96, 128), 3, np.uint8)
        labels[:40] = 1
        write(tmp_path / f"camvid/images/val/{number}.png", texture())
        write(tmp_path / f"camvid/labels/val/{number}.png", labels)
    for number in range(2):
        labels = np.full((96, 128), 3, np.uint8)
        labels[50:80, 20:60] = ANOMALY
        write(tmp_path / f"roadworld/images/val/{number}.png", texture())
        write(tmp_path / f"roadworld/labels/val/{number}.png", labels)
        write(tmp_path / f"static/{number:04}_bonn_rgb.jpg", texture())
        write(tmp_path / f"static/{number:04}_bonn_labels.png", (labels == ANOMALY).astype(np.uint8))
        segments = np.zeros((96, 128), np.uint8)
        segments[20:70, 30:90] = 5
        write(tmp_path / f"negatives/images/validation/{number}.jpg", texture())
        write(tmp_path / f"negatives/annotations/validation/{number}.png", segments)
    return tmp_path


def parts(data: Path) -> list[CalibrationPart]:
    negatives = NegativeSet([data / "negatives"], "validation")
    return [
        CalibrationPart(PastedSet(labelled_set("camvid", data / "camvid", "val"), negatives), 3),
        CalibrationPart(labelled_set("fishyscapes-static", data / "static", ""), 60),
        CalibrationPart(labelled_set("roadworld", data / "roadworld", "val"), 60),
    ]


def test_the_set_holds_pasted_negatives_and_those_of_the_sets(data: Path) -> None:
    made = CalibrationSet(parts(data))
    assert len(made) == 3 + 2 + 2
    read = [made.read(index) for index in range(len(made))]
    assert all(set(np.unique(truth)) - {255} == {0, 1} for _, truth in read)
    for number, (image, truth) in zip((0, 1, 3), read[:3], strict=True):
        original = labelled_set("camvid", data / "camvid", "val").read(number)[0]
        assert (image[truth == 1] != original[truth == 1]).any()
    assert np.array_equal(read[0][0], made.read(0)[0]), "pasted anew each time"
    assert np.count_nonzero(read[6][1] == 1) == 30 * 40
    assert made.description == (
        "camvid/val with pasted negatives (3 pictures), fishyscapes-static (2 pictures), roadworld/val (2 pictures)"
    )
    with pytest.raises(IndexError):
        made.read(len(made))


def test_a_picture_with_something_pasted_into_it_has_the_file_of_the_picture(data: Path) -> None:
    pasted, plain, _ = (part.source for part in parts(data))
    assert file_of(pasted, 1) == labelled_set("camvid", data / "camvid", "val").pairs[1][0]
    assert isinstance(plain, LabelledSet)
    assert file_of(plain, 1) == plain.pairs[1][0]
    assert file_of(RenderedRoadworld(range(2)), 1) is None


def test_nothing_is_pasted_where_no_ground_is_labelled(data: Path) -> None:
    with pytest.raises(SetupError, match="fishyscapes-static has no classes"):
        PastedSet(parts(data)[1].source, NegativeSet([data / "negatives"], "validation"))


def test_the_threshold_has_the_best_f1_and_the_curve_its_rates(random_weights: Path) -> None:
    rng = np.random.default_rng(1)
    anomalous = rng.random(5000) < 0.2
    scores = (rng.normal(0, 1, 5000) + 2 * anomalous).astype(np.float32)
    info = calibrated(load_weights(random_weights)[1], {"hybrid": operating_points(scores, anomalous)}, "made up")

    def f1(threshold: float) -> float:
        flagged = scores >= threshold
        return 2 * (flagged & anomalous).sum() / (flagged.sum() + anomalous.sum())

    assert f1(info.threshold) >= max(map(f1, np.linspace(-3, 5, 400))) - 1e-3
    curve = info.calibration["hybrid"]
    assert curve.measured_on == "made up"
    assert curve.thresholds == sorted(curve.thresholds, reverse=True)
    for threshold, true, false in zip(
        curve.thresholds, curve.true_positive_rate, curve.false_positive_rate, strict=True
    ):
        assert (scores[anomalous] >= threshold - 1e-5).mean() == pytest.approx(true, abs=2e-3)
        assert (scores[~anomalous] >= threshold - 1e-5).mean() == pytest.approx(false, abs=2e-3)


def test_a_file_for_the_node_is_written(data: Path, random_weights: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "out.safetensors", tmp_path / "figures.json"
    report.write_text(json.dumps({"protocol": "p", "miou": 70.1, "scores": {"hybrid": {"ap": 95.0, "fpr95": 1.2}}}))
    arguments = [
        "--inliers",
        "camvid",
        str(data / "camvid"),
        "val",
        "--negatives",
        str(data / "negatives"),
        "validation",
    ]
    arguments += ["--anomalies", "roadworld", str(data / "roadworld"), "val", "--pictures", "2", "--float32"]
    arguments += ["--inference-width", "96", "--scales", "1", "0.5", "--evaluation", str(report), "--device", "cpu"]
    arguments += ["--shares", "0.7", "0.3"]
    export.main([str(random_weights), str(out), *arguments])
    model, info = load_weights(out)
    before, _ = load_weights(random_weights)
    assert all(torch.equal(old, new) for old, new in zip(before.parameters(), model.parameters(), strict=True))
    assert info.inference_width == 96
    assert info.scales == [1.0, 0.5]
    assert info.shares == [0.7, 0.3]
    assert info.figures == {"p mIoU": 70.1, "p hybrid AP": 95.0, "p hybrid FPR95": 1.2}
    assert {"hybrid", "likelihood", "posterior"} <= info.calibration.keys()
    assert info.calibration["hybrid"].measured_on.startswith("camvid/val with pasted negatives (2 pictures), ")
    assert Segmenter.load(str(out), "cpu", "fp32", 0).info.threshold == info.threshold


def test_shares_belong_to_their_scales(random_weights: Path) -> None:
    info = replace(load_weights(random_weights)[1], scales=[1.0, 0.5], shares=[0.7, 0.3])
    assert export.with_scales(info, None, None) == info
    assert export.with_scales(info, [1.0, 0.5], None) == info
    assert export.with_scales(info, [1.0, 0.25], None).shares == []
    assert export.with_scales(info, [1.0, 0.25], [0.6, 0.4]).shares == [0.6, 0.4]
    assert export.with_scales(info, None, [0.6, 0.4]) == replace(info, shares=[0.6, 0.4])


def test_weights_are_calibrated_on_sets_of_any_classes(data: Path, random_weights: Path, tmp_path: Path) -> None:
    taxonomy = TAXONOMIES["cityscapes"]
    weights, out = tmp_path / "city.safetensors", tmp_path / "out.safetensors"
    info: WeightsInfo = replace(load_weights(random_weights)[1], classes=taxonomy.classes, palette=taxonomy.palette)
    save_weights(weights, build_model("ladder_lite0", 19), info)
    sets = [["fishyscapes-static", str(data / "static"), ""], ["roadworld", str(data / "roadworld"), "val"]]
    given = [word for each in sets for word in ("--anomalies", *each)]
    export.main([str(weights), str(out), *given, "--device", "cpu"])
    measured_on = load_weights(out)[1].calibration["hybrid"].measured_on
    assert measured_on == "fishyscapes-static (2 pictures), roadworld/val (2 pictures)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to calibrate on"),
        (["--inliers", "camvid", "{data}/camvid", "val"], "go together"),
        (
            ["--anomalies", "roadworld", "{data}/roadworld", "val", "--negatives", "{data}/negatives", "x"],
            "go together",
        ),
        (["--anomalies", "roadworld", "{data}/roadworld", "val", "--pictures", "0"], "--pictures is 0"),
        (["--anomalies", "roadworld", "{data}/roadworld", "val", "--scales", "0.5"], "--scales.* the first is 1"),
        (["--anomalies", "roadworld", "{data}/roadworld", "val", "--shares", "0.5", "0.5"], "--shares: .* one"),
        (
            ["--anomalies", "roadworld", "{data}/roadworld", "val", "--scales", "1", ".5", "--shares", "1", "nan"],
            "give each scale one",
        ),
        (["--anomalies", "camvid", "{data}/camvid", "val"], "no pixel is anomalous"),
        (["--anomalies", "nowhere", "{data}", "val"], "'nowhere' is unknown"),
    ],
)
def test_command_lines_that_make_no_sense_are_refused(
    data: Path, random_weights: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    out = tmp_path / "out.safetensors"
    with pytest.raises(SetupError, match=message):
        export.main([str(random_weights), str(out), *(each.format(data=data) for each in arguments)])
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "FileNotFoundError"), ("{}", "protocol|scores"), ("[1]", "no report"), ("no json", "no report")],
)
def test_what_is_no_report_is_refused_before_the_work(
    data: Path, random_weights: Path, tmp_path: Path, content: str | None, message: str
) -> None:
    report, out = tmp_path / "report.json", tmp_path / "out.safetensors"
    if content is not None:
        report.write_text(content)
    arguments = ["--anomalies", "roadworld", str(data / "roadworld"), "val", "--evaluation", str(report)]
    with pytest.raises(SetupError, match=message):
        export.main([str(random_weights), str(out), *arguments])
    assert not out.exists()


def test_a_range_table_is_a_report_too(tmp_path: Path) -> None:
    report = tmp_path / "range.json"
    scores = {"hybrid": {"ap": 70.5, "fpr95": None, "auroc": 99.0, "by_range": []}}
    report.write_text(json.dumps({"protocol": "lostandfound", "scores": scores}))
    assert export.figures_of_report(report) == {"lostandfound hybrid AP": 70.5, "lostandfound hybrid AUROC": 99.0}


def test_large_sets_of_negatives_are_not_kept_in_memory(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEPT > 200
    monkeypatch.setattr("densehybrid_ros.training.batches.negative_set.KEPT", 1)
    negatives = NegativeSet([data / "negatives"], "validation")
    first, _ = negatives.read(0)
    negatives.read(1)
    assert len(negatives._cache) == 1
    assert np.array_equal(negatives.read(0)[0], first)
