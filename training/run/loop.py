"""The loop of every training: a step's whole life, from its seed to its checkpoint.

What is trained, on what and by which loss is a `Job`: a segmenter's is in `segmenter.py`, a flow's in
`training/flow/pretraining.py`.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import cv2
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import make_folder
from densehybrid_ros.progress import progress_bar
from densehybrid_ros.stopping import SIGNALS
from densehybrid_ros.training.run.checkpoint import reading_checkpoint, write_checkpoint
from densehybrid_ros.training.run.optimizing.schedule import set_learning_rate
from densehybrid_ros.training.run.run_log import RunLog

CHECKPOINT = "checkpoint.pt"


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


class Job(Protocol):
    """What one kind of training adds to the loop."""

    @property
    def batches(self) -> Any:
        """Item i is this process's share of the batch of step i."""
        ...

    steps: int
    log_every: int
    validate_every: int
    checkpoint_every: int
    optimizer: Optimizer

    @property
    def largest_gradient(self) -> float | None:
        """Norm at which the gradient is clipped; None = never."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides about the result: a checkpoint of other settings does not continue this run."""
        ...

    def settings_then(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings as a checkpoint has them, with the defaults of those that did not exist when it was written."""
        ...

    advice: str
    """What to do where the loss is not finite."""

    def seed(self, step: int) -> int:
        """For all that is random inside a step."""
        ...

    def learning_rate(self, step: int) -> float: ...

    def backward(self, batch: Any, step: int) -> dict[str, Tensor | float]:
        """Leaves the gradient of the step; returns what is logged of it, "loss" first, over all processes."""
        ...

    def after_step(self) -> None: ...

    def validate(self, step: int, out: Path) -> dict[str, Any]:
        """Writes the weights into `out`; returns figures of them. In the first process alone."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, content: Mapping[str, Any]) -> None: ...


def run(job: Job, engine: Fabric, out: Path, workers: int = 1) -> None:
    """Runs or resumes `job` in the folder `out`.

    Raises:
        SetupError: the checkpoint there is another run's, data cannot be read, or the loss is not finite.
    """
    make_folder(out)
    step = first = _resume(out / CHECKPOINT, job, engine)
    log = RunLog(out, first) if engine.is_global_zero else None
    remaining = range(first, job.steps)
    loader = DataLoader(job.batches, None, sampler=remaining, num_workers=workers, worker_init_fn=_start_worker)
    shown = engine.is_global_zero
    with closing(_batches(loader)) as batches:
        bar = progress_bar(batches, shown, desc=out.name, total=job.steps, initial=first, unit="step", mininterval=5)
        started = time.monotonic()
        for batch in bar:
            torch.manual_seed(job.seed(step))
            rate = job.learning_rate(step)
            set_learning_rate(job.optimizer, rate)
            job.optimizer.zero_grad(set_to_none=True)
            terms = job.backward(batch, step)
            _refuse_infinite(job, terms["loss"], engine, step)
            job.optimizer.step()
            job.after_step()
            step += 1
            if log is not None and step % job.log_every == 0:
                figures = {name: round(float(value), 6) for name, value in terms.items()}
                pace = round((time.monotonic() - started) / (step - first), 3)
                log.write({"step": step, **figures, "learning_rate": rate, "seconds_per_step": pace})
                bar.set_postfix({"loss": f"{figures['loss']:.3f}"}, refresh=False)
            if step % job.validate_every == 0 or step == job.steps:
                if log is not None:  # in the first process, while the others wait
                    record = {"step": step, **job.validate(step, out)}
                    log.write(record)
                    bar.write(json.dumps(record))
                engine.barrier()
            if engine.is_global_zero and (step % job.checkpoint_every == 0 or step == job.steps):
                _save(out / CHECKPOINT, job, engine, step)
    if log is not None:
        log.close()


def _batches(loader: DataLoader[Any]) -> Generator[Any, None, None]:
    """A worker's SetupError arrives with the worker's traceback in its message: users get its last line.

    However it ends, so do the workers: an error's traceback would hold them, and Python wait for them for ever.
    """
    batches = iter(loader)
    try:
        yield from batches
    except SetupError as error:
        raise SetupError(str(error).rpartition(f"{SetupError.__name__}: ")[2].strip()) from None
    finally:
        end_workers = getattr(batches, "_shutdown_workers", None)  # torch has no other name for it
        if end_workers is not None:
            end_workers()


def _start_worker(worker: int) -> None:
    """OpenCV's own threads would fight with torch's for the cores.

    A terminal and systemd send their signals to all processes: the first alone takes them, and ends the workers.
    """
    cv2.setNumThreads(0)
    sys.excepthook = _tell_of_errors
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _tell_of_errors(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Of the thread from which the parent fetches a worker's tensors; the worker's own errors reach the parent anyway.

    That the parent has ended while it fetched them is no error.
    """
    if not issubclass(kind, EOFError | ConnectionError):
        sys.__excepthook__(kind, error, trace)


def _refuse_infinite(job: Job, loss: Tensor | float, engine: Fabric, step: int) -> None:
    """Clips the gradient, too. In fp16 the engine scales gradients, and leaves out steps in which they overflow."""
    if not torch.isfinite(torch.as_tensor(loss)):
        raise SetupError(f"the loss is not finite at step {step}; {job.advice}")
    if getattr(engine.strategy.precision, "scaler", None) is not None:
        return
    parameters = [each for group in job.optimizer.param_groups for each in group["params"] if each.grad is not None]
    norm = nn.utils.get_total_norm([each.grad for each in parameters])
    if not torch.isfinite(norm):
        raise SetupError(f"a gradient is not finite at step {step}; {job.advice}")
    if job.largest_gradient is not None:
        nn.utils.clip_grads_with_norm_(parameters, job.largest_gradient, norm)


def _save(path: Path, job: Job, engine: Fabric, step: int) -> None:
    """Everything that `_resume` needs."""
    whole = {"optimizer": job.optimizer.state_dict(), "precision": engine.strategy.precision.state_dict(), "step": step}
    write_checkpoint(path, {**job.state_dict(), **whole, "settings": dict(job.settings)})


def _resume(path: Path, job: Job, engine: Fabric) -> int:
    """Loads a checkpoint, where there is one; returns the steps done."""
    if not path.is_file():
        return 0
    with reading_checkpoint(path, job.settings, job.settings_then) as content:
        job.load_state_dict(content)
        job.optimizer.load_state_dict(content["optimizer"])
        engine.strategy.precision.load_state_dict(content.get("precision", {}))
        return int(content["step"])
