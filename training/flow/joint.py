"""Joint training: samples of the flow are pasted as negatives; the segmenter's doubt about them leads the flow.

The order of a step: `paste_samples`, `flow_step` (gradients through the segmenter into the flow), then the
segmenter's own step with `MixedBatch.detached`, which leads no gradient into the flow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adamax, Optimizer

from densehybrid_ros.core.postprocess import upsample
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.sampling import aligns_corners
from densehybrid_ros.training.batches.device_batch import DeviceBatch
from densehybrid_ros.training.flow.boundary import FlowLoss, boundary_loss
from densehybrid_ros.training.flow.dense_flow import DenseFlow, bits_per_dimension
from densehybrid_ros.training.flow.flow_file import save_flow
from densehybrid_ros.training.flow.sample_pasting import MixedBatch, SamplePasting, paste_samples
from densehybrid_ros.training.recipe.recipe import FlowTraining

LARGEST_GRADIENT = 10.0
"""Norm at which the flow's gradient is clipped."""
SAMPLE_STREAM = 2**61
"""Of random numbers, beside that of the segmenter's step."""
LOSS_SCALE = 2.0**14
"""Of the loss on its way back through a segmenter in fp16, where the boundary term's gradient would become 0."""


class JointFlow:
    """A `Companion` of the segmenter."""

    def __init__(
        self,
        flow: DenseFlow,
        config: str,
        settings: FlowTraining,
        steps_per_epoch: float,
        engine: Fabric,
        seed: Callable[[int], int],
    ) -> None:
        """
        Args:
            config: the name of the flow's configuration.
            seed: for what is random in a step of the segmenter.
        """
        self.flow = flow.to(engine.device).train()
        self.optimizer = Adamax(flow.parameters(), settings.learning_rate)
        self.config, self.settings, self.steps_per_epoch = config, settings, steps_per_epoch
        self.engine, self.seed = engine, seed
        self.pasting = SamplePasting((settings.sides[0], settings.sides[1]), settings.probability, settings.style)

    def mix(self, batch: DeviceBatch, segmenter: nn.Module, step: int) -> tuple[DeviceBatch, dict[str, float]]:
        """The batch with samples, and the flow's losses in steps in which it is trained."""
        settings = self.settings
        generator = torch.Generator(self.engine.device).manual_seed(SAMPLE_STREAM + self.seed(step))
        trains = step % settings.every == 0
        with torch.set_grad_enabled(trains):
            mixed = paste_samples(self.flow, *batch, self.pasting, generator)
        detached = DeviceBatch(mixed.detached, mixed.labels, mixed.dataset_labels)
        if not trains:
            return detached, {}
        self.optimizer.param_groups[0]["lr"] = decayed_rate(settings, step, self.steps_per_epoch)
        loss = flow_step(
            self.flow,
            self.optimizer,
            segmenter,
            mixed,
            settings.boundary,
            self._averaged,
            generator,
            self.engine.autocast,
        )
        bits = loss.bits_per_dimension.item()
        return detached, {**({"flow_bits": bits} if bits > 0 else {}), "boundary": loss.boundary.item()}

    def state_dict(self) -> dict[str, Any]:
        return {"flow": self.flow.state_dict(), "flow_optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, content: Mapping[str, Any]) -> None:
        self.flow.load_state_dict(content["flow"])
        self.optimizer.load_state_dict(content["flow_optimizer"])

    def keep(self, out: Path) -> None:
        save_flow(out / "flow.safetensors", self.flow, self.config)

    def _averaged(self, values: Tensor) -> Tensor:
        """Over all processes."""
        mean = self.engine.all_reduce(values, reduce_op="mean")
        assert isinstance(mean, Tensor)
        return mean


def decayed_rate(settings: FlowTraining, step: int, steps_per_epoch: float) -> float:
    """A constant factor per epoch."""
    return settings.learning_rate * settings.decay ** (step // steps_per_epoch)


def flow_step(
    flow: DenseFlow,
    optimizer: Optimizer,
    segmenter: nn.Module,
    mixed: MixedBatch,
    weight: float,
    share: Callable[[Tensor], Tensor] = lambda values: values,
    generator: torch.Generator | None = None,
    precision: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> FlowLoss:
    """One step of L_mle + weight·L_jsd on the flow alone: the segmenter's weights, gradients and statistics stay.

    Args:
        segmenter: images in [0, 1] → logits (B, K, h, w) and dataset logits.
        share: averages values over all processes.
        precision: that of the segmenter; the flow itself works in that of its weights.

    Raises:
        SetupError: the gradient is not finite.
    """
    training = segmenter.training
    segmenter.eval()  # batch norm must neither use nor learn the statistics of a batch with samples in it
    try:
        with precision():
            logits, _ = segmenter(mixed.images)
    finally:
        segmenter.train(training)
    size = (mixed.images.shape[2], mixed.images.shape[3])
    boundary = boundary_loss(upsample(logits, size, aligns_corners(segmenter)), mixed.generated)
    crop = (mixed.replaced.shape[2], mixed.replaced.shape[3])
    bits = boundary.new_zeros(())
    if len(mixed.replaced):
        bits = bits_per_dimension(flow.log_likelihood(mixed.replaced, generator), crop).mean()
    total = bits + weight * boundary
    parameters = [parameter for parameter in flow.parameters() if parameter.requires_grad]
    # grad, not backward: the segmenter's own gradients are not touched
    gradients = torch.autograd.grad(LOSS_SCALE * total, parameters, allow_unused=True, materialize_grads=True)
    # one message for all of them: a large flow has two thousand tensors
    shared = share(torch.cat([each.flatten() for each in gradients])) / LOSS_SCALE
    if not torch.isfinite(shared).all():
        raise SetupError("the flow's gradient is not finite; lower flow.learning_rate or flow.boundary")
    for parameter, gradient in zip(parameters, shared.split([each.numel() for each in parameters]), strict=True):
        parameter.grad = gradient.view_as(parameter)
    nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return FlowLoss(*share(torch.stack([total, bits, boundary]).detach()).unbind())
