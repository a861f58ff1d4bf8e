"""Rounds through a set: broken off and resumed, or shared by processes, they give the very figures of one whole run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.drives.render import render_lostandfound
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.commands import compare, evaluate
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.evaluation import by_range, validate
from densehybrid_ros.training.evaluation.per_picture import PicturePool
from densehybrid_ros.training.evaluation.rounds import rounds as rounds_module
from densehybrid_ros.training.evaluation.rounds.looks import InTurn, Look
from densehybrid_ros.training.evaluation.rounds.of_task import loaded
from densehybrid_ros.training.evaluation.rounds.processes import ByProcesses, devices_of
from densehybrid_ros.training.evaluation.rounds.reading import Labelled, PictureReader, read_ahead
from densehybrid_ros.training.evaluation.rounds.rounds import Memory, Rounds

PICTURES, HEIGHT, WIDTH = 7, 48, 64
EVERYTHING = ("--components", "--intervals", "20", "--fpr-at", "0.9", "--target-tpr", "0.9")


class BrokenOffError(Exception):
    """Stands for a kill."""


@dataclass(frozen=True)
class BreakingReader:
    """Reads, until it is to read one picture more than `whole`."""

    reader: Any
    whole: int
    read_so_far: list[int]

    def read(self, index: int) -> Labelled:
        if len(self.read_so_far) == self.whole:
            raise BrokenOffError
        self.read_so_far.append(index)
        return self.reader.read(index)


@pytest.fixture(scope="module")
def roadworld(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random pictures of sky over road, with an anomaly in most of them."""
    root, rng = tmp_path_factory.mktemp("roadworld"), np.random.default_rng(0)
    for kind in ("images", "labels"):
        (root / kind / "val").mkdir(parents=True)
    for number in range(PICTURES):
        labels = np.full((HEIGHT, WIDTH), 3, np.uint8)
        labels[:20] = 0
        labels[25 : 25 + 2 * number, 10 : 14 + 6 * number] = 12
        image = (labels[..., None] * 15 + rng.integers(0, 90, (HEIGHT, WIDTH, 3))).astype(np.uint8)
        cv2.imwrite(str(root / f"images/val/{number}.png"), image)
        cv2.imwrite(str(root / f"labels/val/{number}.png"), labels)
    return root


