"""Every data set, on a miniature of its real layout: read through its adapter, mixed with others, evaluated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import WeightsInfo
from densehybrid_ros.taxonomies import BINARY_CLASSES, CAMVID_11, CITYSCAPES_19
from densehybrid_ros.training.batches.batches import Batches
from densehybrid_ros.training.datasets import CHECKABLE, DATASETS, labelled_set
from densehybrid_ros.training.datasets.pairs import LabelledSet
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


def test_sets_of_two_taxonomies_are_mixed_in_the_classes_of_one(mix: Callable[..., Recipe]) -> None:
    recipe = mix(("cityscapes", 1.0), ("camvid", 3.0))
    recipe.train[1] = replace(recipe.train[1], classes="cityscapes")
    batches = Batches(recipe)
    assert batches.classes == CITYSCAPES_19.classes
    road, pavement, tree, bicyclist, void = 3, 4, 5, 10, 11
    assert [int(batches.sets[1].table[id_]) for id_ in (road, pavement, tree, bicyclist, void)] == [0, 1, 8, 254, 255]
    labels, dataset = (np.concatenate([np.unique(batches[step][part]) for step in range(8)]) for part in (1, 2))
    assert set(labels) <= {*range(19), 255}, "what is known without a class is nothing to the classifier"
    assert set(dataset) == {0, 1, 255}


def test_void_that_a_set_knows_is_an_inlier_without_a_class(tmp_path: Path, make: Callable[..., Any]) -> None:
    """The own bonnet (1) and parking (9) are known, static things (4) may be obstacles."""
    split = make(tmp_path, "cityscapes").split
    for known_void, expected in ((False, [255, 255, 255, 0]), (True, [254, 254, 255, 0])):
        table = labelled_set("cityscapes", tmp_path, split, known_void=known_void).table
        assert table[[1, 9, 4, 7]].tolist() == expected
    with pytest.raises(SetupError, match="cityscapes-void labels no known kinds of void"):
        labelled_set("cityscapes-void", tmp_path, split, known_void=True)


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


class SeesTrucks(torch.nn.Module):
    """A network that takes everything for a truck."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        truck = torch.tensor(CITYSCAPES_19.classes.index("truck"))
        cells = images[:, :1, ::4, ::4]
        return torch.nn.functional.one_hot(truck, 19).view(1, 19, 1, 1) + 0 * cells, 0 * cells.repeat(1, 2, 1, 1)


def test_weights_of_finer_classes_are_judged_in_those_of_the_set(tmp_path: Path, make: Callable[..., Any]) -> None:
    """A network that sees nothing but trucks, which are cars in CamVid."""
    miniature = make(tmp_path, "camvid")
    info = WeightsInfo("ladder_lite0", CITYSCAPES_19.classes, CITYSCAPES_19.palette, "none", 0, 0.0)
    segmenter = Segmenter(SeesTrucks(), info, torch.device("cpu"), torch.float32, 0)
    dataset = labelled_set("camvid", tmp_path, miniature.split)
    truth = dataset.read(0)[1]
    cars, known = np.count_nonzero(truth == 8), np.count_nonzero(truth < 11)
    found = evaluate(segmenter, dataset, ["hybrid"], progress=False).class_iou
    assert found["car"] == pytest.approx(cars / known)
    assert list(found) == CAMVID_11.classes


def test_a_set_of_other_classes_is_refused(tmp_path: Path, random_weights: Path, make: Callable[..., Any]) -> None:
    make(tmp_path, "cityscapes")
    dataset = labelled_set("cityscapes", tmp_path, "val")
    with pytest.raises(SetupError, match="the weights know 11 classes"):
        evaluate(Segmenter.load(random_weights, device="cpu"), dataset, ["hybrid"], progress=False)
