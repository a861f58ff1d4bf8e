"""A file of statistics says of which weights they are, and refuses others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.statistics_file import (
    FORMAT,
    Origin,
    beside,
    load_statistics,
    save_statistics,
)

ORIGIN = Origin("0123456789abcdef" * 4, "camvid/train (3 pictures)", 640, {"openmax_tail": 0.1})
STATISTICS = {
    "sml": {"mean": torch.tensor([1.0, 2]), "deviation": torch.tensor([3.0, 4])},
    "gmm": {"whitening": torch.arange(8.0).view(2, 2, 2).transpose(1, 2)},  # not contiguous, as solvers give it
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_statistics(tmp_path / "of.safetensors", STATISTICS, ORIGIN)
    return tmp_path / "of.safetensors"


def test_what_is_written_is_read(path: Path) -> None:
    found, origin = load_statistics(path, ORIGIN.weights)
    assert origin == ORIGIN
    assert found.keys() == STATISTICS.keys()
    for kind, each in STATISTICS.items():
        assert found[kind].keys() == each.keys()
        assert all(torch.equal(found[kind][name], value) for name, value in each.items())


def test_statistics_of_other_weights_are_refused(path: Path) -> None:
    with pytest.raises(
        SetupError, match=r"fitted to other weights or scales .hash 0123456789ab…, these have ffffffffffff"
    ):
        load_statistics(path, "f" * 64)


def test_altered_tensors_are_refused(path: Path) -> None:
    with pytest.raises(SetupError, match="does not exist"):
        load_statistics(path.with_name("other"), ORIGIN.weights)
    save_file(load_file(path), path, {"format": FORMAT, "sha256": "0", "origin": "{}"})
    with pytest.raises(SetupError, match="was altered"):
        load_statistics(path, ORIGIN.weights)


def test_other_files_are_refused(path: Path) -> None:
    save_file({"x": torch.ones(1)}, path)
    with pytest.raises(SetupError, match="has no densehybrid-statistics-1 metadata; write one by densehybrid fit-sc"):
        load_statistics(path, ORIGIN.weights)
    path.write_bytes(b"\x80\x04pickled")
    with pytest.raises(SetupError, match="cannot be read as safetensors"):
        load_statistics(path, ORIGIN.weights)


def test_a_file_without_its_origin_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("densehybrid_ros.training.baselines.statistics_file.asdict", lambda origin: {"weights": "x"})
    save_statistics(path, STATISTICS, ORIGIN)
    with pytest.raises(SetupError, match="unreadable metadata"):
        load_statistics(path, "x")


def test_they_lie_beside_the_weights() -> None:
    assert beside(Path("runs/a/weights.safetensors")) == Path("runs/a/weights.statistics.safetensors")
