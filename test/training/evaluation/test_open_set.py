"""StreetHazards' protocol on three pictures whose logits are written down, so that every figure is worked by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
import torch

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import load_weights
from densehybrid_ros.taxonomies import STREETHAZARDS_12
from densehybrid_ros.training.batches.negative_set import NegativeSet
from densehybrid_ros.training.datasets import DATASETS, labelled_set
from densehybrid_ros.training.evaluation.open_set import halves_of
from densehybrid_ros.training.evaluation.pasted_set import PastedSet
from densehybrid_ros.training.evaluation.protocols import protocol_of
from densehybrid_ros.training.evaluation.task import Report, Task

STREETHAZARDS = DATASETS["streethazards"]
BUILDING, ROAD = 1, 6
FILE_BUILDING, FILE_OTHER, FILE_ROAD, FILE_ANOMALY = 2, 4, 8, 14
TOWNS = {
    "t5/1": [(FILE_ROAD, ROAD, 8), (FILE_BUILDING, BUILDING, 5), (FILE_ANOMALY, ROAD, 2), (FILE_ANOMALY, BUILDING, 4)],
    "t6/1": [(FILE_ROAD, ROAD, 9), (FILE_BUILDING, ROAD, 3), (FILE_ANOMALY, BUILDING, 5), (FILE_ANOMALY, ROAD, 1)],
    "t6/2": [(FILE_ROAD, ROAD, 3.5), (FILE_BUILDING, BUILDING, 7), (FILE_ANOMALY, ROAD, 0), (FILE_OTHER, ROAD, -3)],
}
"""Town and picture → stripes: id in the file, class that is seen, its logit."""
STRIPES = [stripe for stripes in TOWNS.values() for stripe in stripes]
SIDE = 32
"""px of a stripe."""
T5 = {"closed_miou": 1, "open_miou": (1 + 0) / 2, "gap": 1 - 1 / 2, "mean_f1": (1 + 0 + 4 / 5) / 3}
"""Anomalies of t6 have scores −5, −1 and 0 (minus the greatest logit): all are needed for 95 %, so the threshold is −5.
By it both anomalies of t5 are found, and the building, whose score is just that."""
T6 = {
    "closed_miou": (2 / 3 + 1 / 2) / 2,
    "open_miou": (1 / 2 + 1 / 3) / 2,
    "gap": 7 / 12 - 5 / 12,
    "mean_f1": (2 / 3 + 2 / 4 + 4 / 7) / 3,
}
"""The threshold of t5 is −4. Road: one hit, one taken for unknown. Building: one hit, one taken for unknown, and an
anomaly seen as building. Unknown: two hits, one miss, two false alarms."""


class WrittenDown(torch.nn.Module):
    """A network that answers a picture whose red channel numbers the stripes."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        place = (images[:, 0] * 255).round().long()
        logits = torch.full((len(STRIPES), len(STREETHAZARDS_12.classes)), -20.0)
        for number, (_, seen, logit) in enumerate(STRIPES):
            logits[number, seen] = logit
        return logits[place].permute(0, 3, 1, 2), torch.zeros(len(images), 2, *images.shape[2:])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    number = 0
    for name, stripes in TOWNS.items():
        columns = np.repeat(np.arange(number, number + len(stripes)), SIDE)
        number += len(stripes)
        picture = np.zeros((SIDE, columns.size, 3), np.uint8)
        picture[..., 2] = columns
        labels = np.tile(np.repeat([file_id for file_id, _, _ in stripes], SIDE), (SIDE, 1)).astype(np.uint8)
        for kind, content in (("images", picture), ("annotations", labels)):
            path = tmp_path / f"test/{kind}/test/{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), content)
    return tmp_path


@pytest.fixture
def segmenter(random_weights: Path) -> Segmenter:
    taxonomy = STREETHAZARDS_12
    info = replace(load_weights(random_weights)[1], classes=taxonomy.classes, palette=taxonomy.palette, calibration={})
    return Segmenter(WrittenDown(), info, torch.device("cpu"), torch.float32, 0)


def examined(root: Path, segmenter: Segmenter, **options: object) -> Report:
    task = replace(Task(STREETHAZARDS, ["max_logit"], root=root), **options)
    task.__dict__["segmenter"] = segmenter  # as if it had been loaded
    return protocol_of(task).examine(task)


def in_percent(figures: dict[str, float]) -> dict[str, float]:
    return {name: pytest.approx(100 * value, abs=0.005) for name, value in figures.items()}


def test_each_town_has_the_threshold_of_the_other_and_weighs_as_many_pictures(root: Path, segmenter: Segmenter) -> None:
    report = examined(root, segmenter)
    found = report.figures["open_set"]["max_logit"]
    assert found["folds"] == [
        {"name": "t5", "pictures": 1, "threshold": -5, **in_percent(T5)},
        {"name": "t6", "pictures": 2, "threshold": -4, **in_percent(T6)},
    ]
    whole = {name: (T5[name] + 2 * T6[name]) / 3 for name in T5}
    assert {name: found[name] for name in whole} == in_percent(whole)
    lines = report.text.splitlines()
    assert [line.split()[0] for line in lines[-3:]] == ["max_logit", "t5", "t6"]
    assert lines[-3].split()[1:] == ["both", "3", "72.22", "44.44", "27.78", f"{100 * whole['mean_f1']:.2f}"]


