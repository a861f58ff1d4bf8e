"""Logits → maps on a CPU, strip by strip: what has a channel for every class never leaves the caches.

At 2048x1024 with 19 classes the logits at the output size are 160 MB, which every operation would write to memory and
read back. A strip of them takes a few MB, goes through all operations at once, and leaves a few bytes per pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.maps.worker_threads import in_worker_threads
from densehybrid_ros.core.postprocess import Maps, maps_of
from densehybrid_ros.core.scores import Score

STRIP_VALUES = 1 << 20
"""Logits of a strip: 4 MiB."""


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

    def work(classes: Tensor, dataset: Tensor) -> Mapping[str, Tensor]:
        return vars(maps_of(classes, dataset, lambda part: part, score, threshold, parts))

    fill_in_strips({part: getattr(maps, part) for part in parts}, logits, dataset_logits, fitted, work)
    return maps


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


@lru_cache(maxsize=8)
def strips_of(fitted: Fit, cells: int, rows: int) -> tuple[Strip, ...]:
    """The output in strips of so many rows; `cells` is the height of the logits."""
    weights = fitted.row_weights(cells)
    return tuple(_strip(weights, slice(top, top + rows)) for top in range(0, len(weights), rows))


def _strip(weights: Tensor, rows: slice) -> Strip:
    used = weights[rows].any(0).nonzero()
    cells = slice(int(used[0]), int(used[-1]) + 1)
    return Strip(rows, cells, weights[rows, cells].contiguous())
