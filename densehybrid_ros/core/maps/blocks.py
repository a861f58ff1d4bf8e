"""Greatest class and sums over the classes of bilinearly enlarged logits, which are never enlarged.

Between the middles of four cells every logit is a straight line over the pixels of a row, and over those of a column.
So its exponential is a geometric progression both ways: in such a block four exponentials for each class, and products
from row to row and from pixel to pixel, take the place of one exponential for each pixel. And the class that is the
greatest at all four corners is the greatest everywhere between them: only in the other blocks pixels are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.maps.ramps import Ramps, ramps_of
from densehybrid_ros.core.postprocess import first_maximum

STEEPEST = 69.0
"""Nats by which a class comes closer to the greatest one from cell to cell, along a row and a column together. In the
middle of a block half of that can be missing to what the greatest classes of its corners are there; so all of it, and
17 nats, at a corner to a class that counts somewhere in the block: its exponential is not lost."""
MOST_MIXED = 0.3
"""Share of blocks with different greatest classes at their corners, above which pixels of all blocks are looked at: of
pictures it is 0.06."""
LARGEST = 43.0
"""Logit of whose double the exponential is within fp32's range, as is that of minus the double."""


@dataclass(frozen=True)
class Blocks:
    """The pixels between the middles of four cells each.

    Values of them are (blocks down, rows, columns, blocks across): those of the first pixels of all blocks of a line
    stand beside each other, and so do those of the second ones.
    """

    down: Ramps
    across: Ramps

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.down.count, self.down.pixels, self.across.pixels, self.across.count

    @property
    def even(self) -> bool:
        return self.down.even and self.across.even

    def part(self, begin: int, end: int) -> tuple[slice, Blocks]:
        """Those from `begin` to `end` of the blocks down, without that, and which rows of the image are theirs."""
        rows, down = self.down.part(begin, end)
        return rows, Blocks(down, self.across)

    def pixels_of(self, values: Tensor) -> Tensor:
        """(1, *shape) → (1, rows, W), in the order of the picture."""
        lines, places = values.view(self.down.count * self.down.pixels, -1), self.down.places
        begin, end = int(places[0]), int(places[-1]) + 1
        own = lines[begin:end] if end - begin == len(places) else lines.index_select(0, places)
        # several times faster than torch's for bytes
        return torch.from_numpy(np.take(own.numpy(), self.across.side_by_side, axis=1, mode="clip"))[None]


@lru_cache(maxsize=8)
def blocks_of(fitted: Fit, height: int, width: int) -> Blocks | None:
    """None where pictures are not made of blocks of some pixels each way.

    Args:
        height: of the logits, as is `width`.
    """
    down, across = ramps_of(fitted.row_weights(height)), ramps_of(fitted.column_weights(width))
    return None if down is None or across is None else Blocks(down, across)


def corners_of(logits: Tensor, blocks: Blocks) -> Tensor:
    """(B, C, h, w) → (B, C, blocks down + 1, blocks across + 1) float32, the outermost cells twice."""
    corners = F.pad(logits.float().contiguous(), (1, 1, 1, 1), mode="replicate")
    return corners[..., : blocks.down.count + 1, : blocks.across.count + 1].contiguous()


def steep(logits: Tensor) -> bool:
    """Whether a class comes closer to the greatest one by more than STEEPEST, or any logit is no number."""
    logits = logits.float()
    below = logits - logits.amax(1, keepdim=True)
    across, down = (below.diff(dim=dim).abs().amax(1) for dim in (3, 2))
    together = F.max_pool2d(across, (2, 1), stride=1) + F.max_pool2d(down, (1, 2), stride=1)
    return not (float(together.amax()) <= STEEPEST and bool(below[..., 0, 0].isfinite().all()))


@dataclass
class Progression:
    """Exponentials of every class in one pixel of each block; (K, blocks down, blocks across)."""

    terms: Tensor
    """In the first pixels of a row."""
    right: Tensor
    """Factors from pixel to pixel."""
    down: Tensor
    """Factors of `terms` from row to row."""
    right_down: Tensor
    """Factors of `right` from row to row."""

    def walk(self, rows: int, columns: int) -> Iterator[tuple[int, int, Tensor]]:
        """Row, column and the terms there, pixel by pixel; these are not to be changed, nor kept for the next pixel."""
        walked = torch.empty_like(self.terms)
        for row in range(rows):
            if row:
                self.terms *= self.down
                self.right *= self.right_down
            terms = self.terms
            for column in range(columns):
                if column:
                    terms = torch.mul(terms, self.right, out=walked)
                yield row, column, terms


