"""Logits → maps on a CPU, strip by strip: what has a channel for every class never leaves the caches.

At 2048x1024 with 19 classes the logits at the output size are 160 MB, which every operation would write to memory and
read back. A strip of them takes a few MB, goes through all operations at once, and leaves a few bytes per pixel. What
needs no more than the greatest class and sums over the classes goes without them (`blocks`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.maps.blocks import BlockDatasetLogits, BlockLogits, Blocks, blocks_of, corners_of, steep
from densehybrid_ros.core.maps.worker_threads import in_worker_threads
from densehybrid_ros.core.postprocess import Maps, first_maximum, wanted_maps
from densehybrid_ros.core.scores import REDUCED, Score

STRIP_VALUES = 1 << 20
"""Logits of a strip: 4 MiB."""
STRIP_CORNERS = 1 << 18
"""The same of blocks' corners, of which five arrays are needed at a time."""


@dataclass(frozen=True)
class Strip:
    """Some rows of the output, and how they are interpolated."""

    rows: slice
    cells: slice
    """Rows of the logits that they lie between."""
    weights: Tensor
    """(rows, cells) float32."""

    def of(self, logits: Tensor, fitted: Fit) -> Tensor:
        """(B, C, h, w) → (B, C, rows, W)."""
        return self.weights @ fitted.across(logits[:, :, self.cells].float())


Work = Callable[[Tensor, Tensor], Mapping[str, Tensor]]
"""(B, K, H, W) and (B, 2, H, W) logits → (B, H, W) maps by name; of every pixel by itself."""
PixelsOf = Callable[[Tensor], Tensor]
"""Values of blocks, (1, *blocks.shape) → (1, rows, W)."""
BlockWork = Callable[[BlockLogits, BlockDatasetLogits, PixelsOf], Mapping[str, Tensor]]
"""The same as Work, of logits that are never enlarged."""


def maps_in_strips(
    logits: Tensor, dataset_logits: Tensor, fitted: Fit, score: Score, threshold: float, parts: Collection[str]
) -> Maps:
    """What `maps_of` gives, in a fraction of its time and memory, on as many cores as torch may use.

    Args:
        logits: (B, K, h, w) of `fitted.run`, on the CPU.
        dataset_logits: (B, 2, h, w).
    """
    full, nothing = (len(logits), *fitted.image), (len(logits), 0, 0)
    maps = Maps(
        semantic=torch.empty(full if "semantic" in parts else nothing, dtype=torch.uint8),
        score=torch.empty(full if "score" in parts else nothing),
        open_set=torch.empty(full if "open_set" in parts else nothing, dtype=torch.uint8),
    )

    wanted = {part: getattr(maps, part) for part in parts}
    reduced, blocks = REDUCED.get(score), usable_blocks(logits, fitted)
    if reduced is not None and blocks is not None:

        def on_blocks(classes: BlockLogits, dataset: BlockDatasetLogits, pixels_of: PixelsOf) -> Mapping[str, Tensor]:
            return wanted_maps(
                lambda: pixels_of(classes.first_maximum()),
                lambda: pixels_of(reduced(classes, dataset)),
                threshold,
                logits.shape[1],
                parts,
            )

        fill_on_blocks(wanted, logits, dataset_logits, fitted, blocks, on_blocks)
        return maps

    def work(classes: Tensor, dataset: Tensor) -> Mapping[str, Tensor]:
        return wanted_maps(
            lambda: first_maximum(classes), lambda: score(classes, dataset), threshold, classes.shape[1], parts
        )

    fill_in_strips(wanted, logits, dataset_logits, fitted, work)
    return maps


