"""Every data set, on a miniature of its real layout: read through its adapter, checked, and spoilt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.training import check_data
from densehybrid_ros.training.batches import Batches
from densehybrid_ros.training.datasets import DATASETS, labelled_set
from densehybrid_ros.training.datasets.anomalies import BINARY_CLASSES
from densehybrid_ros.training.datasets.pairs import LabelledSet
from densehybrid_ros.training.datasets.vistas import SOURCES
from densehybrid_ros.training.recipe import Recipe, SetSource
from densehybrid_ros.training.validate import evaluate

WIDTH, HEIGHT = 24, 16
VISTAS_NAMES = [source for sources in SOURCES.values() for source in sources] + ["void--unlabeled"]


@dataclass(frozen=True)
class Miniature:
    """How one pair of a set is laid out, and what its ids mean."""

    split: str
    image: str
    labels: str
    expected: dict[int, int]
    """Some ids in the file → what the adapter makes of them."""
    foreign: int | None = 250
    """An id that the set does not have."""
    palette: bool = False


CAMVID = {0: 0, 3: 3, 10: 10, 11: 255, 12: 11}
CITYSCAPES = {0: 255, 7: 0, 8: 1, 11: 2, 26: 13, 29: 255, 33: 18}
BINARY = {0: 0, 1: 1, 255: 255}
LOST = "04_Maurener_Weg_8/04_Maurener_Weg_8_000000_000030"
MINIATURES: dict[str, Miniature] = {
    "camvid": Miniature("val", "images/val/a_1.jpg", "labels/val/a_1.png", CAMVID),
    "camvid-ood": Miniature("", "images/a_1.jpg", "labels/a_1.png", CAMVID),
    "roadworld": Miniature("train", "images/train/a_1.jpg", "labels/train/a_1.png", CAMVID),
    "cityscapes": Miniature(
        "val",
        "leftImg8bit/val/bonn/bonn_000000_000019_leftImg8bit.png",
        "gtFine/val/bonn/bonn_000000_000019_gtFine_labelIds.png",
        CITYSCAPES,
    ),
    "cityscapes-void": Miniature(
        "val",
        "leftImg8bit/val/bonn/bonn_000000_000019_leftImg8bit.png",
        "gtFine/val/bonn/bonn_000000_000019_gtFine_labelIds.png",
        {**CITYSCAPES, 4: 19, 29: 19, 30: 19, 1: 255},
    ),
    "vistas": Miniature(
        "validation",
        "validation/images/x1y2.jpg",
        "validation/labels/x1y2.png",
        {0: 0, 7: 0, 8: 1, 15: 3, len(VISTAS_NAMES) - 1: 255, len(VISTAS_NAMES) - 2: 18},
        palette=True,
    ),
    "wilddash2": Miniature(
        "", "images/ar0001_100000.jpg", "labels/ar0001_100000.png", {7: 0, 34: 13, 35: 13, 38: 0, 36: 255, 33: 18}
    ),
    "streethazards": Miniature(
        "t5",
        "test/images/test/t5/300.png",
        "test/annotations/test/t5/300.png",
        {1: 0, 3: 2, 4: 255, 5: 3, 13: 11, 14: 12},
        foreign=0,
    ),
    "lostandfound": Miniature(
        "test",
        f"leftImg8bit/test/{LOST}_leftImg8bit.png",
        f"gtCoarse/test/{LOST}_gtCoarse_labelTrainIds.png",
        {255: 255, 1: 0, 2: 1, 0: 255},
    ),
    "smiyc-lostandfound-noknown": Miniature(
        "test",
        f"leftImg8bit/test/{LOST}_leftImg8bit.png",
        f"gtCoarse/test/{LOST}_gtCoarse_labelIds.png",
        {0: 255, 1: 0, 2: 1, 43: 1, 200: 1},
    ),
    "fishyscapes-lostandfound": Miniature(
        "",
        f"leftImg8bit/train/{LOST}_leftImg8bit.png",
        "fishyscapes_lostandfound/0000_04_Maurener_Weg_8_000000_000030_labels.png",
        BINARY,
    ),
    "fishyscapes-static": Miniature("", "0003_bonn_rgb.npz", "0003_bonn_labels.png", BINARY),
    "smiyc-anomaly": Miniature(
        "",
        "dataset_AnomalyTrack/images/validation0001.jpg",
        "dataset_AnomalyTrack/labels_masks/validation0001_labels_semantic.png",
        BINARY,
    ),
    "smiyc-obstacle": Miniature(
        "",
        "dataset_ObstacleTrack/images/validation_1.webp",
        "dataset_ObstacleTrack/labels_masks/validation_1_labels_semantic.png",
        BINARY,
    ),
    "roadanomaly": Miniature(
        "", "frames/animals01.jpg", "frames/animals01.labels/labels_semantic.png", {0: 0, 2: 1, 255: 255}
    ),
    "ade20k": Miniature(
        "validation", "images/validation/a_1.jpg", "annotations/validation/a_1.png", {0: 255, 7: 255}, foreign=None
    ),
}


def ids_of(miniature: Miniature) -> np.ndarray:
    """Vertical stripes, one for each id."""
    ids = np.array(list(miniature.expected), np.uint8)
    return np.repeat(ids[np.arange(WIDTH) * len(ids) // WIDTH][None], HEIGHT, 0)


def picture() -> np.ndarray:
    """RGB, smooth, so that JPEG keeps it."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([rows * 10, columns * 8, 0 * rows + 90], -1).astype(np.uint8)


