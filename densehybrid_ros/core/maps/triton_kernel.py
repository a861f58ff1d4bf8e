"""Logits → maps on a GPU in one pass of one kernel: nothing that has a channel for every class is ever written.

A program makes a tile of the output. For each class in turn it reads the few logits that lie under the tile, blends
them across and down, and goes on with what it keeps per pixel: the greatest logit so far and its class, the sum of
exponentials relative to it, and whatever else the score needs. Upsampled logits live in registers.

How logits are blended is not computed here but taken from `Fit`, as weights of cells, so that every geometry is one
kernel: whole and broken factors, padding cut off, corners aligned or not. Neighbouring rows lie between the same cells,
which a tile reads once for all of its rows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.postprocess import Maps

TILE = (4, 64)
"""Rows and columns, powers of two. A tile is one warp's, whose threads hold whole columns: no logit is read twice."""
MOST_TAPS = 8
"""Rows of cells that a tile may lie between; where pictures are smaller than their logits, tiles have a row each."""
WARPS = 1


@triton.jit
def outlier_posterior(inlier, outlier):
    """log_softmax of the two at the second, without overflow."""
    margin = inlier - outlier
    return -(tl.maximum(margin, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(margin))))


@triton.jit
def tanh(value):
    """Without overflow."""
    shrunk = tl.exp(-2.0 * tl.abs(value))
    size = (1.0 - shrunk) / (1.0 + shrunk)
    return tl.where(value < 0.0, -size, size)


@triton.jit
def upsampled(source, offsets, row_stride, down, across, mask):
    """(rows, columns) of one channel.

    Args:
        source: where the channel begins.
        offsets: for each horizontal tap, (1, columns) from there to the uppermost cells.
        down: for each vertical tap, (rows, 1) weights.
        across: for each horizontal tap, (1, columns) weights.
        mask: (1, columns) that are in the picture.
    """
    total = 0.0
    for row in tl.static_range(len(down)):
        line = 0.0
        for tap in tl.static_range(len(across)):
            cells = tl.load(source + offsets[tap] + row * row_stride, mask=mask, other=0.0)
            line += across[tap] * cells.to(tl.float32)
        total += down[row] * line
    return total


@triton.jit
def maps_kernel(
    logits,
    dataset_logits,
    semantic,
    score,
    open_set,
    row_cells,
    row_weights,
    column_cells,
    column_weights,
    threshold,
    height,
    width,
    logits_batch,
    logits_class,
    logits_row,
    logits_column,
    dataset_batch,
    dataset_class,
    dataset_row,
    dataset_column,
    CLASSES: tl.constexpr,
    SCORE: tl.constexpr,
    SEMANTIC: tl.constexpr,
    SCORED: tl.constexpr,
    OPEN_SET: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DOWN: tl.constexpr,
    ACROSS: tl.constexpr,
):
    """One tile of one picture. Strides are in elements; DOWN and ACROSS count taps."""
    blocks = (width + COLUMNS - 1) // COLUMNS
    group, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    picture = tl.program_id(1).to(tl.int64)
    row = tl.arange(0, ROWS)[:, None]
    column = block * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    inside = column < width

    down = ()
    for tap in tl.static_range(DOWN):
        down = down + (tl.load(row_weights + (group * ROWS + row) * DOWN + tap),)
    across, cells = (), ()
    left = tl.load(column_cells + column, mask=inside, other=0)
    for tap in tl.static_range(ACROSS):
        across = across + (tl.load(column_weights + column * ACROSS + tap, mask=inside, other=0.0),)
        cells = cells + (left + tap,)
    top = tl.load(row_cells + group).to(tl.int64)

    pixels = picture * height * width + (group * ROWS + row).to(tl.int64) * width + column
    shown = inside & (group * ROWS + row < height)

    BY_CLASS: tl.constexpr = SEMANTIC or OPEN_SET
    SCORING: tl.constexpr = SCORED or OPEN_SET
    DATASET: tl.constexpr = (SCORE == "hybrid" or SCORE == "posterior") or (
        SCORE == "outlier_head_msp" or SCORE == "outlier_class"
    )
    SUM: tl.constexpr = SCORE != "posterior" and (SCORE != "max_logit" and SCORE != "rejected_by_all")
    greatest = tl.full((ROWS, COLUMNS), 0.0, tl.float32)
    first = tl.full((ROWS, COLUMNS), 0, tl.int32)
    total = tl.full((ROWS, COLUMNS), 1.0, tl.float32)  # of exp(logit − greatest)
    weighted = tl.full((ROWS, COLUMNS), 0.0, tl.float32)  # of exp(logit − greatest) · (logit − greatest)
    bounded = tl.full((ROWS, COLUMNS), 0.0, tl.float32)  # of tanh(logit)
    inlier = tl.full((ROWS, COLUMNS), 0.0, tl.float32)
    outlier = tl.full((ROWS, COLUMNS), 0.0, tl.float32)
    if BY_CLASS or SCORE != "posterior":
        source = logits + picture * logits_batch + top * logits_row
        offsets = ()
        for tap in tl.static_range(ACROSS):
            offsets = offsets + (cells[tap] * logits_column,)
        greatest = upsampled(source, offsets, logits_row, down, across, inside)
        if SCORING and SCORE == "rejected_by_all":
            bounded += tanh(greatest)
        for number in range(1, CLASSES):
            source += logits_class
            logit = upsampled(source, offsets, logits_row, down, across, inside)
            above = logit > greatest
            if BY_CLASS:
                first = tl.where(above, number, first)
            if SCORING and SUM:
                distance = logit - greatest
                shrunk = tl.exp(-tl.abs(distance))
                if SCORE == "entropy":
                    weighted = tl.where(above, shrunk * (weighted - total * distance), weighted + shrunk * distance)
                total = tl.where(above, total * shrunk + 1.0, total + shrunk)
            if SCORING and SCORE == "rejected_by_all":
                bounded += tanh(logit)
            greatest = tl.maximum(greatest, logit, propagate_nan=tl.PropagateNan.ALL)
        if BY_CLASS:
            first = tl.where(greatest == greatest, first, CLASSES)  # NaN: no class, as in `first_maximum`
        if SEMANTIC:
            tl.store(semantic + pixels, first.to(tl.uint8), mask=shown)
    if SCORING:
        if DATASET:
            source = dataset_logits + picture * dataset_batch + top * dataset_row
            offsets = ()
            for tap in tl.static_range(ACROSS):
                offsets = offsets + (cells[tap] * dataset_column,)
            inlier = upsampled(source, offsets, dataset_row, down, across, inside)
            outlier = upsampled(source + dataset_class, offsets, dataset_row, down, across, inside)
        if SCORE == "hybrid":
            value = outlier_posterior(inlier, outlier) - (greatest + tl.log(total))
        elif SCORE == "likelihood":
            value = -(greatest + tl.log(total))
        elif SCORE == "posterior":
            value = outlier_posterior(inlier, outlier)
        elif SCORE == "max_logit":
            value = -greatest
        elif SCORE == "msp":
            value = -1.0 / total
        elif SCORE == "entropy":
            value = tl.log(total) - weighted / total
        elif SCORE == "outlier_head_msp":
            value = (1.0 - 1.0 / total) * tl.exp(outlier_posterior(inlier, outlier))
        elif SCORE == "outlier_class":
            value = outlier_posterior(greatest + tl.log(total), outlier)  # one class more
        else:
            tl.static_assert(SCORE == "rejected_by_all")
            value = -bounded
        if SCORED:
            tl.store(score + pixels, value, mask=shown)
        if OPEN_SET:
            tl.store(open_set + pixels, tl.where(value >= threshold, CLASSES, first).to(tl.uint8), mask=shown)


