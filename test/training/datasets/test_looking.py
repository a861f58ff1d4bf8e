"""Label maps with ids that a set does not have: said before hours are spent, and never trained on all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.datasets import DATASETS, labelled_set

HEIGHT, WIDTH = 16, 24


def stripes(*ids: int) -> np.ndarray:
    """(H, W), as many columns of each."""
    return np.repeat(np.array(ids, np.uint8)[np.arange(WIDTH) * len(ids) // WIDTH][None], HEIGHT, 0)


@pytest.mark.parametrize("name", DATASETS)
def test_a_sound_set_raises_no_doubt(
    tmp_path: Path, make: Callable[..., Any], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    miniature = make(tmp_path, name)
    labelled_set(name, tmp_path, miniature.split)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", DATASETS)
def test_a_set_without_a_pixel_that_counts_is_refused(tmp_path: Path, make: Callable[..., Any], name: str) -> None:
    miniature = make(tmp_path, name)
    miniature.write_labels(tmp_path, stripes(*range(240, 250)))
    with pytest.raises(SetupError, match=r"every pixel of the label maps looked at is ignored; .* 240, 241"):
        labelled_set(name, tmp_path, miniature.split)


def test_ids_outside_are_said_with_their_share(
    tmp_path: Path, make: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, "camvid").write_labels(tmp_path, stripes(3, 3, 3, 77))
    opened = labelled_set("camvid", tmp_path, "val")
    said = "warning: camvid/val: ids that the set does not have are ignored: 77, 25 % of pixels\n"
    assert capsys.readouterr().err == said
    assert set(np.unique(opened.read(0)[1])) == {3, 255}


def test_labels_whose_pictures_are_not_there_are_counted(
    tmp_path: Path, make: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, "camvid")
    spare = tmp_path / "labels/val/not_unpacked.png"
    cv2.imwrite(str(spare), stripes(3))
    labelled_set("camvid", tmp_path, "val")
    said = f"warning: camvid/val: label maps without a picture, which do not count: 1, the first is {spare}\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("name", "ids", "kind"),
    [
        ("cityscapes", (0, 1, 2, 8, 10, 13, 255), "trainIds; give the labelIds"),
        ("wilddash2", (0, 2, 8, 18, 255), "trainIds; give the labelIds"),
        ("smiyc-lostandfound-noknown", (1, 2, 255), "labelTrainIds; give the labelIds"),
        ("folder", (0, 255), "black and white; 1 is an anomaly, 255 is ignored"),
    ],
)
def test_label_maps_of_another_kind_are_suspected(
    tmp_path: Path,
    make: Callable[..., Any],
    check: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    name: str,
    ids: tuple[int, ...],
    kind: str,
) -> None:
    miniature = make(tmp_path, name)
    miniature.write_labels(tmp_path, stripes(*ids))
    labelled_set(name, tmp_path, miniature.split)
    assert f"suspected to be {kind}" in capsys.readouterr().err
    status, text = check(name, tmp_path)
    assert status == 1
    assert f"suspected to be {kind}" in text


@pytest.mark.parametrize("ids", [(0, 7, 8, 255), (0, 1, 2, 7, 8, 11), (0, 7, 21, 23, 26)])
def test_label_ids_are_not_suspected(
    tmp_path: Path, make: Callable[..., Any], capsys: pytest.CaptureFixture[str], ids: tuple[int, ...]
) -> None:
    """Of ids alone, those of a few pictures may be anything; 255 is the mark of trainIds, beside none above 18."""
    make(tmp_path, "cityscapes").write_labels(tmp_path, stripes(*ids, 33))
    labelled_set("cityscapes", tmp_path, "val")
    assert capsys.readouterr().err == ""


def test_few_label_maps_of_a_large_set_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from densehybrid_ros.training.datasets import looking

    for number in range(100):
        for kind, pixels in (("images", np.zeros((4, 4, 3))), ("labels", np.full((4, 4), 3))):
            (tmp_path / kind / "train").mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / kind / "train" / f"{number}.png"), pixels.astype(np.uint8))
    read: list[Path] = []
    real = looking.read_labels

    def counted(path: Path) -> np.ndarray:
        read.append(path)
        return real(path)

    monkeypatch.setattr(looking, "read_labels", counted)
    labelled_set("camvid", tmp_path, "train")
    assert 10 <= len(read) <= 20


def test_upper_case_endings_are_endings(tmp_path: Path, make: Callable[..., Any], check: Callable[..., Any]) -> None:
    """As Windows and old cameras write them."""
    for name in DATASETS:
        root = tmp_path / name
        miniature = make(root, name)
        for path in (root / miniature.image, root / miniature.labels):
            if path.suffix != ".npz":
                path.rename(path.with_suffix(path.suffix.upper()))
        status, text = check(name, root, "--split", miniature.split)
        assert status == 0, f"{name}: {text}"
        assert len(labelled_set(name, root, miniature.split)) == 1