def write_labels(path: Path, labels: np.ndarray, palette: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not palette:
        cv2.imwrite(str(path), labels)
        return
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed").fromarray(labels)
    image.putpalette([value for index in range(256) for value in (index, 255 - index, 7)])
    image.save(path)


def make(root: Path, name: str) -> Miniature:
    miniature = MINIATURES[name]
    path = root / miniature.image
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        np.savez(path, picture())
    else:
        cv2.imwrite(str(path), picture()[..., ::-1])
    write_labels(root / miniature.labels, ids_of(miniature), miniature.palette)
    if name == "vistas":
        (root / "config.json").write_text(json.dumps({"labels": [{"name": each} for each in VISTAS_NAMES]}))
    return miniature


def run_check(name: str, root: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        check_data.main([name, str(root), "--split", MINIATURES[name].split, *options])
    return int(str(ended.value.code)), capsys.readouterr().out


def test_every_set_has_a_miniature() -> None:
    assert {*DATASETS, check_data.NEGATIVES} == set(MINIATURES)


@pytest.mark.parametrize("name", DATASETS)
def test_ids_become_what_they_mean(tmp_path: Path, name: str) -> None:
    miniature = make(tmp_path, name)
    dataset = labelled_set(name, tmp_path, miniature.split)
    assert len(dataset) == 1
    image, labels = dataset.read(0)
    assert np.abs(image.astype(int) - picture()).max() < 40
    ids = ids_of(miniature)
    for id_, expected in miniature.expected.items():
        assert set(np.unique(labels[ids == id_])) == {expected}, f"id {id_}"
    assert len(dataset.palette) == len(dataset.classes)
    assert set(np.unique(dataset.table)) <= {*range(len(dataset.classes) + 1), 255}


@pytest.mark.parametrize("name", MINIATURES)
def test_a_sound_set_has_no_problems(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, name)
    status, text = run_check(name, tmp_path, capsys)
    assert status == 0
    assert "1 of 1 pictures" in text
    assert f"{WIDTH}x{HEIGHT} (1)" in text
    assert text.endswith("no problems\n")


@pytest.mark.parametrize("name", MINIATURES)
def test_missing_labels_and_folders_are_named(tmp_path: Path, name: str) -> None:
    miniature = make(tmp_path, name)
    (tmp_path / miniature.labels).unlink()
    with pytest.raises(SetupError):
        check_data.set_to_check(name, tmp_path, miniature.split)
    with pytest.raises(SetupError):
        check_data.set_to_check(name, tmp_path / "nowhere", miniature.split)


@pytest.mark.parametrize("name", MINIATURES)
def test_spoilt_files_are_named(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    miniature = make(tmp_path, name)
    write_labels(tmp_path / miniature.labels, ids_of(miniature)[:-2], miniature.palette)
    status, text = run_check(name, tmp_path, capsys)
    assert status == 1
    assert f"is {WIDTH}x{HEIGHT}, its labels {WIDTH}x{HEIGHT - 2}" in text
    if miniature.foreign is not None:
        labels = ids_of(miniature)
        labels[:3, :5] = miniature.foreign
        write_labels(tmp_path / miniature.labels, labels, miniature.palette)
        status, text = run_check(name, tmp_path, capsys)
        assert status == 1
        assert f"[{miniature.foreign}], 15 pixels" in text
    (tmp_path / miniature.labels).write_bytes(b"no picture")
    status, text = run_check(name, tmp_path, capsys)
    assert status == 1
    assert "cannot be read as an 8-bit label picture" in text
    assert Path(miniature.labels).name in text
    make(tmp_path, name)
    (tmp_path / miniature.image).write_bytes(b"no picture")
    status, text = run_check(name, tmp_path, capsys)
    assert status == 1
    assert Path(miniature.image).name in text


def test_classes_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, "camvid-ood")
    _, text = run_check("camvid-ood", tmp_path, capsys)
    shares = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if "% of pixels" in line}
    assert shares["road"] > 15
    assert shares["unknown"] > 15
    assert shares["ignored"] > 15
    assert shares["car"] == 0
    assert sum(shares.values()) == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "does not exist"), ("{}", "is not"), ('{"labels": []}', "lacks")]
)
def test_vistas_needs_its_config(tmp_path: Path, content: str | None, problem: str) -> None:
    make(tmp_path, "vistas")
    (tmp_path / "config.json").unlink()
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(SetupError, match=problem):
        labelled_set("vistas", tmp_path, "validation")


