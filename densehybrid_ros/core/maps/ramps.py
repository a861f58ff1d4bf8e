"""Greatest class and sums over the classes of bilinearly enlarged logits, which are never enlarged.

Between the middles of two cells of a row every logit is a straight line over the pixels, here called a ramp. So its
exponential is a geometric progression: a product for each pixel takes the place of an exponential. And the class that
is the greatest at both ends is the greatest everywhere between them: only where the ends differ pixels are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.postprocess import first_maximum

FEWEST = 3
"""Pixels of a ramp: with fewer the enlarged logits cost no more."""
STEEPEST = 60.0
"""Nats between the ends of a ramp: exponentials stay within fp32's range, whatever the other classes are."""
MOST_MIXED = 0.3
"""Share of ramps with different greatest classes at their ends, above which pixels of all ramps are looked at: of
pictures it is 0.02."""
LARGEST = 43.0
"""Logit of whose double the exponential is within fp32's range, as is that of minus the double."""
EXACT = 1e-4
"""Largest difference of a share to that of the interpolation, which itself rounds places of some hundred cells."""
EVEN = 1e-6
"""The same of ramps that are called even."""


@dataclass(frozen=True)
class Ramps:
    """The pixels of a row, ramp by ramp: the first ends in the middle of the first cell, the next begins there.

    Beyond the outermost cells logits are continued: both ends of a ramp are the same cell.
    """

    first: Tensor
    """(ramps,) float32: share of the right end in a ramp's first pixel."""
    step: float
    """How much it grows from pixel to pixel."""
    shares: Tensor
    """(ramps, pixels) of the right end, as the interpolation rounds them."""
    even: bool
    """Whether they grow by `step` to EVEN; sums that add up the error of every class need that."""
    places: Tensor | slice
    """Where each pixel of the row stands among ramps · pixels places."""

    @property
    def count(self) -> int:
        return len(self.first)

    @property
    def pixels(self) -> int:
        """Of the longest ramp; each has so many places, some of them outside the picture or in the next ramp."""
        return self.shares.shape[1]

    def row(self, values: Tensor) -> Tensor:
        """(…, ramps, pixels) → (…, W)."""
        return values.flatten(-2)[..., self.places]

    def along(self, ends: Tensor) -> Tensor:
        """(…, cells + 2) with the outermost cells twice → (…, ramps, pixels), interpolated."""
        left = ends[..., : self.count, None]
        return torch.addcmul(left, ends[..., 1 : self.count + 1, None] - left, self.shares)


@lru_cache(maxsize=8)
def ramps_of(fitted: Fit, cells: int) -> Ramps | None:
    """None where a row is not made of ramps of at least FEWEST pixels.

    Args:
        cells: width of the logits.
    """
    weights = fitted.column_weights(cells)
    left = (weights != 0).to(torch.uint8).argmax(1)
    share = weights.gather(1, (left + 1).clamp(max=cells - 1)[:, None])[:, 0] * (left + 1 < cells)
    ramp = torch.where((left == 0) & (share == 0), 0, left + 1)
    counts = torch.bincount(ramp)
    pixels, begins = int(counts.max()), counts.cumsum(0) - counts
    inner = ((ramp > 0) & (ramp < cells)).nonzero()[:, 0]
    if counts.min() == 0 or pixels < FEWEST or len(inner) < 2:
        return None
    along = (left + share.double())[inner]
    step = float((along[-1] - along[0]) / (len(inner) - 1))
    first = share[begins]
    number = torch.arange(len(weights)) - begins[ramp]
    number[ramp == 0] += pixels - counts[0]  # at its end, so that ramps of one length follow each other without a gap
    shares = first[ramp] + step * number
    cell = (torch.arange(cells + 2) - 1).clamp(0, cells - 1)
    again = torch.zeros_like(weights)
    again.scatter_add_(1, cell[ramp][:, None], 1 - shares[:, None])
    again.scatter_add_(1, cell[ramp + 1][:, None], shares[:, None])
    if not torch.allclose(again, weights, rtol=0, atol=EXACT):
        return None
    places = ramp * pixels + number
    rounded = first[:, None] + step * torch.arange(pixels)
    rounded.view(-1)[places[inner]] = share[inner]
    even = torch.allclose(shares[inner], share[inner], rtol=0, atol=EVEN)
    begin = int(places[0])
    if int(places[-1]) - begin == len(places) - 1:
        return Ramps(first, step, rounded, even, slice(begin, begin + len(places)))
    return Ramps(first, step, rounded, even, places)


def with_ends(logits: Tensor) -> Tensor:
    """(B, C, h, w) → (B, C, h, w + 2) float32, the outermost cells of each row twice."""
    return F.pad(logits.float().contiguous(), (1, 1, 0, 0), mode="replicate")


def steep(logits: Tensor) -> bool:
    """Whether between two cells of a row a logit changes by more than STEEPEST, or any is no number."""
    steps = logits.float().diff(dim=-1)
    return not (float(steps.abs().amax()) <= STEEPEST and bool(logits[..., 0].isfinite().all()))


