"""What learns beside the segmenter and draws negatives for it, on its device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from densehybrid_ros.training.batches.device_batch import DeviceBatch


class Companion(Protocol):
    """Pastes negatives of its own into a batch before the segmenter is trained on it."""

    def mix(self, batch: DeviceBatch, segmenter: nn.Module, step: int) -> tuple[DeviceBatch, dict[str, float]]:
        """The batch with negatives and without gradients, and what of the companion's own step is to be logged."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        ...

    def load_state_dict(self, content: Mapping[str, Any]) -> None:
        """From a whole checkpoint."""
        ...

    def keep(self, out: Path) -> None:
        """Writes its weights into the folder of the run."""
        ...
