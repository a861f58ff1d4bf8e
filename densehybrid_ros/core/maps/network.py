"""A network and all that comes after it as one module, for engines that run nothing but a graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.postprocess import open_set_map
from densehybrid_ros.core.scores import Score


class MapsNetwork(nn.Module):
    """(B, 3, h, w) images → semantic map, score and open-set map, each (B, H, W), as `maps_of` gives them."""

    def __init__(self, network: nn.Module, fitted: Fit, score: Score, threshold: float) -> None:
        """
        Args:
            fitted: `run` is the size of the images, `image` that of the maps.
        """
        super().__init__()
        self.network = network
        self._fitted, self._score, self._threshold = fitted, score, threshold

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, dataset_logits = map(self._fitted.to_image, self.network(images))
        semantic = logits.argmax(1).to(torch.uint8)
        score = self._score(logits, dataset_logits)
        return semantic, score, open_set_map(semantic, score, self._threshold, logits.shape[1]).to(torch.uint8)
