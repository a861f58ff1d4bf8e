"""densehybrid pretrain-flow --set NAME --root DIR --out DIR: teaches a flow what crops of a data set look like.

Maximum likelihood alone, on crops of 64x64; the flow is then ready for joint training with a segmenter (the section
`flow` of a recipe). Writes into --out: `log.jsonl` and `events` (bits per dimension), `checkpoint.pt` (resumed by
itself), `flow.safetensors` and `samples.png`.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_
from torch.optim import Adamax, Optimizer
from torch.utils.data import DataLoader
from tqdm import tqdm

from densehybrid_ros.core.devices import resolve_device
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.flow.config import FLOWS, flow_config
from densehybrid_ros.training.flow.crops import FlowCrops, gaussian_bits_per_dimension, held_out_crops
from densehybrid_ros.training.flow.dense_flow import DenseFlow, bits_per_dimension
from densehybrid_ros.training.flow.flow_file import save_flow
from densehybrid_ros.training.run.checkpoint_file import reading_checkpoint, write_checkpoint
from densehybrid_ros.training.run.run_log import RunLog

LARGEST_GRADIENT = 50.0
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


def main(argv: list[str] | None = None) -> None:
    defaults = Pretraining()
    parser = argparse.ArgumentParser(
        prog="densehybrid pretrain-flow", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", dest="name", required=True, help="name of the data set")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--held-out", default="val", help="split on which bits per dimension are told")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", default=defaults.config, help=", ".join(FLOWS))
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--batch", type=int, default=defaults.batch)
    parser.add_argument("--side", type=int, default=defaults.side)
    parser.add_argument("--learning-rate", type=float, default=defaults.learning_rate)
    parser.add_argument("--every", type=int, default=defaults.every)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args(argv)
    if min(given.steps, given.batch, given.side, given.every) < 1 or given.workers < 0:
        raise SetupError("steps, batch, side and every must be at least 1, workers at least 0")
    if not given.learning_rate > 0:
        raise SetupError(f"--learning-rate is {given.learning_rate}; give more than 0")
    settings = Pretraining(given.config, given.steps, given.batch, given.side, given.learning_rate, every=given.every)
    train, held_out = (labelled_set(given.name, given.root, split) for split in (given.split, given.held_out))
    crops = FlowCrops(train, settings.side, settings.batch, settings.seed)
    pretrain(settings, crops, held_out_crops(held_out, settings.side, 96), given.out, given.device, given.workers)


def pretrain(
    settings: Pretraining, crops: FlowCrops, held_out: torch.Tensor, out: Path, device_name: str, workers: int
) -> Path:
    """Runs or resumes; returns the path of the flow's weights."""
    device = resolve_device(device_name)
    torch.manual_seed(settings.seed)
    flow = DenseFlow(flow_config(settings.config)).to(device)
    if settings.side % flow.config.stride:
        raise SetupError(f"side {settings.side} is no multiple of {flow.config.stride}")
    optimizer = Adamax(flow.parameters(), settings.learning_rate)
    out.mkdir(parents=True, exist_ok=True)
    step = _resume(out / "checkpoint.pt", settings, flow, optimizer)
    baseline = gaussian_bits_per_dimension(torch.cat([crops[index] for index in range(BASELINE_BATCHES)]), held_out)
    loader = DataLoader(crops, None, sampler=range(step, settings.steps), num_workers=workers)
    log = RunLog(out, step)
    started = time.monotonic()
    bar = tqdm(loader, initial=step, total=settings.steps, desc=out.name, unit="step", mininterval=5)
    for batch in bar:
        bits = _step(settings, flow, optimizer, batch.to(device), step)
        step += 1
        if step % settings.every == 0 or step == settings.steps:
            record = {
                "step": step,
                "bits": round(bits, 4),
                "held_out_bits": round(held_out_bits(flow, held_out), 4),
                "gaussian_bits": round(baseline, 4),
                "seconds": round(time.monotonic() - started, 1),
            }
            log.write(record)
            tqdm.write(json.dumps(record))
            write_samples(out / "samples.png", flow, settings.side)
            save_flow(out / "flow.safetensors", flow, settings.config)
            _save(out / "checkpoint.pt", settings, flow, optimizer, step)
    log.close()
    return out / "flow.safetensors"


def _step(settings: Pretraining, flow: DenseFlow, optimizer: Optimizer, batch: torch.Tensor, step: int) -> float:
    rate = settings.learning_rate * settings.decay ** (step / settings.steps) * min(1, (step + 1) / settings.warm_up)
    for group in optimizer.param_groups:
        group["lr"] = rate
    torch.manual_seed(settings.seed * 1_000_003 + step)  # a resumed run repeats what is random in a step
    flow.train()
    bits = bits_per_dimension(flow.log_likelihood(batch.float() / 255), (settings.side, settings.side)).mean()
    if not torch.isfinite(bits):
        raise SetupError(f"the likelihood is not finite at step {step}; lower --learning-rate")
    optimizer.zero_grad(set_to_none=True)
    bits.backward()
    norm = clip_grad_norm_(flow.parameters(), LARGEST_GRADIENT)
    if not torch.isfinite(norm):
        raise SetupError(f"the gradient is not finite at step {step}; lower --learning-rate")
    optimizer.step()
    return float(bits.detach())


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
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _save(path: Path, settings: Pretraining, flow: DenseFlow, optimizer: Optimizer, step: int) -> None:
    content = {"flow": flow.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    write_checkpoint(path, {**content, "settings": asdict(settings)})


def _resume(path: Path, settings: Pretraining, flow: DenseFlow, optimizer: Optimizer) -> int:
    """Steps done."""
    if not path.is_file():
        return 0
    decisive = {name: value for name, value in asdict(settings).items() if name != "every"}
    with reading_checkpoint(path, decisive) as content:
        flow.load_state_dict(content["flow"])
        optimizer.load_state_dict(content["optimizer"])
        return int(content["step"])


if __name__ == "__main__":
    main()
