"""Rounds through a set that are broken off and resumed give the very figures of one whole run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.commands import compare
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.evaluation import by_range, validate
from densehybrid_ros.training.evaluation.per_picture import PicturePool
from densehybrid_ros.training.evaluation.rounds import rounds as rounds_module
from densehybrid_ros.training.evaluation.rounds.looks import InTurn, Look
from densehybrid_ros.training.evaluation.rounds.reading import Labelled, PictureReader
from densehybrid_ros.training.evaluation.rounds.rounds import Memory, Rounds

PICTURES = 7
"""Of `roadworld`."""
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
    "precision: .*fp32.* there, .*bf16.* now": ("--precision", "bf16"),
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


def test_frames_name_all_their_files(drives: Path) -> None:
    frames = by_range.find_frames(drives, "test", lambda text: None)
    kinds = {file.parts[len(drives.parts)] for file in by_range.FrameReader(frames, by_range=True).files}
    assert kinds == {"leftImg8bit", "gtCoarse", "disparity", "camera"}
