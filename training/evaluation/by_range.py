"""LostAndFound: how well each score ranks obstacles above free road, overall and by distance.

All labelled pixels of the split are pooled: train id 1 (free) is inlier, 2 (obstacle) anomalous, the rest is ignored.
The distance of a pixel is baseline·fx/disparity, with the disparity that comes with the data set.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.drives.files import read_camera, read_disparity
from densehybrid_ros.drives.layout import DriveFrame, find_frames
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import (
    FREE_TRAIN_ID,
    IGNORE,
    NON_HAZARD_TRAIN_ID,
    OBSTACLE_TRAIN_ID,
    TRAIN_ID_TABLES,
    lostandfound_truth,
)
from densehybrid_ros.metrics.bootstrap import LEVEL, draws, percent_ends
from densehybrid_ros.metrics.by_range import (
    EDGES,
    RangeTable,
    range_of_disparity,
    row_percents,
    table_dict,
    table_text,
)
from densehybrid_ros.metrics.table import Ends
from densehybrid_ros.pictures import read_labels, read_rgb
from densehybrid_ros.training.evaluation.evidence.frames import PictureRanks
from densehybrid_ros.training.evaluation.evidence.gathering import Picture, draw_extremes, evidence
from densehybrid_ros.training.evaluation.pictures import scores_text
from densehybrid_ros.training.evaluation.range_false_alarms import RangeFalseAlarms
from densehybrid_ros.training.evaluation.reliability import RangePromises, promised
from densehybrid_ros.training.evaluation.rounds.looks import InTurn
from densehybrid_ros.training.evaluation.rounds.of_task import rounds_of
from densehybrid_ros.training.evaluation.rounds.reading import Labelled, Reader
from densehybrid_ros.training.evaluation.rounds.rounds import Rounds
from densehybrid_ros.training.evaluation.task import Report, Task
from densehybrid_ros.training.evaluation.validate import KEPT, kept_of_each, picture_bytes_of_each, ranked

TRAIN_IDS = {NON_HAZARD_TRAIN_ID, FREE_TRAIN_ID, OBSTACLE_TRAIN_ID, IGNORE}
RoundsBy: TypeAlias = Callable[[Reader, Sequence[Path], int], AbstractContextManager[Rounds]]
"""Reader, its files and the number of its frames → the rounds through them."""
NAMED_AT_MOST = 10
"""Frames that a warning names."""


@dataclass(frozen=True)
class RangeEvaluation:
    """Tables of all frames with labels, by score."""

    tables: dict[str, RangeTable]
    judged: list[DriveFrame]
    without_range: list[str]
    """Names of judged frames that lack disparity or camera: they count in the overall row alone."""
    without_labels: list[str]
    """Names of frames that were not judged."""

    @property
    def frames(self) -> int:
        """How many were judged."""
        return len(self.judged)


def examine_drives(task: Task) -> Report:
    """
    Raises:
        SetupError: negatives are to be pasted, more or less than scores is asked for, or as
            `evaluate_lostandfound`.
    """
    if task.overlays or task.components or not task.scores:
        options = "--overlays, --components and --scores none"
        raise SetupError(f"of {task.dataset.name} there are scores alone; leave {options} out")
    if task.negatives:
        raise SetupError(f"--negatives needs a set with classes; {task.dataset.name} has none")
    root, promises = task.folder, promised(task.segmenter, task.scores, task.target_tpr)  # refused before the long run
    ranks = PictureRanks(task.scores[0], classes=1) if task.report else None
    result = evaluate_lostandfound(
        task.segmenter,
        root,
        task.chosen_split,
        task.scores,
        by_range=task.by_range,
        draw=task.intervals > 0,
        ranks=ranks,
        rounds_by=partial(rounds_of, task),
    )
    warn_of_gaps(result, task.by_range)
    figures, rows = _figures(task, result), len(EDGES) if task.by_range else 1
    drawn = draws(result.frames, task.intervals) if task.intervals else None
    intervals: dict[str, list[Ends]] = {
        name: [percent_ends(row) if row else {} for row in table.drawn(drawn)[:rows]]
        for name, table in result.tables.items()
        if drawn is not None
    }
    if drawn is not None:
        figures["intervals"] = {"level": LEVEL, "drawn": len(drawn), "scores": intervals}
    lines = _lines(task, result, intervals)
    if task.fpr_at:
        alarms = RangeFalseAlarms(result.tables, task.fpr_at, rows, drawn)
        figures["fpr_at"] = alarms.figures()
        lines += alarms.text()
        if drawn is not None:
            figures["intervals"]["fpr_at"] = alarms.intervals
    if promises := [each for each in promises if result.tables[each.score].points()]:
        kept = RangePromises(promises, result.tables, rows, drawn)
        figures["target_tpr"] = kept.figures()
        lines += ["", *kept.text()]
        if drawn is not None:
            figures["intervals"]["target_tpr"] = kept.intervals
    text = "\n".join(lines)
    if ranks is None:
        return Report(figures, text)
    found = {name: table.points() for name, table in result.tables.items()}
    points = {name: each for name, each in found.items() if each is not None}
    pictures = draw_extremes(task.segmenter, ranks, points, partial(_binary_frame, result.judged))
    figures |= {**evidence(task.segmenter, points), "extremes": [each.figures for each in pictures]}
    return Report(figures, text, pictures)


def _binary_frame(frames: Sequence[DriveFrame], index: int) -> Picture:
    return read_rgb(frames[index].left), frame_truth(frames[index])


def evaluate_lostandfound(
    segmenter: Segmenter,
    root: Path,
    split: str,
    scores: Sequence[str],
    progress: bool = True,
    by_range: bool = True,
    draw: bool = False,
    ranks: PictureRanks | None = None,
    rounds_by: RoundsBy | None = None,
) -> RangeEvaluation:
    """Runs the network over the labelled frames of a split, each at its own size.

    Args:
        by_range: distances are read; else all pixels are in the overall row alone.
        draw: sets will be drawn of the frames.
        ranks: also gets every frame.
        rounds_by: how the frames are gone through; None = by `segmenter`, in this process.

    Raises:
        SetupError: no such split, no labelled frame, a file that is broken or of another size than its image, or a
            score that is not finite.
    """
    frames = find_frames(root, split, lambda text: None)  # what matters is told by name below
    labelled = [frame for frame in frames if frame.label_ids or frame.label_train_ids]
    if not labelled:
        raise SetupError(
            f"none of the {len(frames)} frames in {root}, split {split}, has labels; unpack gtCoarse there"
        )
    kept, own = kept_of_each(KEPT, len(scores)), picture_bytes_of_each(len(scores))
    result = RangeEvaluation(
        tables={name: RangeTable(len(labelled) if draw else 0, kept, own) for name in scores},
        judged=labelled,
        without_range=[frame.name for frame in labelled if not (frame.disparity and frame.camera)],
        without_labels=[frame.name for frame in frames if not (frame.label_ids or frame.label_train_ids)],
    )
    reader = FrameReader(labelled, by_range)
    counted = {"tables": result.tables, **({} if ranks is None else {"evidence": ranks})}
    with (rounds_by or partial(_in_turn, segmenter, progress))(reader, reader.files, len(labelled)) as rounds:
        for look in rounds.go("frames", range(len(labelled)), scores, False, counted, unit="frame"):
            frame = labelled[look.index]
            for name, score in look.found.scores.items():
                with ranked(f"frame {frame.name}", name):
                    result.tables[name].add(score, look.truth, look.metres)
            if ranks is not None:
                ranks.add(look.index, frame.name, look.found, look.truth)
    if not any(table.pixels for table in result.tables.values()):
        raise SetupError(f"every pixel of the labels in {root}, split {split}, is ignored; nothing can be ranked")
    return result


@contextmanager
def _in_turn(
    segmenter: Segmenter, progress: bool, reader: Reader, files: Sequence[Path], frames: int
) -> Iterator[Rounds]:
    yield Rounds(InTurn(segmenter, reader), progress=progress)


@dataclass(frozen=True)
class FrameReader:
    """Of labelled frames; the truth is binary."""

    frames: Sequence[DriveFrame]
    by_range: bool
    """Distances are read."""

    @property
    def files(self) -> list[Path]:
        """All that are read."""
        every = [
            file
            for frame in self.frames
            for file in (frame.left, frame.label_ids, frame.label_train_ids, frame.disparity, frame.camera)
        ]
        return [file for file in every if file]

    def read(self, index: int) -> Labelled:
        frame = self.frames[index]
        metres = frame_metres(frame) if self.by_range else None
        return Labelled(read_rgb(frame.left), frame_truth(frame), metres)


def frame_truth(frame: DriveFrame) -> NDArray[np.uint8]:
    """(H, W): 0 = free road, 1 = obstacle, 255 = ignore; from the train ids, or from the label ids where they lack."""
    if frame.label_train_ids:
        train_ids = read_labels(frame.label_train_ids)
        if foreign := set(np.unique(train_ids).tolist()) - TRAIN_IDS:
            raise SetupError(
                f"{frame.label_train_ids} holds {sorted(foreign)}, which no labelTrainIds hold; are they labelIds?"
            )
        return lostandfound_truth(train_ids)
    assert frame.label_ids
    return lostandfound_truth(TRAIN_ID_TABLES["lostandfound"][read_labels(frame.label_ids)])


def frame_metres(frame: DriveFrame) -> NDArray[np.float32] | None:
    """(H, W) m, 0 where nothing was measured; None without disparity or camera."""
    if not (frame.disparity and frame.camera):
        return None
    camera = read_camera(frame.camera)
    return range_of_disparity(read_disparity(frame.disparity), camera.fx, camera.baseline)


def _figures(task: Task, result: RangeEvaluation) -> dict[str, Any]:
    """In percent, as written to --json."""
    kept = slice(None) if task.by_range else slice(1)
    return {
        "protocol": task.dataset.name,
        "split": task.chosen_split,
        "weights": task.weights_name,
        "frames": result.frames,
        "frames_without_range": result.without_range,
        "frames_without_labels": result.without_labels,
        "scores": {name: table_dict(table.rows()[kept]) for name, table in result.tables.items()},
    }


def _lines(task: Task, result: RangeEvaluation, intervals: Mapping[str, Sequence[Ends]]) -> list[str]:
    lines = [f"{task.dataset.name} {task.chosen_split}, weights {task.weights_name}: {result.frames} frames"]
    if task.by_range:
        return lines + [
            f"\n{name}\n{table_text(table.rows(), intervals.get(name, ()))}" for name, table in result.tables.items()
        ]
    overall = {name: rows[0] for name, rows in intervals.items()}
    return lines + scores_text({name: row_percents(table.rows()[0]) for name, table in result.tables.items()}, overall)


def warn_of_gaps(result: RangeEvaluation, by_range: bool) -> None:
    """Names on stderr what could not be judged in full."""
    if result.without_labels:
        _warn("have no labels and are left out", result.without_labels)
    if by_range and result.without_range:
        _warn("lack disparity or camera and count in the overall row alone", result.without_range)


def _warn(what: str, names: Sequence[str]) -> None:
    more = f" and {len(names) - NAMED_AT_MOST} more (all are in --json)" if len(names) > NAMED_AT_MOST else ""
    print(f"warning: {len(names)} frames {what}: {', '.join(names[:NAMED_AT_MOST])}{more}", file=sys.stderr)
