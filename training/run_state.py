"""Checkpoints of a run: written atomically, read back without executing anything, exact to the step."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Optimizer

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.training.flow.dense_flow import DenseFlow


@dataclass
class RunState:
    """Everything that changes during training. Batches, and what is random in a step, are functions of the step."""

    model: nn.Module
    average: nn.Module
    """The averaged weights; the model itself where no averaging is used."""
    optimizer: Optimizer
    wrapped: nn.Module
    """The model as the engine runs it: in its precision, and with the other processes."""
    flow: DenseFlow | None = None
    """Makes synthetic negatives; None = there are none."""
    flow_optimizer: Optimizer | None = None
    flow_config: str = ""
    step: int = 0
    """Steps done."""


def save_state(path: Path, state: RunState, engine: Fabric) -> None:
    """Writes beside the target and renames: a killed process leaves a whole checkpoint."""
    flow = {}
    if state.flow is not None and state.flow_optimizer is not None:
        flow = {"flow": state.flow.state_dict(), "flow_optimizer": state.flow_optimizer.state_dict()}
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        torch.save(
            {
                "model": state.model.state_dict(),
                "average": state.average.state_dict(),
                "optimizer": state.optimizer.state_dict(),
                "precision": engine.strategy.precision.state_dict(),
                "step": state.step,
                **flow,
            },
            file,
        )
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def resume_state(path: Path, state: RunState, engine: Fabric) -> None:
    """Loads a checkpoint into `state`, in place.

    Raises:
        SetupError: unreadable, or from a run of another recipe.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        state.model.load_state_dict(content["model"])
        state.average.load_state_dict(content["average"])
        state.optimizer.load_state_dict(content["optimizer"])
        engine.strategy.precision.load_state_dict(content["precision"])
        if state.flow is not None and state.flow_optimizer is not None:
            state.flow.load_state_dict(content["flow"])
            state.flow_optimizer.load_state_dict(content["flow_optimizer"])
        state.step = content["step"]
    except (RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise SetupError(
            f"checkpoint {path} does not continue this run ({reason}); remove the run folder or give another --out"
        ) from error