class BlockLogits:
    """What scores need of logits, (1, *blocks.shape), each computed when it is first needed."""

    def __init__(self, corners: Tensor, blocks: Blocks) -> None:
        """
        Args:
            corners: (K, blocks down + 1, blocks across + 1), not `steep`.
        """
        self._corners, self.blocks = corners, blocks

    def logsumexp(self, dim: int) -> Tensor:
        """Over the classes, as `torch.Tensor.logsumexp` gives it."""
        return self._log_sum_exp

    def amax(self, dim: int) -> Tensor:
        """Over the classes, as `torch.Tensor.amax` gives it."""
        return self._maximum

    def first_maximum(self) -> Tensor:
        """uint8, the first class with the greatest logit."""
        if self._much_mixed:
            return self._of_every_pixel(first_maximum)
        found = self._first_greatest[:-1, None, None, :-1].repeat(1, *self.blocks.shape[1:3], 1)
        return self._with_mixed(found, first_maximum(self._logits_of_mixed))

    def entropy(self, dim: int) -> Tensor:
        """Of the softmax over the classes, in nats: LSE_k s_k − Σ_k P(k|x)·s_k."""
        means = self._corners.new_empty(self.blocks.shape)
        below = BlockLogits(self._below, self.blocks)
        shares, (left, slopes) = self.blocks.across.shares, below.row(0)
        for row, column, terms in below.walk(1):
            if not column:
                left, slopes = below.row(row)
            weighted = torch.addcmul(left, slopes, shares[:, column]).mul_(terms)
            torch.sum(weighted, 0, out=means[:, row, column])
        log_sums = self._log_sum_below
        return torch.addcmul(log_sums, means, log_sums.neg().exp_(), value=-1).clamp_(min=0)[None]

    def tanh_sum(self, dim: int) -> Tensor:
        """Σ_k tanh(s_k) = Σ_k 1 − 2 / (1 + exp(2·s_k)) over the classes."""
        if not self.blocks.even or not float(self._corners.abs().amax()) <= LARGEST:
            return self._of_every_pixel(lambda logits: logits.tanh().sum(1))
        sums = self._summed(2, lambda terms: (terms + 1).reciprocal_())
        return sums.mul_(-2).add_(len(self._corners))[None]

    def exponential_sum(self) -> Tensor:
        """Σ_k exp(s_k), of logits within twice LARGEST."""
        return self._summed(1, lambda terms: terms)[None]

    def values(self) -> Tensor:
        """(1, K, …): the logits of every pixel."""
        found = self._corners.new_empty(len(self._corners), *self.blocks.shape)
        for row in range(self.blocks.down.pixels):
            left, slopes = self.row(row)
            for column, shares in enumerate(self.blocks.across.shares.T):
                torch.addcmul(left, slopes, shares, out=found[:, :, row, column])
        return found[None]

    def walk(self, power: int) -> Iterator[tuple[int, int, Tensor]]:
        """Row, column and (K, blocks down, blocks across) exp(power · s), as `Progression.walk` gives them."""
        down, across = self.blocks.down, self.blocks.across
        growth = self._corners[:, 1:] - self._corners[:, :-1]
        top = torch.addcmul(self._corners[:, :-1], growth, down.first[:, None])
        slopes, twist = top[..., 1:] - top[..., :-1], growth[..., 1:] - growth[..., :-1]
        terms = torch.addcmul(top[..., :-1], slopes, across.first)
        below = torch.addcmul(growth[..., :-1], twist, across.first)
        progression = Progression(
            terms=terms.mul_(power).exp_(),
            right=slopes.mul_(power * across.step).exp_(),
            down=below.mul_(power * down.step).exp_(),
            right_down=twist.mul_(power * down.step * across.step).exp_(),
        )
        return progression.walk(down.pixels, across.pixels)

    def row(self, row: int) -> tuple[Tensor, Tensor]:
        """(K, blocks down, blocks across): logits at the left edges in that row of each block, and to the right."""
        top, bottom = self._corners[:, :-1], self._corners[:, 1:]
        edges = torch.addcmul(top, bottom - top, self.blocks.down.shares[:, row, None])
        return edges[..., :-1], edges[..., 1:] - edges[..., :-1]

    def _summed(self, power: int, of: Callable[[Tensor], Tensor]) -> Tensor:
        """Sums over the classes of what `of` makes of exp(power · s) of every pixel."""
        sums = self._corners.new_empty(self.blocks.shape)
        for row, column, terms in self.walk(power):
            torch.sum(of(terms), 0, out=sums[:, row, column])
        return sums

    @cached_property
    def _greatest(self) -> Tensor:
        """(1, blocks down + 1, blocks across + 1)"""
        return self._corners.amax(0, keepdim=True)

    @cached_property
    def _below(self) -> Tensor:
        """As corners: what is missing to the greatest, at most 0; so it is for what is interpolated of it."""
        return self._corners - self._greatest

    @cached_property
    def _log_sum_below(self) -> Tensor:
        """LSE_k of that."""
        return BlockLogits(self._below, self.blocks).exponential_sum()[0].log_()

    @cached_property
    def _log_sum_exp(self) -> Tensor:
        return (self._log_sum_below + self._between_greatest)[None]

    @cached_property
    def _between_greatest(self) -> Tensor:
        """Between the greatest classes of the corners, which is the greatest class where these are the same."""
        return BlockLogits(self._greatest, self.blocks).values()[0, 0]

    @cached_property
    def _maximum(self) -> Tensor:
        if self._much_mixed:
            return self._of_every_pixel(lambda logits: logits.amax(1))
        return self._with_mixed(self._between_greatest.clone(), self._logits_of_mixed.amax(1))

    @cached_property
    def _first_greatest(self) -> Tensor:
        """(blocks down + 1, blocks across + 1) uint8, the class."""
        return first_maximum(self._corners[None])[0]

    @cached_property
    def _mixed(self) -> tuple[Tensor, Tensor]:
        """Which blocks have different greatest classes at their corners: (n,) down and (n,) across."""
        classes = self._first_greatest
        lines = classes[:, :-1] != classes[:, 1:]
        below = classes[:-1] != classes[1:]
        down, across = (lines[:-1] | lines[1:] | below[:, :-1]).nonzero().unbind(1)
        return down, across

    @property
    def _much_mixed(self) -> bool:
        return len(self._mixed[0]) > MOST_MIXED * self.blocks.down.count * self.blocks.across.count

    @cached_property
    def _logits_of_mixed(self) -> Tensor:
        """(1, K, n, rows · columns)"""
        down, across = self._mixed
        place = down * self._corners.shape[2] + across
        flat, line = self._corners.flatten(1), self._corners.shape[2]
        edges = []
        for side in (0, 1):
            top, bottom = (flat[:, place + side + step, None] for step in (0, line))
            edges.append(torch.addcmul(top, bottom - top, self.blocks.down.shares[down])[..., None])
        left, right = edges
        return torch.addcmul(left, right - left, self.blocks.across.shares[across][:, None]).flatten(2)[None]

    def _with_mixed(self, found: Tensor, mixed: Tensor) -> Tensor:
        """`found` of all pixels with `mixed`, (1, n, rows · columns), in place of those of mixed blocks."""
        down, across = self._mixed
        found[down, :, :, across] = mixed.view(-1, *self.blocks.shape[1:3])
        return found[None]

    def _of_every_pixel(self, reduce: Callable[[Tensor], Tensor]) -> Tensor:
        """(1, …) of (1, K, blocks down, blocks across) → (1, blocks down, blocks across), pixel by pixel."""
        rows = []
        for row in range(self.blocks.down.pixels):
            left, slopes = self.row(row)
            shares = self.blocks.across.shares.T
            rows.append(torch.stack([reduce(torch.addcmul(left, slopes, each)[None]) for each in shares], 2))
        return torch.stack(rows, 2)


