"""python benchmarks/evaluation_memory.py [--pictures 6] [--size 2048 1024] [-- OPTIONS]: peak memory of evaluations.

Roadworld pictures are written to a temporary folder, in the layouts of CamVid and of LostAndFound; the statistics of
all baselines are fitted to a few of them. Then `densehybrid evaluate`, each run in a process of its own, takes every
score of every kind: of `roadworld` with the open-set figures, and of `lostandfound` by range. Printed is the largest
resident set of each. OPTIONS go to both, as in `-- --intervals 1000 --report OUT.html`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from densehybrid_ros.drives.render import render_lostandfound
from densehybrid_ros.models.checkpoint import BUNDLED
from densehybrid_ros.training.baselines.baselines import BASELINES
from densehybrid_ros.training.commands import fit_score
from densehybrid_ros.training.datasets.roadworld import FIRST_VALIDATION_SEED, render_camvid

RUNS = {"roadworld": (), "lostandfound": ("--by-range",)}
TRAINING_PICTURES = 3
FITTED_LIGHTLY = ("flow_steps=10", "gmm_components=5")
"""What is measured does not depend on how well statistics fit."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=6)
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
            print(f"{name}: {peak_megabytes(list(map(str, own))):.0f} MB", flush=True)


def write_pictures(root: Path, count: int, width: int, height: int) -> None:
    """Of all runs."""
    seeds = range(FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + count)
    render_camvid(root / "roadworld", "train", range(TRAINING_PICTURES), width, height)
    render_camvid(root / "roadworld", "val", seeds, width, height)
    render_lostandfound(root / "lostandfound", "test", list(seeds), 1, width, height)


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
