"""ReAct (Sun et al., 2021): the energy after pre-logits that are unusually great have been clipped."""

from __future__ import annotations

import torch
from torch import Tensor

from densehybrid_ros.core.seen_image import SeenImage
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.pre_logits import class_convolution
from densehybrid_ros.training.baselines.known_image import Extent, KnownImage

SAMPLES = 20_000
"""Cells, each with all its channels."""
STEPS = 1000
"""From percentile 0 to 100."""


class ActivationPercentiles:
    """Percentiles of all channels of the training pre-logits together."""

    def __init__(self, extent: Extent) -> None:
        self._share = extent.share(SAMPLES)
        self._generator = torch.Generator().manual_seed(0)
        self._sampled: list[Tensor] = []

    def add(self, image: KnownImage) -> None:
        self._sampled.append(image.cells().sample(self._share, self._generator).pre_logits.flatten().cpu())

    def result(self) -> dict[str, Tensor]:
        """percentiles: (STEPS + 1,), rising."""
        values = torch.cat(self._sampled) if self._sampled else torch.empty(0)
        if not len(values):
            raise SetupError("no labelled place to take percentiles of; give a set with labels of known classes")
        ordered = values.double().sort().values
        places = torch.linspace(0, len(ordered) - 1, STEPS + 1, dtype=torch.float64)
        below = places.floor().long()
        above = (below + 1).clamp(max=len(ordered) - 1)
        return {"percentiles": torch.lerp(ordered[below], ordered[above], places - below).float()}


def percentile(percentiles: Tensor, wanted: float) -> float:
    """The value at `wanted`, 0 to 100, between two percentiles on the line through them."""
    place = wanted / 100 * (len(percentiles) - 1)
    below = int(place)
    above = min(below + 1, len(percentiles) - 1)
    return float(torch.lerp(percentiles[below], percentiles[above], place - below))


def clipped_energy(seen: SeenImage, limit: float) -> Tensor:
    """−LSE of the logits of min(z, limit), in nats, unbounded; (1, H, W)."""
    logits = class_convolution(seen.network)(seen.inside.pre_logits.clamp(max=limit))
    return seen.of_logits(logits, lambda part: -part.logsumexp(1))
