"""Every data set with something missing, spare or spoilt: refused by its adapter, named by check-data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.commands import check_data
from densehybrid_ros.training.datasets import CHECKABLE, DATASETS, labelled_set

WITH_SPLITS = {
    *("camvid", "roadworld", "cityscapes", "cityscapes-void", "vistas", "streethazards"),
    *("lostandfound", "smiyc-lostandfound-noknown"),
}


@pytest.mark.parametrize("name", CHECKABLE)
def test_missing_labels_are_named(
    tmp_path: Path, make: Callable[..., Any], check: Callable[..., Any], name: str
) -> None:
    miniature = make(tmp_path, name)
    labels = tmp_path / miniature.labels
    labels.unlink()
    status, text = check(name, tmp_path, "--split", miniature.split)
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


@pytest.mark.parametrize("name", CHECKABLE)
def test_labels_without_a_picture_are_named(
    tmp_path: Path, make: Callable[..., Any], check: Callable[..., Any], name: str
) -> None:
    miniature = make(tmp_path, name)
    (tmp_path / miniature.image).unlink()
    status, text = check(name, tmp_path, "--split", miniature.split)
    assert status == 1
    if name == "fishyscapes-lostandfound":
        assert f"{Path(miniature.image).name} is missing; {tmp_path / miniature.labels} needs it" in text
        with pytest.raises(SetupError, match=Path(miniature.image).name):
            labelled_set(name, tmp_path, "")
    else:
        assert f"problem   {tmp_path / miniature.labels} are labels without a picture" in text


@pytest.mark.parametrize("name", DATASETS)
def test_missing_folders_are_named(tmp_path: Path, name: str, miniatures: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match=rf"{tmp_path / 'nowhere'}.* does not exist"):
        labelled_set(name, tmp_path / "nowhere", miniatures[name].split)


@pytest.mark.parametrize("name", CHECKABLE)
def test_sets_without_files_of_theirs_are_refused(
    tmp_path: Path, make: Callable[..., Any], check: Callable[..., Any], name: str
) -> None:
    miniature = make(tmp_path, name)
    image, labels = tmp_path / miniature.image, tmp_path / miniature.labels
    image.rename(image.with_name(miniature.decoy))
    labels.rename(labels.with_name(miniature.label_decoy))
    status, text = check(name, tmp_path, "--split", miniature.split)
    assert status == 1
    assert "problem   no picture with labels; looked for " in text
    if name in DATASETS:
        with pytest.raises(SetupError, match=r"no picture with labels; looked for .*\*"):
            labelled_set(name, tmp_path, miniature.split)


@pytest.mark.parametrize("name", CHECKABLE)
def test_spoilt_files_are_named(tmp_path: Path, make: Callable[..., Any], check: Callable[..., Any], name: str) -> None:
    miniature = make(tmp_path, name)
    miniature.write_labels(tmp_path, miniature.ids[:-2])
    status, text = check(name, tmp_path, "--split", miniature.split)
    assert status == 1
    assert "is 24x16, its labels 24x14" in text
    if miniature.foreign is not None:
        labels = miniature.ids
        labels[:3, :5] = miniature.foreign
        miniature.write_labels(tmp_path, labels)
        status, text = check(name, tmp_path, "--split", miniature.split)
        assert status == 1
        assert f"[{miniature.foreign}], 15 pixels" in text
    (tmp_path / miniature.labels).write_bytes(b"no picture")
    status, text = check(name, tmp_path, "--split", miniature.split)
    assert status == 1
    assert "is no PNG picture (10 bytes)" in text
    assert Path(miniature.labels).name in text
    make(tmp_path, name)
    (tmp_path / miniature.image).write_bytes(b"no picture")
    status, text = check(name, tmp_path, "--split", miniature.split)
    assert status == 1
    assert Path(miniature.image).name in text


@pytest.mark.parametrize("name", [name for name in DATASETS if name not in WITH_SPLITS])
def test_splits_of_sets_without_splits_are_refused(tmp_path: Path, name: str, make: Callable[..., Any]) -> None:
    make(tmp_path, name)
    with pytest.raises(SetupError, match=f"data set {name} has no splits, but 'train' was asked for"):
        labelled_set(name, tmp_path, "train")
    with pytest.raises(SetupError, match="has no splits"):
        check_data.main([name, str(tmp_path), "--split", "train"])


def test_wrong_splits_list_the_choices(tmp_path: Path, make: Callable[..., Any]) -> None:
    make(tmp_path, "streethazards")
    with pytest.raises(SetupError, match="choose one of training, validation"):
        labelled_set("streethazards", tmp_path, "val")


def test_both_towns_of_the_streethazards_test_are_needed(tmp_path: Path, make: Callable[..., Any]) -> None:
    make(tmp_path, "streethazards")
    with pytest.raises(SetupError, match=r"images/test/t6 does not exist"):
        labelled_set("streethazards", tmp_path, "test")


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "does not exist"), ("{}", "is not"), ('{"labels": []}', "lacks")]
)
def test_vistas_needs_its_config(tmp_path: Path, content: str | None, problem: str, make: Callable[..., Any]) -> None:
    make(tmp_path, "vistas")
    (tmp_path / "config.json").unlink()
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(SetupError, match=problem):
        labelled_set("vistas", tmp_path, "validation")
