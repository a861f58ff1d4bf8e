"""Every data set, on a miniature of its real layout: read through its adapter, mixed with others, evaluated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.batches.batches import Batches
from densehybrid_ros.training.datasets import CHECKABLE, DATASETS, labelled_set
from densehybrid_ros.training.datasets.pairs import LabelledSet
from densehybrid_ros.training.datasets.taxonomies import BINARY_CLASSES
from densehybrid_ros.training.evaluation.validate import evaluate
from densehybrid_ros.training.recipe.recipe import Recipe, SetSource


def test_every_set_has_a_miniature(miniatures: dict[str, Any]) -> None:
    assert set(CHECKABLE) == set(miniatures)


@pytest.mark.parametrize("name", DATASETS)
def test_ids_become_what_they_mean(tmp_path: Path, name: str, make: Callable[..., Any], gradient: np.ndarray) -> None:
    miniature = make(tmp_path, name)
    dataset = labelled_set(name, tmp_path, miniature.split)
    assert len(dataset) == 1
    image, labels = dataset.read(0)
    assert np.abs(image.astype(int) - gradient).max() < 40
    ids = miniature.ids
    for id_, expected in miniature.expected.items():
        assert set(np.unique(labels[ids == id_])) == {expected}, f"id {id_}"
    assert len(dataset.palette) == len(dataset.classes)
    assert set(np.unique(dataset.table)) <= {*range(len(dataset.classes) + 1), 255}


def test_vistas_is_read_as_it_is_given_out_today(
    tmp_path: Path, make: Callable[..., Any], check: Callable[..., Any]
) -> None:
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
    assert check("vistas", tmp_path, "--split", miniature.split)[0] == 0


@pytest.mark.parametrize(
    ("name", "own", "left_out", "kept"),
    [
        (
            "smiyc-lostandfound-noknown",
            "04_Maurener_Weg_8/04_Maurener_Weg_8_000000_000030",
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
            "validation_1",
            [f"validation_{number}" for number in (19, 21, 22, 23, 24, 25, 26, 27, 28, 29)],
            ["validation_2", "validation_18", "validation_20", "validation_30"],
        ),
    ],
)
def test_frames_that_the_benchmark_leaves_out_are_left_out(
    tmp_path: Path, make: Callable[..., Any], name: str, own: str, left_out: list[str], kept: list[str]
) -> None:
    miniature = make(tmp_path, name)
    for frame in [*left_out, *kept]:
        for source in (tmp_path / miniature.image, tmp_path / miniature.labels):
            copy = Path(str(source).replace(own, frame))
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    pairs = labelled_set(name, tmp_path, miniature.split).pairs
    assert {path.name for path, _ in pairs} == {
        Path(miniature.image.replace(own, frame)).name for frame in [own, *kept]
    }


@pytest.mark.parametrize("name", ["smiyc-anomaly", "smiyc-obstacle"])
def test_only_test_pictures_of_smiyc_may_be_without_labels(
    tmp_path: Path, make: Callable[..., Any], check: Callable[..., Any], name: str
) -> None:
    image = tmp_path / make(tmp_path, name).image
    (image.with_name(f"zebra0000{image.suffix}")).write_bytes(image.read_bytes())
    assert len(labelled_set(name, tmp_path, "")) == 1
    assert check(name, tmp_path, "--split", "")[0] == 0
    unlabelled = image.with_name(f"validation_40{image.suffix}")
    unlabelled.write_bytes(image.read_bytes())
    with pytest.raises(SetupError, match="validation_40_labels_semantic"):
        labelled_set(name, tmp_path, "")
    status, text = check(name, tmp_path, "--split", "")
    assert status == 1
    assert f"{unlabelled} needs it" in text
    assert "1 of 1 pictures looked at" in text


@pytest.fixture
def mix(tmp_path: Path, make: Callable[..., Any]) -> Callable[..., Recipe]:
    """mix(("vistas", 2.0), ("wilddash2", 1.0)) makes these sets and the recipe that draws from them."""

    def recipe_of(*sources: tuple[str, float]) -> Recipe:
        entries = [
            SetSource(name, str(tmp_path / name), make(tmp_path / name, name).split, weight) for name, weight in sources
        ]
        return Recipe(architecture="ldn121", train=entries, steps=4, batch=2, crop=[64, 64])

    return recipe_of


def test_sets_are_mixed_by_their_weights(mix: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch) -> None:
    batches = Batches(mix(("cityscapes", 1.0), ("vistas", 2.0), ("wilddash2", 1.0)))
    drawn: list[str] = []
    genuine = LabelledSet.read
    monkeypatch.setattr(LabelledSet, "read", lambda self, index: drawn.append(self.name) or genuine(self, index))
    for step in range(200):
        for index in range(2):
            batches._frame(step, index)
    assert len(drawn) == 400
    assert drawn.count("vistas/validation") / 400 == pytest.approx(0.5, abs=0.08)
    assert drawn.count("wilddash2") / 400 == pytest.approx(0.25, abs=0.08)


def test_sets_of_two_taxonomies_are_not_mixed(mix: Callable[..., Recipe]) -> None:
    with pytest.raises(SetupError, match="different classes"):
        Batches(mix(("cityscapes", 1.0), ("camvid", 1.0)))


def test_a_binary_set_ranks_with_any_weights_and_tells_no_iou(
    tmp_path: Path, random_weights: Path, make: Callable[..., Any]
) -> None:
    make(tmp_path, "roadanomaly")
    dataset = labelled_set("roadanomaly", tmp_path, "")
    assert dataset.classes == BINARY_CLASSES
    result = evaluate(Segmenter.load(random_weights, device="cpu"), dataset, ["hybrid"], progress=False)
    assert 0 < result.rankings["hybrid"].ap <= 1
    assert np.isnan(result.segmentation.miou)
    assert result.class_iou == {}


def test_a_set_of_other_classes_is_refused(tmp_path: Path, random_weights: Path, make: Callable[..., Any]) -> None:
    make(tmp_path, "cityscapes")
    dataset = labelled_set("cityscapes", tmp_path, "val")
    with pytest.raises(SetupError, match="the weights know 11 classes"):
        evaluate(Segmenter.load(random_weights, device="cpu"), dataset, ["hybrid"], progress=False)