def test_wrong_splits_list_the_choices(tmp_path: Path) -> None:
    make(tmp_path, "streethazards")
    with pytest.raises(SetupError, match="choose one of training, validation"):
        labelled_set("streethazards", tmp_path, "val")
    make(tmp_path, "wilddash2")
    with pytest.raises(SetupError, match="has no split 'train'"):
        labelled_set("wilddash2", tmp_path, "train")


def mixed(tmp_path: Path, *sources: tuple[str, float]) -> Recipe:
    entries: list[SetSource] = []
    for name, weight in sources:
        make(tmp_path / name, name)
        entries.append(SetSource(name, str(tmp_path / name), MINIATURES[name].split, weight))
    return Recipe(architecture="ldn121", train=entries, steps=4, batch=2, crop=[64, 64])


def test_sets_are_mixed_by_their_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = mixed(tmp_path, ("cityscapes", 1.0), ("vistas", 2.0), ("wilddash2", 1.0))
    batches = Batches(recipe)
    drawn: list[str] = []
    genuine = LabelledSet.read
    monkeypatch.setattr(LabelledSet, "read", lambda self, index: drawn.append(self.name) or genuine(self, index))
    for step in range(200):
        for index in range(2):
            batches._frame(step, index)
    assert len(drawn) == 400
    assert drawn.count("vistas/validation") / 400 == pytest.approx(0.5, abs=0.08)
    assert drawn.count("wilddash2") / 400 == pytest.approx(0.25, abs=0.08)


def test_sets_of_two_taxonomies_are_not_mixed(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="different classes"):
        Batches(mixed(tmp_path, ("cityscapes", 1.0), ("camvid", 1.0)))


def test_a_binary_set_ranks_with_any_weights_and_tells_no_iou(tmp_path: Path, random_weights: Path) -> None:
    make(tmp_path, "roadanomaly")
    dataset = labelled_set("roadanomaly", tmp_path, "")
    assert dataset.classes == BINARY_CLASSES
    result = evaluate(Segmenter.load(random_weights, device="cpu"), dataset, ["hybrid"], progress=False)
    assert 0 < result.rankings["hybrid"].ap <= 1
    assert np.isnan(result.mean_iou)
    assert result.class_iou == {}


def test_a_set_of_other_classes_is_refused(tmp_path: Path, random_weights: Path) -> None:
    make(tmp_path, "cityscapes")
    dataset = labelled_set("cityscapes", tmp_path, "val")
    with pytest.raises(SetupError, match="the weights know 11 classes"):
        evaluate(Segmenter.load(random_weights, device="cpu"), dataset, ["hybrid"], progress=False)


@pytest.mark.parametrize(
    ("name", "folder"), [("camvid", "camvid"), ("camvid-ood", "camvid_ood"), ("ade20k", "negatives")]
)
def test_the_real_data_at_hand_have_no_problems(
    shared_data: Path, name: str, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        check_data.main([name, str(shared_data / folder), "--every", "20"])
    assert ended.value.code == 0, capsys.readouterr().out