class RampLogits:
    """What scores need of logits, in places of ramps: (1, R, ramps, pixels), each computed when it is first needed."""

    def __init__(self, ends: Tensor, ramps: Ramps) -> None:
        """
        Args:
            ends: (K, R, cells + 2), not `steep`.
        """
        self._ends, self._ramps = ends, ramps
        self._left, self._right = ends[..., : ramps.count], ends[..., 1 : ramps.count + 1]

    @cached_property
    def _slopes(self) -> Tensor:
        """(K, R, ramps), from end to end."""
        return self._right - self._left

    @cached_property
    def _greatest(self) -> Tensor:
        """(R, cells + 2)"""
        return self._ends.amax(0)

    @cached_property
    def _first_greatest(self) -> Tensor:
        """(R, cells + 2) uint8, the class."""
        return first_maximum(self._ends[None])[0]

    @cached_property
    def _mixed(self) -> Tensor:
        """(n,) which of R · ramps have different greatest classes at their ends."""
        classes, count = self._first_greatest, self._ramps.count
        return (classes[:, :count] != classes[:, 1 : count + 1]).flatten().nonzero()[:, 0]

    @property
    def _much_mixed(self) -> bool:
        return len(self._mixed) > MOST_MIXED * self._left[0].numel()

    def _of_every_pixel(self, reduce: Callable[[Tensor], Tensor]) -> Tensor:
        """(1, R, ramps, pixels) of (1, K, R, ramps) → (1, R, ramps), pixel by pixel."""
        shares = self._ramps.shares.T
        return torch.stack([reduce(torch.addcmul(self._left, self._slopes, each)[None]) for each in shares], -1)

    @cached_property
    def _logits_of_mixed(self) -> Tensor:
        """(K, n, pixels)"""
        number = self._mixed % self._ramps.count
        place = self._mixed // self._ramps.count * self._ends.shape[2] + number
        flat = self._ends.flatten(1)
        left = flat[:, place, None]
        return torch.addcmul(left, flat[:, place + 1, None] - left, self._ramps.shares[number])

    def logsumexp(self, dim: int) -> Tensor:
        """Over the classes, as `torch.Tensor.logsumexp` gives it."""
        return self._log_sum_exp

    def amax(self, dim: int) -> Tensor:
        """Over the classes, as `torch.Tensor.amax` gives it."""
        return self._maximum

    def entropy(self, dim: int) -> Tensor:
        """Of the softmax over the classes, in nats: LSE_k s_k − Σ_k P(k|x)·s_k."""
        ramps, bound = self._ramps, self._bound
        terms, factors = self._progression(bound, 1)
        left, weighted = self._left - bound, torch.empty_like(terms)
        means = terms.new_empty(*bound.shape, ramps.pixels)
        for pixel in range(ramps.pixels):
            torch.addcmul(left, self._slopes, ramps.shares[:, pixel], out=weighted)
            torch.sum(weighted.mul_(terms), 0, out=means[..., pixel])
            terms *= factors
        log_sums = self._log_sum_exp[0] - bound[..., None]
        return torch.addcmul(log_sums, means, log_sums.neg().exp_(), value=-1).clamp_(min=0)[None]

    def tanh_sum(self, dim: int) -> Tensor:
        """Σ_k tanh(s_k) = Σ_k 1 − 2 / (1 + exp(2·s_k)) over the classes."""
        if not self._ramps.even or not float(self._ends.abs().amax()) <= LARGEST:
            return self._of_every_pixel(lambda logits: logits.tanh().sum(1))
        terms, factors = self._progression(torch.zeros_like(self._bound), 2)
        inverse = torch.empty_like(terms)
        sums = terms.new_empty(*self._bound.shape, self._ramps.pixels)
        for pixel in range(self._ramps.pixels):
            torch.add(terms, 1, out=inverse)
            torch.sum(inverse.reciprocal_(), 0, out=sums[..., pixel])
            terms *= factors
        return sums.mul_(-2).add_(len(self._ends))[None]

    @cached_property
    def _bound(self) -> Tensor:
        """(R, ramps), no logit of a ramp is greater."""
        return torch.maximum(self._greatest[:, : self._ramps.count], self._greatest[:, 1 : self._ramps.count + 1])

    def _progression(self, bound: Tensor, power: int) -> tuple[Tensor, Tensor]:
        """(K, R, ramps) exp(power · (s − bound)) in the first pixels, and the factors from pixel to pixel."""
        first = torch.addcmul(self._left - bound, self._slopes, self._ramps.first)
        return first.mul_(power).exp_(), (self._slopes * (power * self._ramps.step)).exp_()

    @cached_property
    def _log_sum_exp(self) -> Tensor:
        terms, factors = self._progression(self._bound, 1)
        sums = terms.new_empty(*self._bound.shape, self._ramps.pixels)
        for pixel in range(self._ramps.pixels):
            torch.sum(terms, 0, out=sums[..., pixel])
            terms *= factors
        return sums.log_().add_(self._bound[..., None])[None]

    @cached_property
    def _maximum(self) -> Tensor:
        if self._much_mixed:
            return self._of_every_pixel(lambda logits: logits.amax(1))
        found = self._ramps.along(self._greatest)
        found.view(-1, self._ramps.pixels)[self._mixed] = self._logits_of_mixed.amax(0)
        return found[None]

    def first_maximum(self) -> Tensor:
        """uint8, the first class with the greatest logit."""
        if self._much_mixed:
            return self._of_every_pixel(first_maximum)
        count, pixels = self._ramps.count, self._ramps.pixels
        found = self._first_greatest[:, :count, None].repeat(1, 1, pixels)
        found.view(-1, pixels)[self._mixed] = first_maximum(self._logits_of_mixed[None])[0]
        return found[None]


class RampDatasetLogits:
    """Dataset logits in places of ramps, (1, 2, R, ramps, pixels), whose softmax is taken once for all scores."""

    def __init__(self, logits: Tensor) -> None:
        self._logits = logits

    def log_softmax(self, dim: int) -> Tensor:
        """Over the two channels, as `torch.Tensor.log_softmax` gives it."""
        return self._log_softmax

    @cached_property
    def _log_softmax(self) -> Tensor:
        return self._logits.log_softmax(1)

    def __getitem__(self, place: Any) -> Tensor:
        return self._logits[place]
