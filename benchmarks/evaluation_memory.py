"""python benchmarks/evaluation_memory.py [--pictures 6] [--long 1200] [-- OPTIONS]: peak memory of evaluations.

Roadworld pictures are written to a temporary folder, in the layouts of CamVid and of LostAndFound; the statistics of
all baselines are fitted to a few of them. Then `densehybrid evaluate`, each run in a process of its own, takes every
score of every kind: of `roadworld` with the open-set figures, and of `lostandfound` by range. Printed is the largest
resident set of each. OPTIONS go to both, as in `-- --intervals 1000 --report OUT.html`.

With --long N the drives have N frames more, and the evaluation of them goes on from the state of a run that has
measured these: scores made from a seed, of ever new spread, which fill every range. So the peak is that of a long set.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from densehybrid_ros.drives.layout import find_frames
from densehybrid_ros.drives.render import render_lostandfound
from densehybrid_ros.metrics.by_range import RangeTable
from densehybrid_ros.models.checkpoint import BUNDLED
from densehybrid_ros.training.baselines.baselines import BASELINES
from densehybrid_ros.training.commands import fit_score
from densehybrid_ros.training.commands.evaluate import add_statistics, evaluate_parser, task_of
from densehybrid_ros.training.datasets.roadworld import FIRST_VALIDATION_SEED, render_camvid
from densehybrid_ros.training.evaluation.by_range import FrameReader
from densehybrid_ros.training.evaluation.rounds.of_task import key_of
from densehybrid_ros.training.evaluation.rounds.state_file import write_state
from densehybrid_ros.training.evaluation.validate import KEPT, kept_of_each, picture_bytes_of_each

RUNS = {"roadworld": (), "lostandfound": ("--by-range",)}
TRAINING_PICTURES = 3
FITTED_LIGHTLY = ("flow_steps=10", "gmm_components=5")
"""What is measured does not depend on how well statistics fit."""
LONG_SHAPE = (256, 512)
"""Of the frames that a long set has had: with a thousand of them all cells are in use."""
ANOMALOUS = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--long", type=int, default=0, metavar="N", help="frames that drives have had before")
    parser.add_argument("--size", type=int, nargs=2, default=[2048, 1024], metavar=("W", "H"))
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--scores", default="all,baselines")
    parser.add_argument("--weights", type=Path, default=BUNDLED)
    parser.add_argument("options", nargs="*", help="of densehybrid evaluate")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_pictures(root, arguments.pictures, *arguments.size)
        statistics = root / "fitted.safetensors"
        fit(root / "roadworld", arguments.weights, statistics)
        given = ["--weights", arguments.weights, "--statistics", statistics, "--device", "cpu"]
        for name in arguments.runs:
            own = [name, "--root", root / name, "--scores", arguments.scores, *RUNS[name], *given, *arguments.options]
            if arguments.long and name == "lostandfound":
                own += ["--resume", root / "state"]
                lengthen(root / name, arguments.long)
                write_long_state(list(map(str, own)), arguments.long)
            print(f"{name}: {peak_megabytes(list(map(str, own))):.0f} MB", flush=True)


def write_pictures(root: Path, count: int, width: int, height: int) -> None:
    """Of all runs."""
    seeds = range(FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + count)
    render_camvid(root / "roadworld", "train", range(TRAINING_PICTURES), width, height)
    render_camvid(root / "roadworld", "val", seeds, width, height)
    render_lostandfound(root / "lostandfound", "test", list(seeds), 1, width, height)


def lengthen(root: Path, count: int) -> None:
    """The drive of a name before all others: so many links to its first frame."""
    for file in [each for each in root.rglob("01_Roadworld_*") if each.is_file()]:
        for number in range(count):
            link = file.with_name(f"00_Long_{number:06d}_{file.name.removeprefix('01_Roadworld_')}")
            link.hardlink_to(file)


def write_long_state(options: list[str], count: int) -> None:
    """Of the run with these options, when it has measured so many frames."""
    parser = evaluate_parser("")
    parser.add_argument("--weights", default="")
    add_statistics(parser)
    task = task_of({**vars(parser.parse_args(options)), "report": []})
    frames = [frame for frame in find_frames(task.folder, task.chosen_split, print) if frame.label_train_ids]
    key = key_of(task, FrameReader(frames, by_range=True).files, len(frames))
    kept, own = kept_of_each(KEPT, len(task.scores)), picture_bytes_of_each(len(task.scores))
    table, rng = RangeTable(len(frames) if task.intervals else 0, kept, own), np.random.default_rng(0)
    for number in range(count):
        truth = (rng.random(LONG_SHAPE) < ANOMALOUS).astype(np.uint8)
        score = (rng.standard_normal(LONG_SHAPE) + truth) * 1.01**number
        table.add(score.astype(np.float32), truth, rng.uniform(5, 50, LONG_SHAPE).astype(np.float32))
    assert task.resume
    write_state(task.resume / "frames.npz", key, count, {"tables": dict.fromkeys(task.scores, table)})


def fit(root: Path, weights: Path, out: Path) -> None:
    """Statistics of all baselines that need some."""
    needy = ",".join(name for name, baseline in BASELINES.items() if baseline.statistics)
    settings = [word for each in FITTED_LIGHTLY for word in ("--score-setting", each)]
    given = [needy, "--set", "roadworld", root, "train", "--weights", weights, "--out", out, "--device", "cpu"]
    fit_score.main([*map(str, given), *settings])


def peak_megabytes(options: list[str]) -> float:
    """The largest resident set of `densehybrid evaluate` with these options."""
    process = subprocess.Popen([sys.executable, "-m", "densehybrid_ros.cli", "evaluate", *options])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"densehybrid evaluate {' '.join(options)} ended with status {status}")
    return used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