class BlockDatasetLogits:
    """Dataset logits of blocks, (1, 2, *blocks.shape), of which no more is computed than is asked for."""

    def __init__(self, corners: Tensor, blocks: Blocks) -> None:
        """
        Args:
            corners: (2, blocks down + 1, blocks across + 1).
        """
        self._corners, self._blocks = corners, blocks
        self._log_posteriors: dict[int, Tensor] = {}

    def log_softmax(self, dim: int) -> _LogPosteriors:
        """Over the two channels, as `torch.Tensor.log_softmax` gives it."""
        return _LogPosteriors(self)

    def __getitem__(self, place: Any) -> Tensor:
        return self._values[place]

    @cached_property
    def _values(self) -> Tensor:
        return BlockLogits(self._corners, self._blocks).values()

    def log_posterior(self, channel: int) -> Tensor:
        """(1, *blocks.shape): ln P of that channel, −ln(1 + exp(s_other − s_own))."""
        if channel not in self._log_posteriors:
            self._log_posteriors[channel] = self._log_posterior(channel)
        return self._log_posteriors[channel]

    def _log_posterior(self, channel: int) -> Tensor:
        difference = self._corners[1 - channel] - self._corners[channel]
        if not float(difference.abs().amax()) <= 2 * LARGEST:
            return self._values.log_softmax(1)[:, channel]
        odds = BlockLogits(difference[None], self._blocks).exponential_sum()
        return odds.log1p_().neg_()


class _LogPosteriors:
    """What `log_softmax` gives of the dataset logits of blocks."""

    def __init__(self, dataset_logits: BlockDatasetLogits) -> None:
        self._dataset_logits = dataset_logits

    def __getitem__(self, place: tuple[slice, int]) -> Tensor:
        return self._dataset_logits.log_posterior(place[1])
