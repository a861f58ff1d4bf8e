"""What changes during a training run. Batches, and what is random in a step, are functions of the step."""

from __future__ import annotations

from dataclasses import dataclass

from lightning_fabric.wrappers import _FabricModule
from torch import nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from densehybrid_ros.training.run.companion import Companion


@dataclass(frozen=True)
class RunState:
    """On the device of the run; the same in every process."""

    model: nn.Module
    average: AveragedModel | None
    """The averaged weights, where a recipe wants them."""
    optimizer: Optimizer
    wrapped: _FabricModule
    """The model as the engine runs it: in its precision, and with the other processes."""
    companion: Companion | None = None
    """Draws negatives that no file holds."""

    @property
    def kept(self) -> nn.Module:
        """What is validated and written."""
        return self.model if self.average is None else self.average.module
