"""densehybrid submit: files as the benchmarks' own public code reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from densehybrid_ros.core.scenes import ScoredImage
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import load_weights, save_weights, weights_hash
from densehybrid_ros.pictures import read_rgb
from densehybrid_ros.taxonomies import TAXONOMIES
from densehybrid_ros.training.baselines.statistics_file import Origin, save_statistics
from densehybrid_ros.training.commands import submit
from densehybrid_ros.training.submissions.benchmarks import Result, save_hdf5

LAYOUTS = {
    "smiyc-anomaly": ("dataset_AnomalyTrack/images/airplane0000.jpg", "AnomalyTrack-all/airplane0000.hdf5"),
    "smiyc-obstacle": ("dataset_ObstacleTrack/images/paving_3.webp", "ObstacleTrack-all/paving_3.hdf5"),
    "smiyc-lostandfound-noknown": (
        "leftImg8bit/test/02_Street/02_Street_000000_000010_leftImg8bit.png",
        "LostAndFound-test/02_Street_000000_000010.hdf5",
    ),
}
"""Picture → result, below anomaly_p/METHOD."""


def write(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
    return path


def run(name: str, tmp_path: Path, *options: str) -> Path:
    out = tmp_path / "out"
    submit.main([name, "--root", str(tmp_path / "in"), "--out", str(out), "--device", "cpu", *options])
    return out


@pytest.mark.parametrize("name", LAYOUTS)
def test_segmentmeifyoucan_gets_one_hdf5_file_for_each_picture(
    name: str, tmp_path: Path, picture: np.ndarray, random_weights: Path
) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    source, expected = LAYOUTS[name]
    path = write(tmp_path / "in" / source, picture)
    out = run(name, tmp_path, "--weights", str(random_weights), "--method", "Ours", "--score", "msp")
    assert [each for each in out.rglob("*") if each.is_file()] == [out / "anomaly_p/Ours" / expected]
    with h5py.File(out / "anomaly_p/Ours" / expected) as file:
        assert list(file) == ["value"]
        assert file["value"].compression == "gzip"
        value = file["value"][:]
    score = Segmenter.load(random_weights, "cpu", "fp32").scored(read_rgb(path), ["msp"]).scores["msp"]
    assert value.dtype == np.float16
    assert (value == score.astype(np.float16)).all()


def test_any_baseline_can_be_submitted(tmp_path: Path, picture: np.ndarray, cityscapes_weights: Path) -> None:
    path, statistics = write(tmp_path / "in/0007_x.png", picture), tmp_path / "fitted.safetensors"
    kept = {"mahalanobis": {"means": torch.zeros(2, 96), "whitening": torch.eye(96)[None]}}
    save_statistics(statistics, kept, Origin(weights_hash(cityscapes_weights), "none", 0, {}))
    given = ["--weights", str(cityscapes_weights), "--statistics", str(statistics)]
    out = run("fishyscapes", tmp_path, *given, "--score", "mahalanobis")
    seen = Segmenter.load(cityscapes_weights, "cpu", "fp32").see(read_rgb(path))
    distances = seen.of_cells(seen.vectors().square().sum(1))[0].numpy()  # from 0, with variance 1
    np.testing.assert_allclose(np.load(out / "0007_anomaly.npy"), distances, rtol=1e-4)
    run("fishyscapes", tmp_path, *given, "--score", "energy", "--score-setting", "energy_temperature=3")
    expected = -3 * (seen.logits / 3).logsumexp(1)[0].numpy()
    np.testing.assert_allclose(np.load(out / "0007_anomaly.npy"), expected, rtol=1e-3, atol=1e-4)


def test_statistics_that_a_score_needs_are_asked_for_before_the_work(
    tmp_path: Path, picture: np.ndarray, cityscapes_weights: Path
) -> None:
    write(tmp_path / "in/0007_x.png", picture)
    with pytest.raises(SetupError, match="score 'gmm' needs statistics"):
        run("fishyscapes", tmp_path, "--weights", str(cityscapes_weights), "--score", "gmm")
    assert not (tmp_path / "out").exists()
    with pytest.raises(SetupError, match="score 'gnn' is unknown"):
        run("fishyscapes", tmp_path, "--score", "gnn")


def test_a_score_beyond_float16_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="h5py is not installed")
    score = np.full((2, 3), 7e4, np.float32)
    found = ScoredImage({"x": score}, np.empty((0, 0), np.uint8))
    with pytest.raises(SetupError, match="p1: the score goes beyond 65504"):
        save_hdf5("AnomalyTrack-all", tmp_path, "Ours", Result("p1", found, score))
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


@pytest.fixture
def cityscapes_weights(random_weights: Path, tmp_path: Path) -> Path:
    taxonomy, path = TAXONOMIES["cityscapes"], tmp_path / "cityscapes.safetensors"
    info = replace(load_weights(random_weights)[1], classes=taxonomy.classes, palette=taxonomy.palette)
    save_weights(path, build_model("ladder_lite0", 19), info, half=False)
    return path


def test_fishyscapes_gets_score_and_classes_of_each_number(
    tmp_path: Path, picture: np.ndarray, cityscapes_weights: Path
) -> None:
    path = write(tmp_path / "in/0007_04_Weg_8_000000_000030_rgb.png", picture)
    write(tmp_path / "in/0012_bonn_rgb.png", picture[::-1])
    out = run("fishyscapes", tmp_path, "--weights", str(cityscapes_weights))
    names = {f"{number}_{kind}.npy" for number in ("0007", "0012") for kind in ("anomaly", "segmentation")}
    assert {each.name for each in out.iterdir()} == names
    expected = Segmenter.load(cityscapes_weights, "cpu", "fp32")(read_rgb(path))
    score, classes = (np.load(out / f"0007_{kind}.npy") for kind in ("anomaly", "segmentation"))
    assert (score.dtype, score.shape) == (np.float32, picture.shape[:2])
    assert (score == expected.score).all()
    assert np.issubdtype(classes.dtype, np.integer)
    assert (classes == expected.semantic).all()


def test_fishyscapes_needs_the_classes_of_cityscapes(tmp_path: Path, picture: np.ndarray, random_weights: Path) -> None:
    write(tmp_path / "in/0007_x.png", picture)
    with pytest.raises(SetupError, match="wants the 19 classes of Cityscapes, but the weights know 11"):
        run("fishyscapes", tmp_path, "--weights", str(random_weights))


def test_pictures_that_the_benchmark_cannot_tell_apart_are_refused(tmp_path: Path, picture: np.ndarray) -> None:
    write(tmp_path / "in/0007_x.png", picture)
    write(tmp_path / "in/0007_y.png", picture)
    with pytest.raises(SetupError, match="the same picture 0007"):
        run("fishyscapes", tmp_path)


def test_what_is_missing_is_named_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(SetupError, match="holds no pictures of the benchmark; looked for `NNNN_"):
        run("fishyscapes", tmp_path)
    for name in ("a/b", "..", ""):
        with pytest.raises(SetupError, match="cannot name a folder"):
            run("fishyscapes", tmp_path, "--method", name)

    def import_module(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(submit, "import_module", import_module)
    with pytest.raises(ModuleNotFoundError) as raised:
        run("smiyc-anomaly", tmp_path)
    assert raised.value.name == "h5py"
