"""densehybrid train RECIPE --out DIR: trains or fine-tunes a network by a recipe.

Writes into DIR: `log.jsonl` and `events` (losses and validation, the latter for TensorBoard), `checkpoint.pt` (resumed
by itself when the command is started again), `weights.safetensors` (the newest validated weights) and
`best.safetensors` (by the first validation set's hybrid AP, or its mean IoU where it has no anomalies). Several GPUs:
--processes N; several machines: torchrun or SLURM, with --nodes. `--smoke` runs two steps and one small validation, in
DIR/smoke.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.batches.batches import Batch, Batches, class_weights
from densehybrid_ros.training.evaluation.pasted_set import validation_sets
from densehybrid_ros.training.recipe.reading import read_recipe
from densehybrid_ros.training.recipe.recipe import Recipe
from densehybrid_ros.training.run.engine import make_engine, step_seed
from densehybrid_ros.training.run.kept_weights import forget_best, validate_and_keep
from densehybrid_ros.training.run.run_log import RunLog
from densehybrid_ros.training.run.run_state import RunState, resume_state, save_state
from densehybrid_ros.training.run.schedule import learning_rate, number_of_steps, set_learning_rate
from densehybrid_ros.training.run.start import initial_state
from densehybrid_ros.training.run.steps import StepLoss, training_step
from densehybrid_ros.training.run.synthetic import set_flow_learning_rate


@dataclass(frozen=True)
class Machines:
    """Where a run works."""

    device: str = "auto"
    processes: int = 1
    """Per node."""
    nodes: int = 1
    workers: int = 1
    """Processes that compose batches, for each process that trains."""
    cache: Path | None = None
    """Folder for decoded pictures."""


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


def train(recipe: Recipe, out: Path, machines: Machines = Machines()) -> Path:
    """Runs or resumes a recipe; returns the path of the last weights.

    Raises:
        SetupError: anything that a user can put right, before the first step.
    """
    engine = make_engine(machines.device, machines.processes, machines.nodes, recipe.precision)
    batches = Batches(recipe, engine.global_rank, engine.world_size, machines.cache)
    validation = validation_sets(recipe.validation, batches.classes)
    pictures = sum(map(len, batches.sets))
    steps = number_of_steps(recipe, pictures)
    state = initial_state(recipe, batches.classes, engine)
    checkpoint = out / "checkpoint.pt"
    out.mkdir(parents=True, exist_ok=True)
    if checkpoint.is_file():
        resume_state(checkpoint, recipe, state, engine)
    else:
        forget_best(out)
    balance = class_weights(batches.sets, recipe.class_balance) if recipe.class_balance else None
    balance_tensor = None if balance is None else torch.from_numpy(balance).to(engine.device)
    remaining = range(state.step, steps)
    loader = DataLoader(batches, None, sampler=remaining, num_workers=machines.workers, worker_init_fn=_single_thread)
    log = RunLog(out, state.step) if engine.is_global_zero else None
    started, first = time.monotonic(), state.step
    bar = tqdm(
        _errors_in_one_line(loader),
        initial=state.step,
        total=steps,
        desc=out.name,
        unit="step",
        mininterval=5,
        disable=not engine.is_global_zero,
    )
    for batch in bar:
        torch.manual_seed(step_seed(engine, recipe.seed, state.step))
        rate = learning_rate(recipe, state.step, steps)
        set_learning_rate(state.optimizer, rate)
        set_flow_learning_rate(recipe, state, pictures / recipe.batch)
        loss = training_step(recipe, state, batch, engine, balance_tensor)
        state.step += 1
        if log is not None and state.step % recipe.log_every == 0:
            record = _loss_record(state, loss, rate, (time.monotonic() - started) / (state.step - first))
            log.write(record)
            bar.set_postfix({"loss": f"{record['loss']:.3f}"}, refresh=False)
        if state.step % recipe.validate_every == 0 or state.step == steps:
            if log is not None:  # in the first process, while the others wait
                record = validate_and_keep(recipe, state, batches.sets[0], validation, out)
                log.write(record)
                tqdm.write(json.dumps(record))
            engine.barrier()
        if engine.is_global_zero and (state.step % recipe.checkpoint_every == 0 or state.step == steps):
            save_state(checkpoint, recipe, state, engine)
    if log is not None:
        log.close()
    return out / "weights.safetensors"


def _errors_in_one_line(loader: DataLoader[Batch]) -> Iterator[Batch]:
    """A worker's SetupError arrives with the worker's traceback in its message: users get its last line."""
    try:
        yield from loader
    except SetupError as error:
        raise SetupError(str(error).rpartition(f"{SetupError.__name__}: ")[2].strip()) from None


def _single_thread(worker: int) -> None:
    """OpenCV's own threads would fight with torch's for the cores."""
    cv2.setNumThreads(0)


def _loss_record(state: RunState, loss: StepLoss, rate: float, seconds: float) -> dict[str, float]:
    terms = loss.segmenter
    record = {
        "step": state.step,
        "loss": round(terms.total.item(), 6),
        "closed_set": round(terms.closed_set.item(), 6),
        "dataset": round(terms.dataset.item(), 6),
        "likelihood": round(terms.likelihood.item(), 6),
        "learning_rate": rate,
        "seconds_per_step": round(seconds, 3),
    }
    if loss.flow is not None:
        if loss.flow.bits_per_dimension > 0:
            record["flow_bits"] = round(loss.flow.bits_per_dimension.item(), 6)
        record["boundary"] = round(loss.flow.boundary.item(), 6)
    return record


if __name__ == "__main__":
    main()
