"""Pre-training of a flow: what the loop of `training/run` does not know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Adamax

from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.options import with_defaults
from densehybrid_ros.pictures import write_picture
from densehybrid_ros.training.flow.config import FLOWS
from densehybrid_ros.training.flow.crops import FlowCrops, gaussian_bits_per_dimension
from densehybrid_ros.training.flow.dense_flow import DenseFlow, bits_per_dimension
from densehybrid_ros.training.flow.flow_file import save_flow

SAMPLE_GRID, SAMPLE_SEED = 6, 0
BASELINE_BATCHES = 8
"""Crops by which the Gaussian baseline is fitted."""


@dataclass(frozen=True)
class Pretraining:
    """How a flow is trained alone; the paper's: 64×64 crops, Adamax 1e-3 with warm-up."""

    config: str = "small"
    steps: int = 2000
    batch: int = 16
    side: int = 64
    learning_rate: float = 1e-3
    warm_up: int = 200
    decay: float = 0.1
    """Of the learning rate, from the first step to the last, by a constant factor per step."""
    every: int = 200
    """Steps between two evaluations, checkpoints and sample pictures."""
    seed: int = 1


class FlowPretraining:
    """A `Job` of the loop: maximum likelihood alone, in one process."""

    largest_gradient = 50.0
    advice = "lower --learning-rate"

    def __init__(self, settings: Pretraining, crops: FlowCrops, held_out: Tensor, engine: Fabric) -> None:
        """
        Args:
            held_out: (N, 3, side, side) uint8.
        """
        self.pretraining, self.batches, self.held_out, self.engine = settings, crops, held_out, engine
        self.steps = settings.steps
        self.log_every = self.validate_every = self.checkpoint_every = settings.every
        self.settings = {name: value for name, value in asdict(settings).items() if name != "every"}
        torch.manual_seed(settings.seed)
        self.flow = DenseFlow(chosen("flow", settings.config, FLOWS)).to(engine.device)
        if settings.side % self.flow.config.stride:
            raise SetupError(f"side {settings.side} is no multiple of {self.flow.config.stride}")
        self.wrapped, self.optimizer = engine.setup(self.flow, Adamax(self.flow.parameters(), settings.learning_rate))
        self.wrapped.mark_forward_method("log_likelihood")
        some = torch.cat([crops[index] for index in range(BASELINE_BATCHES)])
        self.baseline = gaussian_bits_per_dimension(some, held_out)

    def settings_then(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        return with_defaults(Pretraining, found)

    def seed(self, step: int) -> int:
        return self.pretraining.seed * 1_000_003 + step

    def learning_rate(self, step: int) -> float:
        return pretraining_rate(self.pretraining, step)

    def backward(self, batch: Tensor, step: int) -> dict[str, Tensor | float]:
        images = batch.to(self.engine.device).float() / 255
        self.flow.train()
        size = (images.shape[2], images.shape[3])
        bits = bits_per_dimension(self.wrapped.log_likelihood(images), size).mean()
        self.engine.backward(bits)
        return {"loss": bits.detach()}

    def after_step(self) -> None:
        """Nothing follows the weights."""

    def validate(self, step: int, out: Path) -> dict[str, Any]:
        write_samples(out / "samples.png", self.flow, self.pretraining.side)
        save_flow(out / "flow.safetensors", self.flow, self.pretraining.config)
        bits = held_out_bits(self.flow, self.held_out)
        return {"held_out_bits": round(bits, 4), "gaussian_bits": round(self.baseline, 4)}

    def state_dict(self) -> dict[str, Any]:
        return {"flow": self.flow.state_dict()}

    def load_state_dict(self, content: Mapping[str, Any]) -> None:
        self.flow.load_state_dict(content["flow"])


def pretraining_rate(settings: Pretraining, step: int) -> float:
    """Linear warm-up, then a constant factor per step."""
    return settings.learning_rate * settings.decay ** (step / settings.steps) * min(1, (step + 1) / settings.warm_up)


@torch.no_grad()
def held_out_bits(flow: DenseFlow, crops: torch.Tensor, batch: int = 32) -> float:
    """Mean bits per dimension of (N, 3, H, W) uint8 crops, with the same draws every time."""
    flow.eval()
    device = next(flow.parameters()).device
    generator = torch.Generator(device).manual_seed(SAMPLE_SEED)
    size = (crops.shape[2], crops.shape[3])
    parts = [
        bits_per_dimension(flow.log_likelihood(part.to(device).float() / 255, generator), size)
        for part in crops.split(batch)
    ]
    return float(torch.cat(parts).mean())


@torch.no_grad()
def write_samples(path: Path, flow: DenseFlow, side: int) -> None:
    """A grid of samples, from the same latents every time."""
    flow.eval()
    generator = torch.Generator(next(flow.parameters()).device).manual_seed(SAMPLE_SEED)
    samples = flow.sample(SAMPLE_GRID**2, (side, side), generator).cpu().numpy()
    grid = samples.reshape(SAMPLE_GRID, SAMPLE_GRID, 3, side, side).transpose(0, 3, 1, 4, 2)
    picture = (grid.reshape(SAMPLE_GRID * side, SAMPLE_GRID * side, 3) * 255).astype(np.uint8)
    write_picture(path, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
