"""densehybrid check-data on sound sets, on several splits, on several faults at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.commands import check_data
from densehybrid_ros.training.datasets import CHECKABLE
from densehybrid_ros.training.datasets.dataset import DataSet

WIDTH, HEIGHT = 64, 48


def write_pair(image: Path, labels: Path) -> None:
    rng = np.random.default_rng(5)
    for path, pixels in ((image, rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)), (labels, None)):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((HEIGHT, WIDTH), 3, np.uint8) if pixels is None else pixels)


def write_camvid(root: Path, split: str, count: int, annotations: str = "labels") -> None:
    for number in range(count):
        write_pair(root / f"images/{split}/{number}.jpg", root / f"{annotations}/{split}/{number}.png")


def problems_of(lines: list[str]) -> list[str]:
    return [line.removeprefix("problem   ") for line in lines if line.startswith("problem ")]


@pytest.mark.parametrize(
    ("name", "annotations", "first", "second", "absent"),
    [("camvid", "labels", "train", "val", "test"), ("ade20k", "annotations", "training", "validation", "none")],
)
def test_without_a_split_all_that_are_there_are_checked(
    tmp_path: Path,
    check: Callable[..., Any],
    name: str,
    annotations: str,
    first: str,
    second: str,
    absent: str,
) -> None:
    write_camvid(tmp_path, first, 2, annotations)
    write_camvid(tmp_path, second, 3, annotations)
    status, text = check(name, tmp_path)
    assert status == 0
    lines = text.splitlines()
    assert lines[0] == f"{name}: found {first}, {second}; not there: {absent}"
    assert f"{name}/{first}: 2 of 2 pictures looked at" in lines
    assert f"{name}/{second}: 3 of 3 pictures looked at" in lines
    assert lines[-1] == f"{name}: no problems in 2 splits"
    (tmp_path / f"{annotations}/{second}/1.png").write_bytes(b"no picture")
    status, text = check(name, tmp_path)
    assert status == 1
    lines = text.splitlines()
    assert lines[-1] == f"{name}: 1 problem in 2 splits"


def test_a_split_can_be_chosen(tmp_path: Path, check: Callable[..., Any]) -> None:
    write_camvid(tmp_path, "train", 1)
    write_camvid(tmp_path, "val", 1)
    (tmp_path / "labels/val/0.png").unlink()
    status, text = check("camvid", tmp_path, "--split", "train")
    assert status == 0
    lines = text.splitlines()
    assert not any("camvid/val" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "annotations", "split"), [("camvid", "labels", "train"), ("ade20k", "annotations", "training")]
)
def test_all_faults_are_named_and_the_rest_is_checked(
    tmp_path: Path, check: Callable[..., Any], name: str, annotations: str, split: str
) -> None:
    write_camvid(tmp_path, split, 6, annotations)
    images, labels = tmp_path / "images" / split, tmp_path / annotations / split
    (labels / "1.png").unlink()
    (labels / "2.png").unlink()
    (images / "3.jpg").unlink()
    cut_off = images / "5.jpg"
    cut_off.write_bytes(cut_off.read_bytes()[: cut_off.stat().st_size // 2])
    status, text = check(name, tmp_path)
    assert status == 1
    lines = text.splitlines()
    problems = problems_of(lines)
    assert problems[0] == f"{labels / '1.png'} is missing; {images / '1.jpg'} needs it"
    assert problems[1] == f"{labels / '2.png'} is missing; {images / '2.jpg'} needs it"
    assert problems[2] == f"{labels / '3.png'} are labels without a picture"
    assert problems[3].startswith(f"{cut_off} is cut off")
    assert len(problems) == 4
    assert f"{name}/{split}: 3 of 3 pictures looked at" in lines
    assert lines[-1] == "4 problems"


def test_a_split_without_its_labels_stops_no_other(tmp_path: Path, check: Callable[..., Any]) -> None:
    write_camvid(tmp_path, "train", 1)
    write_camvid(tmp_path, "val", 2)
    (tmp_path / "labels/train/0.png").unlink()
    (tmp_path / "labels/train").rmdir()
    status, text = check("camvid", tmp_path)
    assert status == 1
    lines = text.splitlines()
    (problem,) = problems_of(lines)
    assert problem.startswith(f"folder {tmp_path / 'labels/train'} does not exist")
    assert "--" not in problem, "other commands have other flags"
    assert "camvid/val: 2 of 2 pictures looked at" in lines


def test_a_set_without_splits_is_named_without_one(tmp_path: Path, check: Callable[..., Any]) -> None:
    status, text = check("folder", tmp_path)
    assert status == 1
    assert text.startswith("folder:\nproblem   folder ")


def test_roots_without_the_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nowhere does not exist"):
        check_data.main(["camvid", str(tmp_path / "nowhere")])
    with pytest.raises(
        SetupError, match=r"no split of vistas; looked for training or validation as SPLIT in SPLIT/images"
    ):
        check_data.main(["vistas", str(tmp_path)])


@pytest.mark.parametrize("dataset", [each for each in CHECKABLE.values() if each.splits], ids=lambda each: each.name)
def test_a_split_is_there_where_any_of_its_folders_is(tmp_path: Path, dataset: DataSet) -> None:
    assert dataset.folders
    for split in dataset.splits:
        for number, folder in enumerate(dataset.folders):
            root = tmp_path / f"{split}_{number}"
            (root / folder.format(split)).mkdir(parents=True)
            assert dataset.splits_below(root) == [split]


def test_towns_of_the_streethazards_test_are_checked_one_by_one(tmp_path: Path, check: Callable[..., Any]) -> None:
    for folder in ("train/{}/training/t1", "test/{}/test/t5", "test/{}/test/t6"):
        write_pair(tmp_path / folder.format("images") / "1.png", tmp_path / folder.format("annotations") / "1.png")
    status, text = check("streethazards", tmp_path)
    assert status == 0
    lines = text.splitlines()
    assert lines[0] == "streethazards: found training, t5, t6; not there: validation"
    assert lines[-1] == "streethazards: no problems in 3 splits"


@pytest.mark.parametrize("name", CHECKABLE)
def test_a_sound_set_has_no_problems(
    tmp_path: Path, make: Callable[..., Any], check: Callable[..., Any], name: str
) -> None:
    status, text = check(name, tmp_path, "--split", make(tmp_path, name).split)
    assert status == 0
    assert "1 of 1 pictures" in text
    assert "24x16 (1)" in text
    assert text.endswith("no problems\n")


def test_classes_are_counted(tmp_path: Path, make: Callable[..., Any], check: Callable[..., Any]) -> None:
    make(tmp_path, "camvid-ood")
    _, text = check("camvid-ood", tmp_path, "--split", "")
    shares = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if "% of pixels" in line}
    assert shares["road"] > 15
    assert shares["unknown"] > 15
    assert shares["ignored"] > 15
    assert shares["car"] == 0
    assert sum(shares.values()) == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize(
    ("name", "folder"), [("camvid", "camvid"), ("camvid-ood", "camvid_ood"), ("ade20k", "negatives")]
)
def test_the_real_data_at_hand_have_no_problems(
    shared_data: Path, name: str, folder: str, check: Callable[..., Any]
) -> None:
    status, text = check(name, shared_data / folder, "--every", "20")
    assert status == 0, text