@pytest.fixture
def run(random_weights: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """run("roadworld", root, "--scores", "all"): what the command writes to --json."""

    def figures(name: str, root: Path, *options: str) -> dict[str, Any]:
        out = tmp_path / "figures.json"
        given = ["--root", str(root), "--weights", str(random_weights), "--device", "cpu", "--json", str(out)]
        evaluate.main([name, *given, *options])
        return json.loads(out.read_text())

    return figures


@pytest.fixture
def every_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state is written after every picture."""
    monkeypatch.setattr(rounds_module, "PERIOD", 0.0)
    monkeypatch.setattr(rounds_module, "MOST_SHARE", np.inf)


def breaking(monkeypatch: pytest.MonkeyPatch, whole: int) -> list[int]:
    """From now on all rounds together read so many pictures, whose numbers are in the list, and no more."""
    read: list[int] = []

    def in_turn(segmenter: Segmenter, reader: Any, workers: int = 0) -> InTurn:
        return InTurn(segmenter, BreakingReader(reader, whole, read))

    monkeypatch.setattr("densehybrid_ros.training.evaluation.rounds.of_task.InTurn", in_turn)
    return read


@pytest.fixture(scope="module")
def drives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drives")
    render_lostandfound(root, "test", [20_000, 20_001], 2, 96, 54, frame_step=20)
    return root


@pytest.mark.usefixtures("every_picture")
@pytest.mark.parametrize("whole", [0, 3, PICTURES + 2, 2 * PICTURES + 5], ids=str)
@pytest.mark.parametrize("protocol", [(), ("--per-picture",)], ids=["pooled", "per-picture"])
def test_a_run_that_was_broken_off_goes_on_and_gives_the_same(
    run: Callable[..., dict[str, Any]],
    roadworld: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    protocol: tuple[str, ...],
    whole: int,
) -> None:
    """In the round for rankings, that for components and that for the open set; no picture is looked at again."""
    asked = ["roadworld", roadworld, "--scores", "hybrid,likelihood", *EVERYTHING, *protocol]
    asked += ["--report", str(tmp_path / "report.html")]
    expected = run(*asked)
    kept = [*asked, "--resume", str(tmp_path / "state")]
    rounds = [*range(PICTURES)] * 3
    with monkeypatch.context() as patch:
        first = breaking(patch, whole)
        with pytest.raises(BrokenOffError):
            run(*kept)
    with monkeypatch.context() as patch:
        second = breaking(patch, 1000)
        assert run(*kept) == expected
    assert first + second == rounds
    with monkeypatch.context() as patch:
        third = breaking(patch, 1000)
        assert run(*kept) == expected, "what is whole is not measured again"
    assert third == []


@pytest.mark.usefixtures("every_picture")
@pytest.mark.parametrize("options", [("--by-range",), ()], ids=["by range", "overall"])
def test_drives_go_on_as_well(
    run: Callable[..., dict[str, Any]],
    drives: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    asked = ["lostandfound", drives, "--intervals", "20", "--fpr-at", "0.9", *options]
    asked += ["--report", str(tmp_path / "report.html")]
    expected = run(*asked)
    kept = [*asked, "--resume", str(tmp_path / "state")]
    with monkeypatch.context() as patch:
        first = breaking(patch, 2)
        with pytest.raises(BrokenOffError):
            run(*kept)
    with monkeypatch.context() as patch:
        second = breaking(patch, 1000)
        assert run(*kept) == expected
    assert first + second == [0, 1, 2, 3]


@pytest.mark.usefixtures("every_picture")
@pytest.mark.parametrize("kept_pixels", [1 << 22, 5000], ids=["one by one", "in cells"])
def test_points_are_equal_in_every_bit(
    random_weights: Path, roadworld: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_pixels: int
) -> None:
    monkeypatch.setattr(validate, "KEPT_PIXELS", kept_pixels)
    segmenter, source = Segmenter.load(random_weights, "cpu", "fp32"), labelled_set("roadworld", roadworld, "val")
    reader, memory = PictureReader(source), Memory(tmp_path / "state", {})

    def evaluated(looks: InTurn, memory: Memory | None = None) -> validate.Evaluation:
        rounds = Rounds(looks, memory, progress=False)
        given = {"pool": PicturePool, "folds": [0, 1] * 4, "intervals": 30, "rounds": rounds}
        return validate.evaluate(segmenter, source, ["hybrid", "msp"], **given)

    expected = evaluated(InTurn(segmenter, reader))
    for whole in (2, 3):
        with pytest.raises(BrokenOffError):
            evaluated(InTurn(segmenter, BreakingReader(reader, whole, [])), memory)
    found = evaluated(InTurn(segmenter, reader), memory)
    assert (found.rankings, found.segmentation) == (expected.rankings, expected.segmentation)
    np.testing.assert_equal(found.class_iou, expected.class_iou)
    assert found.score_parts == expected.score_parts
    assert found.drawn is not None
    assert expected.drawn is not None
    assert found.drawn.rankings == expected.drawn.rankings
    points = zip((found.points, *found.fold_points), (expected.points, *expected.fold_points), strict=True)
    for some, others in points:
        assert some.keys() == others.keys() == {"hybrid", "msp"}
        for name, each in some.items():
            for part, values in vars(each).items():
                np.testing.assert_array_equal(values, getattr(others[name], part))


KILLED = """
import os, signal, sys
from densehybrid_ros.cli import main
from densehybrid_ros.training.evaluation.rounds import rounds
rounds.PERIOD, rounds.MOST_SHARE = 0.0, float("inf")
write, written = rounds.write_state, []
def write_and_die(*given):
    write(*given)
    written.append(given)
    if len(written) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
rounds.write_state = write_and_die
main(sys.argv[1:])
"""


def test_a_killed_process_leaves_a_state_from_which_another_goes_on(
    run: Callable[..., dict[str, Any]],
    random_weights: Path,
    roadworld: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = ["--scores", "hybrid", "--resume", str(tmp_path / "state")]
    given = ["roadworld", "--root", str(roadworld), "--weights", str(random_weights), "--device", "cpu", *kept]
    killed = subprocess.run([sys.executable, "-c", KILLED, "evaluate", *given], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    read = breaking(monkeypatch, 1000)
    assert run("roadworld", roadworld, *kept) == run("roadworld", roadworld, "--scores", "hybrid")
    assert read[: PICTURES - 4] == [*range(4, PICTURES)]


CHANGES: dict[str, tuple[str, ...]] = {
    r"scores: .*hybrid.* there, .*msp.* now": ("--scores", "hybrid,msp"),
    "intervals: false there, true now": ("--intervals", "10"),
    "inference width: 0 there, 32 now": ("--inference-width", "32"),
    "per picture: false there, true now": ("--per-picture",),
    "open set: true there, false now": ("--no-open-set",),
    "score settings": ("--score-setting", "odin_step=0"),
}


def test_the_state_of_another_run_is_refused(
    run: Callable[..., dict[str, Any]], roadworld: Path, tmp_path: Path, random_weights: Path
) -> None:
    kept = ["roadworld", roadworld, "--scores", "hybrid", "--resume", str(tmp_path / "state")]
    expected = run(*kept)
    for said, options in CHANGES.items():
        with pytest.raises(SetupError, match=f"is the state of another run .*{said}.*; give --resume another folder"):
            run(*kept, *options)
    with pytest.raises(SetupError, match="weights: "):
        run(*kept, "--weights", "")
    assert run(*kept, "--target-tpr", "0.9", "--workers", "3").items() >= expected.items(), "what counts nothing anew"
    picture = roadworld / "labels/val/3.png"
    before = picture.stat()
    os.utime(picture, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(SetupError, match="files: "):
        run(*kept)
    os.utime(picture, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("contents", [b"", b"no archive", None], ids=["empty", "text", "cut off"])
def test_a_broken_state_is_refused(
    run: Callable[..., dict[str, Any]], roadworld: Path, tmp_path: Path, contents: bytes | None
) -> None:
    kept = ["roadworld", roadworld, "--scores", "msp", "--no-open-set", "--resume", str(tmp_path / "state")]
    file = tmp_path / "state/pictures.npz"
    if contents is None:
        run(*kept)
        contents = file.read_bytes()[:-100]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(contents)
    with pytest.raises(SetupError, match=re.escape(f"{file} is no state of an evaluation, or is broken; delete it")):
        run(*kept)


def no_looks(indices: Sequence[int], scores: Sequence[str], semantic: bool) -> Iterator[Look]:
    return iter(())


def test_a_state_holds_no_code(tmp_path: Path) -> None:
    """Pickled objects are not read, and classes are those of a list."""
    memory = Memory(tmp_path, {})
    np.savez(tmp_path / "pictures.npz", head=np.array([BrokenOffError()], object))
    rounds = Rounds(no_looks, memory, progress=False)
    with pytest.raises(SetupError, match="no state"):
        list(rounds.go("pictures", [], [], False, {"judge": []}))
    head = {"format": 1, "key": {}, "pictures": 0, "counted": {"dict": {"judge": {"record": "Popen", "fields": {}}}}}
    np.savez(tmp_path / "pictures.npz", head=np.frombuffer(json.dumps(head).encode(), np.uint8))
    with pytest.raises(SetupError, match="no state"):
        list(rounds.go("pictures", [], [], False, {"judge": []}))


def test_compare_keeps_the_state_of_every_weights_file_and_set(
    random_weights: Path, roadworld: Path, tmp_path: Path
) -> None:
    out = tmp_path / "table.json"
    given = ["--weights", str(random_weights), "--set", "roadworld", str(roadworld), "val", "--device", "cpu"]
    given += ["--scores", "msp", "--no-open-set", "--json", str(out), "--resume", str(tmp_path / "state")]
    compare.main(given)
    expected = out.read_text()
    assert [*(tmp_path / "state").rglob("*.npz")] == [tmp_path / "state/roadworld_val/random/pictures.npz"]
    compare.main(given)
    assert out.read_text() == expected


def test_overlays_alone_have_nothing_to_resume(
    run: Callable[..., dict[str, Any]], roadworld: Path, tmp_path: Path
) -> None:
    given = ["--overlays", str(tmp_path / "overlays"), "--resume", str(tmp_path / "state")]
    with pytest.raises(SetupError, match="overlays alone are no figures"):
        run("folder", roadworld / "images/val", *given)


def test_processes_give_the_same_whatever_their_number(
    run: Callable[..., dict[str, Any]], roadworld: Path, drives: Path
) -> None:
    asked = ["roadworld", roadworld, "--scores", "hybrid,likelihood", *EVERYTHING]
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
        list(pool(range(PICTURES), ["hybrid"], semantic=False))
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


def test_frames_name_all_their_files(drives: Path) -> None:
    frames = by_range.find_frames(drives, "test", lambda text: None)
    kinds = {file.parts[len(drives.parts)] for file in by_range.FrameReader(frames, by_range=True).files}
    assert kinds == {"leftImg8bit", "gtCoarse", "disparity", "camera"}
