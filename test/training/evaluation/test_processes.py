"""Rounds through a set that processes share, and pictures that are read ahead."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.evaluation.rounds.looks import InTurn
from densehybrid_ros.training.evaluation.rounds.of_task import loaded
from densehybrid_ros.training.evaluation.rounds.processes import ByProcesses, devices_of
from densehybrid_ros.training.evaluation.rounds.reading import Labelled, PictureReader, read_ahead


def test_processes_give_the_same_whatever_their_number(
    run: Callable[..., dict[str, Any]], roadworld: Path, drives: Path
) -> None:
    asked = ["roadworld", roadworld, "--scores", "hybrid,likelihood", "--components", "--intervals", "20"]
    expected = run(*asked)
    assert run(*asked, "--processes", "2") == expected
    assert run(*asked, "--processes", "3") == expected
    ranges = ["lostandfound", drives, "--by-range", "--scores", "hybrid"]
    assert run(*ranges, "--processes", "2") == run(*ranges)


def test_pictures_that_processes_look_at_come_in_order(random_weights: Path, roadworld: Path) -> None:
    reader = PictureReader(labelled_set("roadworld", roadworld, "val"))
    pool = ByProcesses(partial(loaded, partial(Segmenter.load, random_weights, precision="fp32")), reader, ["cpu"] * 2)
    order = [5, 0, 3, 1, 6, 2, 4]
    try:
        looks = list(pool(order, ["hybrid"], semantic=True))
    finally:
        pool.close()
    segmenter = Segmenter.load(random_weights, "cpu", "fp32")
    assert [look.index for look in looks] == order
    for look, alone in zip(looks, InTurn(segmenter, reader)(order, ["hybrid"], semantic=True), strict=True):
        # a process has fewer threads than this one, and so rounds in another order
        np.testing.assert_allclose(look.found.scores["hybrid"], alone.found.scores["hybrid"], rtol=0, atol=1e-5)
        assert np.mean(look.found.semantic == alone.found.semantic) > 0.999
        np.testing.assert_array_equal(look.truth, alone.truth)


@dataclass(frozen=True)
class Deadly:
    """Ends its process at one picture."""

    reader: PictureReader

    def read(self, index: int) -> Labelled:
        if index == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.reader.read(index)


def test_a_process_that_is_killed_ends_all_with_one_error(random_weights: Path, roadworld: Path) -> None:
    reader = Deadly(PictureReader(labelled_set("roadworld", roadworld, "val")))
    pool = ByProcesses(partial(loaded, partial(Segmenter.load, random_weights, precision="fp32")), reader, ["cpu"])
    with pytest.raises(SetupError, match=r"ended from outside.*fewer --processes"):
        list(pool(range(7), ["hybrid"], semantic=False))
    pool.close()


def test_what_a_process_cannot_read_or_load_is_one_error(
    run: Callable[..., dict[str, Any]], tmp_path: Path, roadworld: Path, random_weights: Path
) -> None:
    for kind in ("images", "labels"):
        (tmp_path / kind / "val").mkdir(parents=True)
        for number in range(2):
            name = f"{kind}/val/{number}.png"
            (tmp_path / name).write_bytes((roadworld / name).read_bytes())
    (tmp_path / "images/val/1.png").write_bytes(b"no picture")
    with pytest.raises(SetupError, match=r"images/val/1\.png"):
        run("roadworld", tmp_path, "--scores", "hybrid", "--processes", "2")
    missing = partial(Segmenter.load, tmp_path / "none.safetensors", precision="fp32")
    pool = ByProcesses(partial(loaded, missing), PictureReader(labelled_set("roadworld", roadworld, "val")), ["cpu"])
    with pytest.raises(SetupError, match=r"none\.safetensors"):
        list(pool([0], ["hybrid"], semantic=False))
    pool.close()


def test_devices_are_one_for_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices_of("cpu", 3) == ["cpu"] * 3
    assert devices_of("cpu", 1) == ["cpu"]
    with pytest.raises(SetupError, match="--processes is 0; give at least 1"):
        devices_of("cpu", 0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert devices_of("auto", 2) == devices_of("cuda", 2) == ["cuda:0", "cuda:1"]
    with pytest.raises(SetupError, match="3 GPUs were asked for, 2 are there"):
        devices_of("cuda", 3)
    with pytest.raises(SetupError, match="2 processes cannot share cuda:1; give --device cuda"):
        devices_of("cuda:1", 2)


class Counting:
    """A reader whose pictures are their numbers."""

    def __init__(self) -> None:
        self.read_so_far: list[int] = []

    def read(self, index: int) -> Labelled:
        if index == 4:
            raise SetupError("picture 4 is broken")
        self.read_so_far.append(index)
        return Labelled(np.full((1, 1, 3), index, np.uint8), np.zeros((1, 1), np.uint8))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_pictures_are_read_ahead_in_order_and_errors_come_in_their_place(workers: int) -> None:
    reader = Counting()
    pictures: Iterator[Labelled] = read_ahead(reader, range(3), workers)
    assert [int(next(pictures).image[0, 0, 0]) for _ in range(2)] == [0, 1]
    assert [int(each.image[0, 0, 0]) for each in pictures] == [2]
    found: list[int] = []
    with pytest.raises(SetupError, match="picture 4 is broken"):
        found.extend(int(each.image[0, 0, 0]) for each in read_ahead(reader, range(9), workers))
    assert max(reader.read_so_far) <= 4 + workers