def scores_in_strips(
    logits: Tensor, dataset_logits: Tensor, fitted: Fit, scores: Mapping[str, Score], semantic: bool
) -> dict[str, Tensor]:
    """Several scores by their names, (B, H, W) each, and as "" the semantic map, where that is wanted."""
    full = (len(logits), *fitted.image)
    found = {name: torch.empty(full) for name in scores}
    if semantic:
        found[""] = torch.empty(full, dtype=torch.uint8)
    blocks = usable_blocks(logits, fitted)
    reduced = {name: REDUCED[score] for name, score in scores.items() if score in REDUCED and blocks is not None}
    others = {name: score for name, score in scores.items() if name not in reduced}
    if blocks is not None and (reduced or semantic):

        def on_blocks(classes: BlockLogits, dataset: BlockDatasetLogits, pixels_of: PixelsOf) -> Mapping[str, Tensor]:
            given = {name: pixels_of(score(classes, dataset)) for name, score in reduced.items()}
            return {**given, "": pixels_of(classes.first_maximum())} if semantic else given

        own = {name: each for name, each in found.items() if name not in others}
        fill_on_blocks(own, logits, dataset_logits, fitted, blocks, on_blocks)
        semantic = False
    if others or semantic:

        def work(classes: Tensor, dataset: Tensor) -> Mapping[str, Tensor]:
            return several(classes, dataset, others, semantic)

        own = {name: found[name] for name in (*others, *([""] if semantic else []))}
        fill_in_strips(own, logits, dataset_logits, fitted, work)
    return found


def several(logits: Tensor, dataset_logits: Tensor, scores: Mapping[str, Score], semantic: bool) -> dict[str, Tensor]:
    """Scores by their names, and as "" the semantic map where it is wanted, of logits at the output size."""
    found = {name: score(logits, dataset_logits) for name, score in scores.items()}
    return {**found, "": first_maximum(logits)} if semantic else found


def fill_in_strips(maps: Mapping[str, Tensor], logits: Tensor, dataset_logits: Tensor, fitted: Fit, work: Work) -> None:
    """Fills `maps`, (B, H, W) of `fitted.image`, with what `work` makes of the upsampled logits."""
    batch, classes, cells = logits.shape[:3]

    def fill(piece: tuple[int, Strip]) -> None:
        number, strip = piece
        own = slice(number, number + 1)
        found = work(strip.of(logits[own], fitted), strip.of(dataset_logits[own], fitted))
        for name, whole in maps.items():
            whole[own, strip.rows] = found[name]

    strips = strips_of(fitted, cells, rows=max(1, STRIP_VALUES // (classes * fitted.image[1])))
    in_worker_threads(fill, [(number, strip) for number in range(batch) for strip in strips])


def usable_blocks(logits: Tensor, fitted: Fit) -> Blocks | None:
    """None where the logits have to be enlarged."""
    blocks = blocks_of(fitted, *logits.shape[2:])
    return None if blocks is None or steep(logits) else blocks


def fill_on_blocks(
    maps: Mapping[str, Tensor], logits: Tensor, dataset_logits: Tensor, fitted: Fit, blocks: Blocks, work: BlockWork
) -> None:
    """Fills `maps`, (B, H, W) of `fitted.image`, strip by strip, but never enlarges the logits."""
    corners, dataset_corners = corners_of(logits, blocks), corners_of(dataset_logits, blocks)

    def fill(piece: tuple[int, int, int]) -> None:
        number, begin, end = piece
        lines = slice(begin, end + 1)
        rows, own = blocks.part(begin, end)
        classes = BlockLogits(corners[number, :, lines], own)
        found = work(classes, BlockDatasetLogits(dataset_corners[number, :, lines], own), own.pixels_of)
        for name, whole in maps.items():
            whole[number, rows] = found[name][0]

    down, threads = blocks.down.count, torch.get_num_threads()
    turns = -(-corners[0].numel() // (threads * STRIP_CORNERS))
    step = -(-down // (threads * turns))  # so that all threads have as much to do
    begins = range(0, down, step)
    in_worker_threads(
        fill, [(number, begin, min(begin + step, down)) for number in range(len(corners)) for begin in begins]
    )


@lru_cache(maxsize=8)
def strips_of(fitted: Fit, cells: int, rows: int) -> tuple[Strip, ...]:
    """The output in strips of so many rows; `cells` is the height of the logits."""
    weights = fitted.row_weights(cells)
    return tuple(_strip(weights, slice(top, top + rows)) for top in range(0, len(weights), rows))


def _strip(weights: Tensor, rows: slice) -> Strip:
    used = weights[rows].any(0).nonzero()
    cells = slice(int(used[0]), int(used[-1]) + 1)
    return Strip(rows, cells, weights[rows, cells].contiguous())
