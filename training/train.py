"""densehybrid train RECIPE --out DIR: trains or fine-tunes a network by a recipe.

Writes into DIR: `log.jsonl` (losses and validation), `checkpoint.pt` (resumed by itself when the command is started
again), `weights.safetensors` (the newest validated weights) and `best.safetensors` (by the first validation set's
hybrid AP, or its mean IoU where it has no anomalies). `--smoke` runs two steps and one small validation.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.utils.data import DataLoader
from tqdm import tqdm

from densehybrid_ros.core.devices import resolve_device
from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.core.postprocess import upsample
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import WeightsInfo, load_weights, save_weights
from densehybrid_ros.training.batches import Batch, Batches, class_weights
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.imagenet import load_imagenet_trunk
from densehybrid_ros.training.losses import HybridLoss, closed_set_loss, hybrid_loss
from densehybrid_ros.training.recipe import Recipe, read_recipe
from densehybrid_ros.training.run_state import RunState, resume_state, save_state
from densehybrid_ros.training.validate import Evaluation, evaluate

VALIDATION_SCORES = ("hybrid", "likelihood", "posterior", "msp")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="densehybrid train", description=__doc__)
    parser.add_argument("recipe", type=Path, help="YAML recipe; see training/recipes")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; resumed where it exists")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="folders in which the recipe's roots lie")
    parser.add_argument("--start", help="overrides the recipe's starting weights")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    parser.add_argument("--steps", type=int, help="overrides the recipe's number of steps")
    parser.add_argument("--workers", type=int, default=1, help="processes that compose batches")
    parser.add_argument("--smoke", action="store_true", help="two steps and a validation on few pictures")
    arguments = parser.parse_args(argv)
    overrides: dict[str, Any] = {} if arguments.steps is None else {"steps": arguments.steps}
    if arguments.start is not None:
        overrides["start"] = arguments.start
    if arguments.smoke:
        overrides |= {"steps": 2, "validate_every": 2, "validation_stride": 50}
    train(read_recipe(arguments.recipe, arguments.data, overrides), arguments.out, arguments.device, arguments.workers)


def train(recipe: Recipe, out: Path, device_name: str = "auto", workers: int = 1) -> Path:
    """Runs or resumes a recipe; returns the path of the last weights.

    Raises:
        SetupError: anything that a user can put right, before the first step.
    """
    torch.manual_seed(recipe.seed)
    device = resolve_device(device_name)
    batches = Batches(recipe)
    state = initial_state(recipe, len(batches.classes), device)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, weights = out / "checkpoint.pt", out / "weights.safetensors"
    if checkpoint.is_file():
        resume_state(checkpoint, state)
    balance = class_weights(batches.sets, recipe.class_balance) if recipe.class_balance else None
    balance_tensor = None if balance is None else torch.from_numpy(balance).to(device)
    steps = range(state.step, recipe.steps)
    loader = DataLoader(batches, None, sampler=steps, num_workers=workers, worker_init_fn=_single_thread)
    log = (out / "log.jsonl").open("a")
    started, first = time.monotonic(), state.step
    bar = tqdm(loader, initial=state.step, total=recipe.steps, desc=out.name, unit="step", mininterval=5)
    for batch in bar:
        loss = training_step(recipe, state, batch, device, balance_tensor)
        state.step += 1
        if state.step % 20 == 0:
            record = _loss_record(state, loss, (time.monotonic() - started) / (state.step - first))
            print(json.dumps(record), file=log, flush=True)
            bar.set_postfix({"loss": f"{record['loss']:.3f}"}, refresh=False)
        if state.step % recipe.validate_every == 0 or state.step == recipe.steps:
            _validate(recipe, state, batches, out, log)
        if state.step % recipe.checkpoint_every == 0 or state.step == recipe.steps:
            save_state(checkpoint, state)
    return weights


def _single_thread(worker: int) -> None:
    """OpenCV's own threads would fight with torch's for the cores."""
    cv2.setNumThreads(0)


def initial_state(recipe: Recipe, classes: int, device: torch.device) -> RunState:
    """Network, averaged network and optimiser before the first step."""
    model = build_model(recipe.architecture, classes)
    if recipe.start == "imagenet":
        load_imagenet_trunk(model, recipe.architecture)
    elif recipe.start:
        started, info = load_weights(Path(recipe.start))
        if info.architecture != recipe.architecture or len(info.classes) != classes:
            raise SetupError(
                f"{recipe.start} holds {info.architecture} with {len(info.classes)} classes; the recipe wants "
                f"{recipe.architecture} with {classes}"
            )
        model.load_state_dict(started.state_dict())
    model = model.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(model).eval() if recipe.average else model
    if recipe.freeze_early:
        for module in model.early_layers():
            module.requires_grad_(False)
    trunk = [parameter for parameter in model.trunk_parameters() if parameter.requires_grad]
    in_trunk = {id(parameter) for parameter in model.trunk_parameters()}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in in_trunk]
    groups = [{"params": trunk, "factor": recipe.trunk_factor}, {"params": rest, "factor": 1.0}]
    beta_1, beta_2 = recipe.betas
    optimizer = AdamW(groups, recipe.learning_rate, (beta_1, beta_2), recipe.epsilon, recipe.weight_decay)
    return RunState(model, average, optimizer)


def training_step(
    recipe: Recipe, state: RunState, batch: Batch, device: torch.device, balance: Tensor | None
) -> HybridLoss:
    """One optimiser step; returns the loss terms before it."""
    images, labels, dataset_labels = (part.to(device, non_blocking=True) for part in batch)
    state.model.train()
    if recipe.freeze_early:
        for module in state.model.early_layers():
            module.eval()
    set_learning_rate(recipe, state)
    pixels = (images.float() / 255).contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
        logits, dataset_logits = state.model(pixels)
    window = _loss_window(recipe, state.step)
    size = (images.shape[2], images.shape[3])
    loss = _loss(
        recipe,
        upsample(logits, size)[window],
        upsample(dataset_logits, size)[window],
        labels[window].long(),
        dataset_labels[window].long(),
        balance,
    )
    if not torch.isfinite(loss.total):
        raise SetupError(f"the loss is not finite at step {state.step}; lower the learning rate or bound the loss")
    state.optimizer.zero_grad(set_to_none=True)
    loss.total.backward()
    state.optimizer.step()
    if recipe.average:
        update_average(state.average, state.model, min(recipe.average, (state.step + 1) / (state.step + 10)))
    return loss


def set_learning_rate(recipe: Recipe, state: RunState) -> None:
    """Linear warm-up, then a cosine from the recipe's rate to its minimum."""
    warm = min(1.0, (state.step + 1) / max(recipe.warm_up, 1))
    cosine = 0.5 * (1 + math.cos(math.pi * state.step / recipe.steps))
    rate = warm * (recipe.learning_rate_min + (recipe.learning_rate - recipe.learning_rate_min) * cosine)
    for group in state.optimizer.param_groups:
        group["lr"] = rate * group["factor"]


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average ← decay·average + (1 − decay)·model, buffers that are not floating copied."""
    for slow, fast in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - decay)
        else:
            slow.copy_(fast)


def _loss_window(recipe: Recipe, step: int) -> tuple[Any, ...]:
    """Every n-th pixel of the last two axes, the offset running through all of them with the steps."""
    stride = recipe.loss_stride
    return (..., slice(step % stride, None, stride), slice((step // stride) % stride, None, stride))


def _loss(
    recipe: Recipe,
    logits: Tensor,
    dataset_logits: Tensor,
    labels: Tensor,
    dataset_labels: Tensor,
    balance: Tensor | None,
) -> HybridLoss:
    if recipe.open_set:
        return hybrid_loss(logits, dataset_logits, labels, dataset_labels, recipe.loss, balance)
    closed_set = closed_set_loss(logits, labels, balance)
    nothing = torch.zeros_like(closed_set)
    return HybridLoss(closed_set, closed_set, nothing, nothing)


def _loss_record(state: RunState, loss: HybridLoss, seconds: float) -> dict[str, float]:
    return {
        "step": state.step,
        "loss": round(loss.total.item(), 4),
        "closed_set": round(loss.closed_set.item(), 4),
        "dataset": round(loss.dataset.item(), 4),
        "likelihood": round(loss.likelihood.item(), 4),
        "seconds_per_step": round(seconds, 3),
    }


def _validate(recipe: Recipe, state: RunState, batches: Batches, out: Path, log: Any) -> None:
    """Evaluates the averaged weights, logs the figures, writes them as weights files."""
    source = batches.sets[0]
    info = WeightsInfo(
        architecture=recipe.architecture,
        classes=source.classes,
        palette=source.palette,
        normalisation=str(state.model.normalisation),
        inference_width=recipe.inference_width,
        threshold=0.0,
        training_data=recipe.training_data,
        licence=recipe.licence,
        recipe=f"{recipe.architecture}, {state.step} steps, seed {recipe.seed}",
    )
    device = next(state.average.parameters()).device
    segmenter = Segmenter(copy.deepcopy(state.average), info, device, torch.float32, recipe.inference_width)
    record: dict[str, Any] = {"step": state.step}
    deciding: float | None = None
    for entry in recipe.validation:
        dataset = labelled_set(entry.name, Path(entry.root), entry.split)
        result = evaluate(segmenter, dataset, VALIDATION_SCORES, recipe.validation_stride)
        record[dataset.name] = figures_of(result)
        if deciding is None:
            deciding = result.rankings["hybrid"].ap if result.rankings else result.mean_iou
    print(json.dumps(record), file=log, flush=True)
    tqdm.write(json.dumps(record))
    save_weights(out / "weights.safetensors", state.average, info, half=False)
    if deciding is not None and deciding >= _best_so_far(out):
        save_weights(out / "best.safetensors", state.average, info, half=False)
        (out / "best.json").write_text(json.dumps({"deciding": deciding, **record}))


def _best_so_far(out: Path) -> float:
    path = out / "best.json"
    return json.loads(path.read_text())["deciding"] if path.is_file() else -math.inf


def figures_of(result: Evaluation) -> dict[str, Any]:
    """A compact record in percent: {"miou", score: [ap, fpr95], parts}."""
    record: dict[str, Any] = {"miou": round(100 * result.mean_iou, 2)}
    for name, ranking in result.rankings.items():
        record[name] = [round(100 * ranking.ap, 2), round(100 * ranking.fpr95, 2)]
    record["parts"] = {name: round(value, 2) for name, value in result.score_parts.items()}
    return record


if __name__ == "__main__":
    main()