def maps_in_triton(
    logits: Tensor, dataset_logits: Tensor, fitted: Fit, score: str, threshold: float, parts: Collection[str]
) -> Maps:
    """What `maps_of` gives, in one pass.

    Args:
        logits: (B, K, h, w) of `fitted.run`, of any floating type and layout; K is at most 255.
        dataset_logits: (B, 2, h, w).
        score: of SCORES.
    """
    batch, classes, *cells = logits.shape
    device, (height, width) = logits.device, fitted.image
    full, nothing = (batch, height, width), (batch, 0, 0)
    maps = Maps(
        semantic=torch.empty(full if "semantic" in parts else nothing, dtype=torch.uint8, device=device),
        score=torch.empty(full if "score" in parts else nothing, device=device),
        open_set=torch.empty(full if "open_set" in parts else nothing, dtype=torch.uint8, device=device),
    )
    down, across = geometry(fitted, cells[0], cells[1], device)
    tiles = len(down.cells) * triton.cdiv(width, TILE[1])
    with torch.cuda.device_of(logits):
        maps_kernel[(tiles, batch)](
            logits,
            dataset_logits,
            maps.semantic,
            maps.score,
            maps.open_set,
            down.cells,
            down.weights,
            across.cells,
            across.weights,
            float(threshold),
            height,
            width,
            *logits.stride(),
            *dataset_logits.stride(),
            CLASSES=classes,
            SCORE=score,
            SEMANTIC="semantic" in parts,
            SCORED="score" in parts,
            OPEN_SET="open_set" in parts,
            ROWS=down.weights.shape[1],
            COLUMNS=TILE[1],
            DOWN=down.weights.shape[2],
            ACROSS=across.weights.shape[2],
            num_warps=WARPS,
            enable_fp_fusion=True,  # Triton warns where that is left to its changing default
        )
    return maps


@dataclass(frozen=True)
class Taps:
    """How pixels along one axis are blended of cells, in groups of neighbours that read the same ones."""

    cells: Tensor
    """(groups,) int32, the first one that a group reads."""
    weights: Tensor
    """(groups, pixels of a group, taps) float32; zero beyond the last pixel."""


@lru_cache(maxsize=8)
def geometry(fitted: Fit, height: int, width: int, device: torch.device) -> tuple[Taps, Taps]:
    """Taps down and across, on the device; height and width are those of the logits."""
    weights = fitted.row_weights(height)
    down = taps(weights, TILE[0])
    if down.weights.shape[2] > MOST_TAPS:
        down = taps(weights, 1)
    across = taps(fitted.column_weights(width), 1)
    here, there = (Taps(each.cells.to(device), each.weights.to(device)) for each in (down, across))
    return here, there


def taps(weights: Tensor, pixels: int) -> Taps:
    """In groups of so many pixels.

    Args:
        weights: (pixels, cells), what each cell adds to each pixel.
    """
    count, cells = weights.shape
    padded = torch.cat([weights, weights.new_zeros(-count % pixels, cells)]).view(-1, pixels, cells)
    used = (padded != 0).any(1).to(torch.uint8)
    first, last = used.argmax(1), cells - 1 - used.flip(1).argmax(1)
    span = int((last - first).max()) + 1
    first = first.clamp(max=cells - span)
    read = (first[:, None] + torch.arange(span))[:, None].expand(-1, pixels, -1)
    return Taps(first.to(torch.int32), padded.gather(2, read).contiguous())
