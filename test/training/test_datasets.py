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
from densehybrid_ros.training.datasets import DATASETS, EVALUATION_SPLITS, labelled_set
from densehybrid_ros.training.datasets.anomalies import BINARY_CLASSES
from densehybrid_ros.training.datasets.pairs import LabelledSet, read_rgb
from densehybrid_ros.training.recipe import Recipe, SetSource
from densehybrid_ros.training.validate import evaluate

WIDTH, HEIGHT = 24, 16
# Written out here, so that no swap in the sources passes. The 66 labels of Vistas v1.2 stand in the order of their ids.
VISTAS = {
    name: int(target)
    for name, target in (
        entry.split("=")
        for entry in [
            "animal--bird=255",
            "animal--ground-animal=255",
            "construction--barrier--curb=1",
            "construction--barrier--fence=4",
            "construction--barrier--guard-rail=4",
            "construction--barrier--other-barrier=255",
            "construction--barrier--wall=3",
            "construction--flat--bike-lane=0",
            "construction--flat--crosswalk-plain=0",
            "construction--flat--curb-cut=1",
            "construction--flat--parking=0",
            "construction--flat--pedestrian-area=1",
            "construction--flat--rail-track=0",
            "construction--flat--road=0",
            "construction--flat--service-lane=0",
            "construction--flat--sidewalk=1",
            "construction--structure--bridge=2",
            "construction--structure--building=2",
            "construction--structure--tunnel=2",
            "human--person=11",
            "human--rider--bicyclist=12",
            "human--rider--motorcyclist=12",
            "human--rider--other-rider=12",
            "marking--crosswalk-zebra=0",
            "marking--general=0",
            "nature--mountain=255",
            "nature--sand=9",
            "nature--sky=10",
            "nature--snow=9",
            "nature--terrain=9",
            "nature--vegetation=8",
            "nature--water=255",
            "object--banner=255",
            "object--bench=255",
            "object--bike-rack=255",
            "object--billboard=255",
            "object--catch-basin=255",
            "object--cctv-camera=255",
            "object--fire-hydrant=255",
            "object--junction-box=255",
            "object--mailbox=255",
            "object--manhole=255",
            "object--phone-booth=255",
            "object--pothole=255",
            "object--street-light=255",
            "object--support--pole=5",
            "object--support--traffic-sign-frame=7",
            "object--support--utility-pole=5",
            "object--traffic-light=6",
            "object--traffic-sign--back=255",
            "object--traffic-sign--front=7",
            "object--trash-can=255",
            "object--vehicle--bicycle=18",
            "object--vehicle--boat=255",
            "object--vehicle--bus=15",
            "object--vehicle--car=13",
            "object--vehicle--caravan=255",
            "object--vehicle--motorcycle=17",
            "object--vehicle--on-rails=16",
            "object--vehicle--other-vehicle=255",
            "object--vehicle--trailer=255",
            "object--vehicle--truck=14",
            "object--vehicle--wheeled-slow=255",
            "void--car-mount=255",
            "void--ego-vehicle=255",
            "void--unlabeled=255",
        ]
    )
}
CITYSCAPES_19 = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13, 27: 14, 28: 15,
    31: 16, 32: 17, 33: 18,
}  # fmt: skip
CITYSCAPES_CLASSES = [
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
]  # fmt: skip
VOID_AS_UNKNOWN = (4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30)
CAMVID_11 = {**{id_: id_ for id_ in range(11)}, 12: 11}
TABLES: dict[str, dict[int, int]] = {
    "camvid": CAMVID_11,
    "camvid-ood": CAMVID_11,
    "roadworld": CAMVID_11,
    "cityscapes": CITYSCAPES_19,
    "cityscapes-void": {**CITYSCAPES_19, **dict.fromkeys(VOID_AS_UNKNOWN, 19)},
    "vistas": {id_: target for id_, target in enumerate(VISTAS.values()) if target != 255},
    "wilddash2": {**CITYSCAPES_19, 34: 13, 35: 13, 38: 0},
    "streethazards": {1: 0, 2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 8: 6, 9: 7, 10: 8, 11: 9, 12: 10, 13: 11, 14: 12},
    "lostandfound": {1: 0, 2: 1},
    "smiyc-lostandfound-noknown": {1: 0, **dict.fromkeys(range(2, 201), 1)},
    "fishyscapes-lostandfound": {0: 0, 1: 1},
    "fishyscapes-static": {0: 0, 1: 1},
    "smiyc-anomaly": {0: 0, 1: 1},
    "smiyc-obstacle": {0: 0, 1: 1},
    "roadanomaly": {0: 0, 1: 0, 2: 1},
}
"""Id in the files → trainId; all others are ignored."""
SPLITS_TO_REPORT_ON = {
    "camvid": "val",
    "roadworld": "val",
    "cityscapes": "val",
    "cityscapes-void": "val",
    "vistas": "validation",
    "streethazards": "test",
    "lostandfound": "test",
    "smiyc-lostandfound-noknown": "test",
}
SMIYC = {"smiyc-anomaly", "smiyc-obstacle"}


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
    decoy: str = "notes.txt"
    """A file beside the picture that the set does not look at."""
    label_decoy: str = "notes.txt"


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
        decoy="foo.jpg",
    ),
    "cityscapes-void": Miniature(
        "val",
        "leftImg8bit/val/bonn/bonn_000000_000019_leftImg8bit.png",
        "gtFine/val/bonn/bonn_000000_000019_gtFine_labelIds.png",
        {**CITYSCAPES, 4: 19, 29: 19, 30: 19, 1: 255},
        decoy="foo.jpg",
    ),
    "vistas": Miniature(
        "validation",
        "validation/images/x1y2.jpg",
        "validation/labels/x1y2.png",
        {0: 255, 2: 1, 6: 3, 13: 0, 24: 0, 52: 18, 65: 255},
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
        decoy="foo.png",
    ),
    "smiyc-lostandfound-noknown": Miniature(
        "test",
        f"leftImg8bit/test/{LOST}_leftImg8bit.png",
        f"gtCoarse/test/{LOST}_gtCoarse_labelIds.png",
        {0: 255, 1: 0, 2: 1, 43: 1, 200: 1},
        decoy="foo.png",
    ),
    "fishyscapes-lostandfound": Miniature(
        "",
        f"leftImg8bit/train/{LOST}_leftImg8bit.png",
        "fishyscapes_lostandfound/0000_04_Maurener_Weg_8_000000_000030_labels.png",
        BINARY,
        label_decoy="foo.png",
    ),
    "fishyscapes-static": Miniature("", "0003_bonn_rgb.npz", "0003_bonn_labels.png", BINARY, decoy="foo.npz"),
    "smiyc-anomaly": Miniature(
        "",
        "dataset_AnomalyTrack/images/validation0001.jpg",
        "dataset_AnomalyTrack/labels_masks/validation0001_labels_semantic.png",
        BINARY,
        decoy="zebra0001.jpg",
    ),
    "smiyc-obstacle": Miniature(
        "",
        "dataset_ObstacleTrack/images/validation_1.webp",
        "dataset_ObstacleTrack/labels_masks/validation_1_labels_semantic.png",
        BINARY,
        decoy="curvy-street_1.webp",
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
        (root / "config.json").write_text(json.dumps({"labels": [{"name": each} for each in VISTAS]}))
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


@pytest.mark.parametrize("name", DATASETS)
def test_every_id_goes_where_the_documentation_says(tmp_path: Path, name: str) -> None:
    table = labelled_set(name, tmp_path, make(tmp_path, name).split).table
    assert {id_: int(target) for id_, target in enumerate(table) if target != 255} == TABLES[name]


@pytest.mark.parametrize("name", ["cityscapes", "cityscapes-void", "vistas", "wilddash2"])
def test_the_19_classes_stand_in_their_order(tmp_path: Path, name: str) -> None:
    assert labelled_set(name, tmp_path, make(tmp_path, name).split).classes == CITYSCAPES_CLASSES


def test_splits_to_report_on_are_those_of_the_protocols() -> None:
    assert EVALUATION_SPLITS == SPLITS_TO_REPORT_ON


@pytest.mark.parametrize("name", MINIATURES)
def test_missing_labels_are_named(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    miniature = make(tmp_path, name)
    labels = tmp_path / miniature.labels
    labels.unlink()
    status, text = run_check(name, tmp_path, capsys)
    assert status == 1
    if name == "fishyscapes-lostandfound":  # its labels say which pictures of LostAndFound belong to it
        wanted, refused = "no picture with labels", "no picture with labels"
    else:
        wanted = f"problem   {labels} is missing; {tmp_path / miniature.image} needs it"
        refused = f"1 of 1 pairs of picture and labels lack a half; the first is {labels}"
    assert wanted in text
    if name in DATASETS:
        with pytest.raises(SetupError, match=refused):
            labelled_set(name, tmp_path, miniature.split)


@pytest.mark.parametrize("name", MINIATURES)
def test_labels_without_a_picture_are_named(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    miniature = make(tmp_path, name)
    (tmp_path / miniature.image).unlink()
    status, text = run_check(name, tmp_path, capsys)
    assert status == 1
    if name == "fishyscapes-lostandfound":
        assert f"{Path(miniature.image).name} is missing; {tmp_path / miniature.labels} needs it" in text
        with pytest.raises(SetupError, match=Path(miniature.image).name):
            labelled_set(name, tmp_path, "")
    else:
        assert f"problem   {tmp_path / miniature.labels} are labels without a picture" in text


@pytest.mark.parametrize("name", DATASETS)
def test_missing_folders_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SetupError, match=rf"{tmp_path / 'nowhere'}.* does not exist"):
        labelled_set(name, tmp_path / "nowhere", MINIATURES[name].split)


@pytest.mark.parametrize("name", MINIATURES)
def test_sets_without_files_of_theirs_are_refused(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    miniature = make(tmp_path, name)
    image, labels = tmp_path / miniature.image, tmp_path / miniature.labels
    image.rename(image.with_name(miniature.decoy))
    labels.rename(labels.with_name(miniature.label_decoy))
    status, text = run_check(name, tmp_path, capsys)
    assert status == 1
    assert "problem   no picture with labels; looked for " in text
    if name in DATASETS:
        with pytest.raises(SetupError, match=r"no picture with labels; looked for .*\*"):
            labelled_set(name, tmp_path, miniature.split)


@pytest.mark.parametrize("name", [name for name in DATASETS if name not in SPLITS_TO_REPORT_ON])
def test_splits_of_sets_without_splits_are_refused(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    with pytest.raises(SetupError, match=f"data set {name} has no splits, but 'train' was asked for"):
        labelled_set(name, tmp_path, "train")
    with pytest.raises(SetupError, match="has no splits"):
        check_data.main([name, str(tmp_path), "--split", "train"])


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


def test_both_towns_of_the_streethazards_test_are_needed(tmp_path: Path) -> None:
    make(tmp_path, "streethazards")
    with pytest.raises(SetupError, match=r"images/test/t6 does not exist"):
        labelled_set("streethazards", tmp_path, "test")


def test_vistas_is_read_as_it_is_given_out_today(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    miniature = make(tmp_path, "vistas")
    _, labels = labelled_set("vistas", tmp_path, "validation").read(0)
    (tmp_path / "config.json").rename(tmp_path / "config_v1.2.json")
    (tmp_path / "validation/v1.2").mkdir()
    (tmp_path / "validation/labels").rename(tmp_path / "validation/v1.2/labels")
    today = labelled_set("vistas", tmp_path, "validation")
    assert [path.relative_to(tmp_path).as_posix() for pair in today.pairs for path in pair] == [
        miniature.image,
        "validation/v1.2/labels/x1y2.png",
    ]
    assert np.array_equal(today.read(0)[1], labels)
    assert run_check("vistas", tmp_path, capsys)[0] == 0


@pytest.mark.parametrize(
    ("name", "left_out", "kept"),
    [
        (
            "smiyc-lostandfound-noknown",
            [
                "15_Rechbergstr_Deckenpfronn/15_Rechbergstr_Deckenpfronn_000001_000010",
                "01_Hanns_Klemm_Str_45/01_Hanns_Klemm_Str_45_000006_000010",
                "01_Hanns_Klemm_Str_45/01_Hanns_Klemm_Str_45_000007_000010",
                "10_Schlossberg_9/10_Schlossberg_9_000004_000010",
            ],
            [
                "01_Hanns_Klemm_Str_45/01_Hanns_Klemm_Str_45_000008_000010",
                "10_Schlossberg_9/10_Schlossberg_9_000003_000010",
                "15_Other_Str/15_Other_Str_000001_000010",
            ],
        ),
        (
            "smiyc-obstacle",
            [f"validation_{number}" for number in (19, 21, 22, 23, 24, 25, 26, 27, 28, 29)],
            ["validation_2", "validation_18", "validation_20", "validation_30"],
        ),
    ],
)
def test_frames_that_the_benchmark_leaves_out_are_left_out(
    tmp_path: Path, name: str, left_out: list[str], kept: list[str]
) -> None:
    miniature = make(tmp_path, name)
    own = LOST if LOST in miniature.image else "validation_1"
    for frame in [*left_out, *kept]:
        for source in (tmp_path / miniature.image, tmp_path / miniature.labels):
            copy = Path(str(source).replace(own, frame))
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    pairs = labelled_set(name, tmp_path, miniature.split).pairs
    assert {path.name for path, _ in pairs} == {
        Path(miniature.image.replace(own, frame)).name for frame in [own, *kept]
    }


@pytest.mark.parametrize("name", SMIYC)
def test_only_test_pictures_of_smiyc_may_be_without_labels(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / make(tmp_path, name).image
    (image.with_name(f"zebra0000{image.suffix}")).write_bytes(image.read_bytes())
    assert len(labelled_set(name, tmp_path, "")) == 1
    assert run_check(name, tmp_path, capsys)[0] == 0
    unlabelled = image.with_name(f"validation_40{image.suffix}")
    unlabelled.write_bytes(image.read_bytes())
    with pytest.raises(SetupError, match="validation_40_labels_semantic"):
        labelled_set(name, tmp_path, "")
    status, text = run_check(name, tmp_path, capsys)
    assert status == 1
    assert f"{unlabelled} needs it" in text
    assert "1 of 1 pictures looked at" in text


def jpeg_of(path: Path, **options: object) -> bytes:
    """Written by Pillow, which writes what OpenCV does not."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image.fromarray(np.tile(picture(), (8, 8, 1))).save(path, format="JPEG", **options)
    return path.read_bytes()


@pytest.mark.parametrize("progressive", [False, True])
def test_cut_off_jpegs_are_refused(tmp_path: Path, progressive: bool) -> None:
    path = tmp_path / "a.jpg"
    thumbnail = b"\xff\xd8 the thumbnail's own end: \xff\xd9"
    whole = jpeg_of(path, progressive=progressive, comment=thumbnail, quality=100)
    assert read_rgb(path).shape == (8 * HEIGHT, 8 * WIDTH, 3)
    path.write_bytes(whole + b"\xff\xda bytes that a camera appends")
    assert read_rgb(path).shape == (8 * HEIGHT, 8 * WIDTH, 3)
    for length in (len(whole) // 2, len(whole) - 40, len(whole) - 2):
        path.write_bytes(whole[:length])
        with pytest.raises(SetupError, match=rf"a\.jpg is cut off: {length} bytes"):
            read_rgb(path)
    path.write_bytes(whole[:-40] + bytes(4000))
    with pytest.raises(SetupError, match="cut off"):
        read_rgb(path)


def test_empty_and_absent_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"a\.jpg cannot be read"):
        read_rgb(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").touch()
    with pytest.raises(SetupError, match=r"a\.jpg cannot be read as a picture"):
        read_rgb(tmp_path / "a.jpg")


def test_an_orientation_in_the_file_turns_no_picture(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    exif = image.Exif()
    exif[0x0112] = 6
    jpeg_of(tmp_path / "turned.jpg", exif=exif, quality=100)
    jpeg_of(tmp_path / "plain.jpg", quality=100)
    assert np.array_equal(read_rgb(tmp_path / "turned.jpg"), read_rgb(tmp_path / "plain.jpg"))


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
