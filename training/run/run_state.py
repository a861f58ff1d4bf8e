"""What changes during a training run, saved and resumed exact to the step."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from torch import nn
from torch.optim import Optimizer

from densehybrid_ros.training.flow.dense_flow import DenseFlow
from densehybrid_ros.training.recipe.recipe import Recipe
from densehybrid_ros.training.run.checkpoint_file import reading_checkpoint, write_checkpoint

FREE = ("start", "accumulate", "inference_width", "log_every", "checkpoint_every", "training_data", "licence")
VALIDATION_KEYS = ("validation", "validation_stride", "validate_every")
"""Keys of a recipe that may change while a run is continued."""


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


def save_state(path: Path, recipe: Recipe, state: RunState, engine: Fabric) -> None:
    """Everything that `resume_state` needs."""
    content = {
        "model": state.model.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "precision": engine.strategy.precision.state_dict(),
        "step": state.step,
        "settings": lasting_part(recipe),
    }
    if state.flow is not None and state.flow_optimizer is not None:
        content |= {"flow": state.flow.state_dict(), "flow_optimizer": state.flow_optimizer.state_dict()}
    write_checkpoint(path, content)


def lasting_part(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe decides about the weights; where data lie, and what is logged and when, does not."""
    kept = {name: value for name, value in asdict(recipe).items() if name not in FREE + VALIDATION_KEYS}
    kept["train"] = [{**source, "root": ""} for source in kept["train"]]
    kept["pasting"] = {**kept["pasting"], "root": bool(kept["pasting"]["root"])}
    kept["flow"] = {**kept["flow"], "weights": bool(kept["flow"]["weights"])}
    return kept


def resume_state(path: Path, recipe: Recipe, state: RunState, engine: Fabric) -> None:
    """Loads a checkpoint into `state`, in place.

    Raises:
        SetupError: unreadable, or from a run of another recipe.
    """
    with reading_checkpoint(path, lasting_part(recipe)) as content:
        state.model.load_state_dict(content["model"])
        state.average.load_state_dict(content["average"])
        state.optimizer.load_state_dict(content["optimizer"])
        engine.strategy.precision.load_state_dict(content["precision"])
        if state.flow is not None and state.flow_optimizer is not None:
            state.flow.load_state_dict(content["flow"])
            state.flow_optimizer.load_state_dict(content["flow_optimizer"])
        state.step = content["step"]
