"""Training of a segmenter by a recipe: what the loop does not know of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.installed import Trainable
from densehybrid_ros.models.sampling import aligns_corners
from densehybrid_ros.training.batches.batches import Batch, Batches, class_weights
from densehybrid_ros.training.batches.device_batch import DeviceBatch
from densehybrid_ros.training.evaluation.pasted_set import validation_sets
from densehybrid_ros.training.losses.hybrid import HybridLoss, closed_set_loss, hybrid_loss, pixel_counts
from densehybrid_ros.training.recipe.recipe import ASKED, Recipe, lasting_part, lasting_part_then
from densehybrid_ros.training.run.average import count_averaged
from densehybrid_ros.training.run.engine import make_engine, step_seed, summed
from densehybrid_ros.training.run.kept_weights import forget_best, validate_and_keep
from densehybrid_ros.training.run.loop import CHECKPOINT, Machines, run
from densehybrid_ros.training.run.loss_window import loss_window
from densehybrid_ros.training.run.optimizing.schedule import learning_rate, number_of_steps
from densehybrid_ros.training.run.run_report import forget_report, is_reported
from densehybrid_ros.training.run.start import initial_state


def train(recipe: Recipe, out: Path, machines: Machines) -> Path:
    """Runs or resumes a recipe; returns the path of the last weights.

    Raises:
        SetupError: anything that a user can put right, before the first step.
    """
    if recipe.start == ASKED and not (out / CHECKPOINT).is_file():
        raise SetupError("the recipe starts from trained weights, which its first lines name; give them with --start")
    engine = make_engine(machines.device, machines.processes, machines.nodes, recipe.precision)
    job = SegmenterTraining(recipe, engine, machines.cache)
    if not (out / CHECKPOINT).is_file():
        forget_best(out)
        forget_report(out)
    run(job, engine, out, machines.workers)
    if engine.is_global_zero and job.validation and not (job.reported or is_reported(out)):
        job.validate(job.steps, out)  # the run had ended before, without its report
    return out / "weights.safetensors"


class SegmenterTraining:
    """A `Job` of the loop."""

    largest_gradient = None
    advice = "lower the learning rate or bound the loss"
    reported = False
    """Whether the last validation, and so the report of the run, was made by this process."""

    def __init__(self, recipe: Recipe, engine: Fabric, cache: Path | None = None) -> None:
        self.recipe, self.engine, self.settings = recipe, engine, lasting_part(recipe)
        self.batches = Batches(recipe, engine.global_rank, engine.world_size, cache)
        sets, classes = self.batches.sets, self.batches.classes
        self.validation = validation_sets(recipe.validation, classes)
        pictures = sum(map(len, sets))
        self.steps, self.log_every = number_of_steps(recipe, pictures), recipe.log_every
        self.validate_every, self.checkpoint_every = recipe.validate_every, recipe.checkpoint_every
        self.state = initial_state(recipe, classes, pictures / recipe.batch, engine)
        self.optimizer = self.state.optimizer
        balance = class_weights(sets, recipe.class_balance) if recipe.class_balance else None
        self.balance = None if balance is None else torch.from_numpy(balance).to(engine.device)

    def settings_then(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        return lasting_part_then(found)

    def seed(self, step: int) -> int:
        return step_seed(self.engine, self.recipe.seed, step)

    def learning_rate(self, step: int) -> float:
        return learning_rate(self.recipe, step, self.steps)

    def backward(self, batch: Batch, step: int) -> dict[str, Tensor | float]:
        """The gradient of the batch, over all its parts and processes.

        Means are taken over the pixels of the whole batch, so neither `accumulate` nor the number of processes changes
        the gradient.
        """
        recipe, state, engine = self.recipe, self.state, self.engine
        images, labels, dataset_labels = (part.to(engine.device, non_blocking=True) for part in batch)
        mixed, beside = DeviceBatch(images.float() / 255, labels, dataset_labels), {}
        if state.companion is not None:
            mixed, beside = state.companion.mix(mixed, state.model, step)
        window = loss_window(recipe.loss_stride, step)
        labels, dataset_labels = (window.of_labels(each).long() for each in (mixed.labels, mixed.dataset_labels))
        counts = summed(engine, pixel_counts(labels, dataset_labels))
        if recipe.loss.as_released and recipe.open_set and not counts[2]:
            raise SetupError(f"the batch of step {step} holds no negative: as_released gives nan, as released")
        set_training_mode(recipe, state.model)
        size, corners = (mixed.images.shape[2], mixed.images.shape[3]), aligns_corners(state.model)
        parts: list[Tensor] = []
        indices = torch.arange(len(images)).chunk(recipe.accumulate)
        for number, chosen in enumerate(indices, start=1):
            pixels = mixed.images[chosen].contiguous(memory_format=torch.channels_last)
            with engine.no_backward_sync(state.wrapped, enabled=engine.world_size > 1 and number < len(indices)):
                answers = state.wrapped(pixels)
                logits, dataset_logits = (window.of_logits(each, size, corners) for each in answers)
                loss = self._loss(logits, dataset_logits, labels[chosen], dataset_labels[chosen], counts)
                # gradients are averaged over processes, and are to be summed
                engine.backward(loss.total * engine.world_size)
            parts.append(torch.stack([loss.total, loss.closed_set, loss.dataset, loss.likelihood]).detach())
        terms = summed(engine, torch.stack(parts).sum(0)).unbind()
        return {**dict(zip(("loss", "closed_set", "dataset", "likelihood"), terms, strict=True)), **beside}

    def after_step(self) -> None:
        if self.state.average is not None:
            self.state.average.update_parameters(self.state.model)

    def validate(self, step: int, out: Path) -> dict[str, Any]:
        if self.state.companion is not None:
            self.state.companion.keep(out)
        self.reported = step == self.steps
        kept, source = self.state.kept, self.batches.sets[0]
        return validate_and_keep(self.recipe, kept, step, source, self.validation, out, self.reported)

    def state_dict(self) -> dict[str, Any]:
        beside = {} if self.state.companion is None else self.state.companion.state_dict()
        return {"model": self.state.model.state_dict(), "average": self.state.kept.state_dict(), **beside}

    def load_state_dict(self, content: Mapping[str, Any]) -> None:
        self.state.model.load_state_dict(content["model"])
        if self.state.average is not None:
            self.state.average.module.load_state_dict(content["average"])
            count_averaged(self.state.average, content["step"])
        if self.state.companion is not None:
            self.state.companion.load_state_dict(content)

    def _loss(
        self, logits: Tensor, dataset_logits: Tensor, labels: Tensor, dataset_labels: Tensor, counts: Tensor
    ) -> HybridLoss:
        if self.recipe.open_set:
            weights = self.recipe.loss
            return hybrid_loss(logits, dataset_logits, labels, dataset_labels, weights, self.balance, counts)
        closed_set = closed_set_loss(logits, labels, self.balance, counts[0])
        nothing = torch.zeros_like(closed_set)
        return HybridLoss(closed_set, closed_set, nothing, nothing)


def set_training_mode(recipe: Recipe, model: nn.Module) -> None:
    """Everything trains but what the recipe freezes."""
    model.train()
    if recipe.freeze_early:
        for module in cast(Trainable, model).early_layers():
            module.eval()
    if recipe.freeze_batch_norm:
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
