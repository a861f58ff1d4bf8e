"""OpenMax (Bendale & Boult, 2016): logits far from the mean logits of their class lose weight to an unknown class."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.known_image import Extent, KnownImage

SAMPLES = 20_000
"""Of each class at most."""
FEWEST = 5
"""Distances in a tail, without which a class rejects nothing."""
SMALLEST_SHAPE, LARGEST_SHAPE = 1e-2, 1e3


class LogitTails:
    """Mean logits of each class where it is rightly predicted, and the Weibull tail of the distances to them."""

    def __init__(self, extent: Extent) -> None:
        self._share, self._tail = extent.share(SAMPLES), extent.settings.openmax_tail
        self._generator = torch.Generator().manual_seed(0)
        self._logits: list[list[Tensor]] = [[] for _ in range(extent.classes)]

    def add(self, image: KnownImage) -> None:
        cells = image.cells()
        right = cells.only(cells.logits.argmax(1) == cells.labels)
        for label in right.labels.unique().tolist():
            own = right.only(right.labels == label).sample(self._share, self._generator)
            self._logits[label].append(own.logits.cpu())

    def result(self) -> dict[str, Tensor]:
        """means (K, K), and location, scale and shape (K,) of the tails."""
        if not any(self._logits):
            raise SetupError("no labelled place is rightly predicted; give another set, or trained weights")
        classes = len(self._logits)
        means, tails = torch.zeros(classes, classes), torch.tensor([[0.0, torch.inf, 1.0]] * classes)
        for label, sampled in enumerate(self._logits):
            if sampled:
                logits = torch.cat(sampled).double()
                means[label] = logits.mean(0)
                tails[label] = torch.tensor(weibull_tail((logits - logits.mean(0)).norm(dim=1), self._tail))
        location, scale, shape = tails.unbind(1)
        return {"means": means, "location": location.clone(), "scale": scale.clone(), "shape": shape.clone()}


def weibull_tail(distances: Tensor, share: float) -> tuple[float, float, float]:
    """Location, scale and shape of a Weibull distribution of the largest distances, by maximum likelihood.

    The location is the largest distance before the tail. Of a tail that is too short the scale is infinite: nothing is
    rejected by it.
    """
    ordered = distances.sort().values
    count = round(share * len(ordered))
    location = ordered[-count - 1].item() if 0 < count < len(ordered) else 0.0
    beyond = ordered[len(ordered) - count :] - location
    beyond = beyond[beyond > 0]
    if len(beyond) < FEWEST:
        return location, math.inf, 1.0
    return location, *weibull_fit(beyond)


def weibull_fit(values: Tensor) -> tuple[float, float]:
    """Scale λ and shape κ of greatest likelihood for (N,) positive values: the root of dlnL/dκ, by bisection.

    Σ yᵏ ln y / Σ yᵏ − 1/κ − mean ln y grows with κ; then λᵏ = mean yᵏ.
    """
    logs = (values / values.max()).log()  # powers of them stay finite
    low, high = SMALLEST_SHAPE, LARGEST_SHAPE
    shape = math.sqrt(low * high)
    for _ in range(100):
        powers = (shape * logs).exp()
        slope = (powers * logs).sum() / powers.sum() - 1 / shape - logs.mean()
        low, high = (shape, high) if slope < 0 else (low, shape)
        shape = math.sqrt(low * high)
    scale = (shape * logs).exp().mean() ** (1 / shape) * values.max()
    return scale.item(), shape


def openmax(logits: Tensor, means: Tensor, location: Tensor, scale: Tensor, shape: Tensor, rank: int) -> Tensor:
    """ln P̂(unknown|x), in nats, at most 0 (algorithm 2).

    The class i-th in the order of logits, i = 1…α, is rejected by w_i = (α − i + 1)/α · F(‖s − μ‖), F the Weibull
    distribution of its tail; it keeps s·(1 − w_i), and the unknown class gets the sum of s·w_i as its logit. So has it
    the authors' code; the paper prints 1 − F in the place of F, by which the nearest were rejected most.

    Args:
        logits: (B, K, H, W).
        means: (K, K), a row for each class.
        location, scale, shape: (K,), of the tails.
        rank: α; at most K are revised.

    Returns:
        (B, H, W)
    """
    classes = logits.shape[1]
    rank = min(rank, classes)
    distances = torch.stack([(logits - mean[:, None, None]).square().sum(1).sqrt() for mean in means], 1)
    excess = (distances - _by_class(location)).clamp(min=0) / _by_class(scale)
    rejected = -torch.expm1(-(excess ** _by_class(shape)))
    weights = ((rank - torch.arange(classes).to(logits)) / rank).clamp(min=0)
    order = logits.argsort(1, descending=True)
    lost = logits * rejected * torch.zeros_like(logits).scatter(1, order, _by_class(weights).expand_as(logits))
    unknown = lost.sum(1)
    return unknown - torch.logaddexp((logits - lost).logsumexp(1), unknown)


def _by_class(values: Tensor) -> Tensor:
    return values.view(1, -1, 1, 1)
