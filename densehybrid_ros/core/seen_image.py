"""One image in a network, for scores that need more than the logits of one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.maps.choice import on_cpu
from densehybrid_ros.core.maps.strips import fill_in_strips
from densehybrid_ros.models.pre_logits import Inside


@dataclass(frozen=True)
class SeenImage:
    """What a network makes of one image."""

    network: nn.Module
    pixels: Tensor
    """(1, 3, H, W) RGB in [0, 1], of `fitted.run`, where the network is."""
    inside: Inside
    fitted: Fit

    @property
    def logits(self) -> Tensor:
        """(1, K, H, W) of the image."""
        return self.fitted.to_image(self.inside.logits)

    def of_logits(self, logits: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
        """(1, H, W) of the image, float32, without gradients; on a CPU never of the whole image at once.

        Args:
            logits: (1, K, h, w) of the network.
            score: (1, K, …) logits → (1, …), of every pixel by itself.
        """
        own = logits.detach()
        if not on_cpu(own):
            return score(self.fitted.to_image(own)).float()
        found = torch.empty(1, *self.fitted.image)
        fill_in_strips({"": found}, own, own[:, :1], self.fitted, lambda part, _: {"": score(part)})
        return found

    def of_cells(self, values: Tensor) -> Tensor:
        """(h·w,) a value for each cell of the pre-logits, row by row → (1, H, W) of the image, bilinear."""
        return self.fitted.to_image(values.view(1, 1, *self.inside.pre_logits.shape[2:]))[:, 0]

    def vectors(self) -> Tensor:
        """(h·w, C) the pre-logits, a row for each cell."""
        return self.inside.pre_logits[0].flatten(1).T


ImageScore = Callable[[SeenImage], Tensor]
"""(1, H, W) of the image, higher = more anomalous."""


def cell_rows(fitted: Fit, cells: tuple[int, int], axis: int) -> Tensor:
    """(cells,) int64: row (axis 0) or column (axis 1) of the image in which the middle of each cell lies.

    −1 where a cell lies in what continues the image.

    Args:
        cells: height and width of the network's answer.
    """
    image, scaled, run, count = fitted.image[axis], fitted.scaled[axis], fitted.run[axis], cells[axis]
    numbers = torch.arange(count, dtype=torch.float64)
    aligned = numbers * (run - 1) / max(1, count - 1) + 0.5
    middles = aligned if fitted.align_corners else (numbers + 0.5) * run / count
    places = (middles * image / scaled).floor().long()
    return torch.where(middles < scaled, places.clamp(max=image - 1), -1)
