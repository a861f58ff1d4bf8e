"""densehybrid train RECIPE --out DIR: trains or fine-tunes a network by a recipe.

Writes into DIR: `log.jsonl` and `events` (losses and validation, the latter for TensorBoard), `checkpoint.pt` (resumed
by itself when the command is started again), `weights.safetensors` (the newest validated weights) and
`best.safetensors` (by the first validation set's hybrid AP, or its mean IoU where it has no anomalies); at the end
`report.html`, `report.md` and `report.json` on the last weights and the validation sets. Several GPUs: --processes N;
several machines: torchrun or SLURM, with --nodes. `--smoke` runs two steps and one small validation, in DIR/smoke.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from densehybrid_ros.training.recipe.reading import read_recipe
from densehybrid_ros.training.run.loop import Machines
from densehybrid_ros.training.run.segmenter import train


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path, help="YAML recipe; see training/recipes")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; resumed where it exists")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="folders in which the recipe's roots lie")
    parser.add_argument("--start", help="overrides the recipe's starting weights")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    parser.add_argument("--processes", type=int, default=1, help="per machine; on CUDA one per GPU")
    parser.add_argument("--nodes", type=int, default=1, help="machines")
    parser.add_argument("--steps", type=int, help="overrides the recipe's number of steps")
    parser.add_argument("--workers", type=int, default=1, help="processes that compose batches, per training process")
    parser.add_argument(
        "--cache", type=Path, help="folder for decoded pictures (4 bytes per pixel): large ones go quicker"
    )
    parser.add_argument("--smoke", action="store_true", help="two steps and a validation on few pictures")
    arguments = parser.parse_args(argv)
    overrides: dict[str, Any] = {} if arguments.steps is None else {"steps": arguments.steps}
    if arguments.start is not None:
        overrides["start"] = arguments.start
    out = arguments.out
    if arguments.smoke:
        overrides |= {"steps": 2, "validate_every": 2, "validation_stride": 50}
        out = arguments.out / "smoke"
        shutil.rmtree(out, ignore_errors=True)  # it is there to be run again, not to be resumed
    machines = Machines(arguments.device, arguments.processes, arguments.nodes, arguments.workers, arguments.cache)
    train(read_recipe(arguments.recipe, arguments.data, overrides), out, machines)