def test_pictures_are_ranked_one_by_one(root: Path, segmenter: Segmenter) -> None:
    """In the second an inlier is between the two anomalies."""
    figures = examined(root, segmenter).figures["scores"]["max_logit"]
    assert figures["ap"] == pytest.approx(100 * (1 + (1 + 2 / 3) / 2 + 1) / 3, abs=0.005)
    assert figures["fpr95"] == pytest.approx(100 * (0 + 1 / 2 + 0) / 3, abs=0.005)


def test_pictures_of_other_sets_are_ranked_together_or_one_by_one(root: Path, segmenter: Segmenter) -> None:
    """Anomalies score 0, −1, −2, −4 and −5; together, inliers −3 and −3.5 are between them, and one is at −5."""
    pooled = replace(STREETHAZARDS, protocol="pooled")
    together = examined(root, segmenter, dataset=pooled)
    ap = 100 * (3 + 4 / 6 + 5 / 8) / 5
    assert together.figures["scores"]["max_logit"]["ap"] == pytest.approx(ap, abs=0.005)
    single = examined(root, segmenter, dataset=pooled, per_picture=True)
    own = examined(root, segmenter)
    assert single.figures["scores"] == own.figures["scores"] != together.figures["scores"]
    assert single.figures["open_set"] == own.figures["open_set"] == together.figures["open_set"]
    assert single.text.startswith("streethazards, by picture, weights")
    assert examined(root, segmenter, per_picture=True).figures["scores"] == own.figures["scores"]


def test_sets_with_a_protocol_of_their_own_are_not_ranked_one_by_one() -> None:
    with pytest.raises(SetupError, match=r"--per-picture: lostandfound has a protocol of its own \(by-range\)"):
        protocol_of(Task(DATASETS["lostandfound"], ["max_logit"], per_picture=True))


def test_without_anomalies_in_one_half_nothing_is_said_of_the_open_set(root: Path, segmenter: Segmenter) -> None:
    for path in (root / "test/annotations/test/t5").iterdir():
        cv2.imwrite(str(path), np.full((SIDE, 4 * SIDE), FILE_ROAD, np.uint8))
    assert "open_set" not in examined(root, segmenter).figures


def test_the_open_set_is_left_out_where_it_is_not_asked_for(root: Path, segmenter: Segmenter) -> None:
    for options in ({"open_set": False}, {"segmentation": False}):
        report = examined(root, segmenter, **options)
        assert "open_set" not in report.figures
        assert "open-mIoU" not in report.text


def test_sets_without_two_folders_are_cut_in_the_middle(root: Path) -> None:
    both = halves_of(labelled_set("streethazards", root, "test"))
    assert (both.names, both.of) == (("t5", "t6"), (0, 1, 1))
    alone = halves_of(labelled_set("streethazards", root, "t6"))
    assert (alone.names, alone.of) == (("first half", "second half"), (0, 1))


def test_a_set_with_pasted_negatives_has_the_folders_of_its_own_pictures(root: Path) -> None:
    source = labelled_set("streethazards", root, "test")
    assert halves_of(PastedSet(source, cast(NegativeSet, None))) == halves_of(source)


def test_every_figure_has_an_interval_and_the_same_one_each_time(root: Path, segmenter: Segmenter) -> None:
    """Of three pictures one alone is drawn once in 27 times, so ends are those of single pictures."""
    options = {"intervals": 2000, "fpr_at": (0.95,), "components": True}
    report = examined(root, segmenter, **options)
    intervals = report.figures["intervals"]
    assert (intervals["level"], intervals["drawn"]) == (0.95, 2000)
    assert intervals["scores"]["max_logit"]["ap"] == [83.33, 100.0]
    assert intervals["scores"]["max_logit"]["fpr95"] == [0.0, 50.0]
    assert intervals["open_set"]["max_logit"]["open_miou"] == [41.67, 50.0]
    assert intervals["miou"] == [25.0, 100.0]
    assert intervals["iou"]["road"] == [50.0, 100.0]
    assert intervals["iou"]["sky"] == [None, None]
    assert intervals["components"]["max_logit"].keys() == {"pixel_f1", "siou", "ppv", "f1"}
    assert intervals["components"]["max_logit"]["pixel_f1"] == intervals["fpr_at"]["max_logit"]["f1"]
    assert intervals["fpr_at"]["max_logit"]["fpr"]["0.95"].keys() == {"at_least", "strict", "nearest"}
    assert f"{report.figures['scores']['max_logit']['ap']:.2f} [83.33, 100.00]" in report.text
    assert report == examined(root, segmenter, **options)
