"""A network that runs by ONNX Runtime wherever an engine is ready, and by torch else."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from densehybrid_ros.engines.key import Shape
from densehybrid_ros.engines.preparation import Preparation

Logits: TypeAlias = tuple[Tensor, Tensor]


class OnnxEngine:
    """Thread-compatible: one caller at a time. What it has started ends with it."""

    def __init__(self, network: nn.Module, architecture: str, weights: Path) -> None:
        """
        Args:
            network: on the CPU, in evaluation mode. An engine has as many threads as torch has now.
            weights: the file that it was read from.
        """
        self._preparation = Preparation(network, architecture, weights, torch.get_num_threads())
        self._by_torch = True
        """The last answer."""
        self.close = weakref.finalize(self, self._preparation.close)
        """Ends what goes on. Called by itself when the engine is not used any more, and when Python ends."""

    def __call__(self, images: Tensor, by_torch: Callable[[Tensor], Logits]) -> Logits:
        """(B, 3, H, W) float32 on the CPU → both logits.

        Args:
            by_torch: gives the same answer; the first one is never kept waiting for anything else.
        """
        shape = Shape(images.shape[0], images.shape[2], images.shape[3])
        session = self._preparation.session(shape)
        if session is not None:
            try:
                answer = session(images.contiguous().numpy())
                self._by_torch = False
                return answer
            except Exception as error:  # exhausted memory, say: torch's own faults are understood
                self._preparation.give_up(error)
        self._by_torch = True
        answer = by_torch(images)
        self._preparation.begin(shape)
        return answer

    @property
    def text(self) -> str:
        """What gave the last answer, and why it was not onnxruntime."""
        if not self._by_torch:
            return "onnxruntime"
        preparation = self._preparation
        if preparation.trouble:
            return f"torch: {preparation.trouble}"
        return f"torch, {preparation.at_work}" if preparation.at_work else "torch"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know, each to be said once."""
        preparation = self._preparation
        trouble = f"engine: torch goes on instead of onnxruntime: {preparation.trouble}" if preparation.trouble else ""
        not_kept = f"engine: not kept for the next start: {preparation.not_kept}" if preparation.not_kept else ""
        return tuple(filter(None, (trouble, not_kept)))
