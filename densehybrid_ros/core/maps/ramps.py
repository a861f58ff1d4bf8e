"""The pixels of a row, or of a column, between the middles of its cells: there bilinear logits are straight lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FEWEST = 3
"""Pixels of a ramp: with fewer the enlarged logits cost no more."""
EXACT = 1e-4
"""Largest difference of a share to that of the interpolation, which itself rounds places of some hundred cells."""
EVEN = 1e-6
"""The same of ramps that are called even."""


@dataclass(frozen=True)
class Ramps:
    """The pixels of one axis, ramp by ramp: the first ends in the middle of the first cell, the next begins there.

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
    places: Tensor
    """(N,) rising: where each pixel of the axis stands among ramps · pixels places."""

    @property
    def count(self) -> int:
        return len(self.first)

    @property
    def pixels(self) -> int:
        """Of the longest ramp; each has so many places, some of them outside the picture or in the next ramp."""
        return self.shares.shape[1]

    @cached_property
    def side_by_side(self) -> NDArray[np.int64]:
        """(N,) where each pixel stands if the first pixels of all ramps come first, then all second ones."""
        ramp, pixel = self.places // self.pixels, self.places % self.pixels
        return (pixel * self.count + ramp).numpy()

    def part(self, begin: int, end: int) -> tuple[slice, Ramps]:
        """The ramps from `begin` to `end`, without that, and which pixels of the axis are theirs."""
        low, high = torch.searchsorted(self.places, torch.tensor([begin, end]) * self.pixels).tolist()
        pixels = slice(low, high)
        places = self.places[pixels] - begin * self.pixels
        own = replace(self, first=self.first[begin:end], shares=self.shares[begin:end], places=places)
        return pixels, own


def ramps_of(weights: Tensor) -> Ramps | None:
    """None where an axis is not made of ramps of at least FEWEST pixels.

    Args:
        weights: (N, cells): what each cell adds to each pixel.
    """
    cells = weights.shape[1]
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
    return Ramps(first, step, rounded, even, places)
