"""Logits → maps in the way that suits their device: chosen here and nowhere else.

On a CPU strip by strip, on CUDA in one pass of a Triton kernel. Without Triton, or where its kernel fails or answers
otherwise than the plain path, that one is taken instead.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor

from densehybrid_ros.core.device_faults import device_fault
from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.maps.strips import maps_in_strips, scores_in_strips, several
from densehybrid_ros.core.postprocess import PARTS, Maps, maps_of
from densehybrid_ros.core.scores import SCORES, Score

TOLERANCE = 1e-3
"""Largest difference of a score to the plain path, in nats, or as a part of it where it is greater than 1."""

FUSED = {score: name for name, score in SCORES.items()}
"""What the kernel can: the others, which `densehybrid evaluate` alone has, are left to the plain path."""


class MapMaker:
    """Thread-compatible: one caller at a time."""

    def __init__(self) -> None:
        self.trouble = ""
        """Why the plain path is taken on CUDA."""
        self._checked: set[Score] = set()

    def __call__(
        self,
        logits: Tensor,
        dataset_logits: Tensor,
        fitted: Fit,
        score: Score,
        threshold: float,
        parts: Collection[str],
    ) -> Maps:
        """What `maps_of` gives: scores within TOLERANCE, classes but for ties.

        Args:
            logits: (B, K, h, w) of `fitted.run`.
            dataset_logits: (B, 2, h, w).

        Raises:
            OutOfDeviceMemory, DeviceLost: the device failed.
        """
        if on_cpu(logits):
            return maps_in_strips(logits, dataset_logits, fitted, score, threshold, parts)
        found = self._fused(logits, dataset_logits, fitted, score, threshold, parts)
        return found or maps_of(logits, dataset_logits, fitted.to_image, score, threshold, parts)

    def scores(
        self, logits: Tensor, dataset_logits: Tensor, fitted: Fit, scores: Mapping[str, Score], semantic: bool
    ) -> dict[str, Tensor]:
        """Several scores by their names, as calls give them, and as "" the semantic map, where that is wanted."""
        if on_cpu(logits):
            return scores_in_strips(logits, dataset_logits, fitted, scores, semantic)
        given = (logits, dataset_logits, fitted)
        fused = {name: self._fused(*given, score, 0.0, {"score"}) for name, score in scores.items()}
        found = {name: maps.score for name, maps in fused.items() if maps is not None}
        classes = self._fused(*given, SCORES["max_logit"], 0.0, {"semantic"}) if semantic else None
        if classes is not None:
            found[""] = classes.semantic
        others = {name: score for name, score in scores.items() if name not in found}
        if others or (semantic and classes is None):
            enlarged = fitted.to_image(logits), fitted.to_image(dataset_logits)
            found |= several(enlarged[0], enlarged[1], others, semantic and classes is None)
        return found

    def _fused(
        self,
        logits: Tensor,
        dataset_logits: Tensor,
        fitted: Fit,
        score: Score,
        threshold: float,
        parts: Collection[str],
    ) -> Maps | None:
        """By the kernel, compared with the plain path at the first use of a score; None where it has failed."""
        if self.trouble or score not in FUSED:
            return None
        if find_spec("triton") is None:
            self.trouble = "triton is not installed; run: pip install triton"
            return None
        try:
            if score not in self._checked:
                self.trouble = difference(logits[:1], dataset_logits[:1], fitted, score)
                self._checked.add(score)
            return None if self.trouble else in_triton(logits, dataset_logits, fitted, score, threshold, parts)
        except Exception as error:  # no C compiler, a GPU too old: Triton fails in many ways, the plain path in none
            fault = device_fault(error, logits.device)
            if fault is not None:
                raise fault from error
            self.trouble = f"triton failed: {type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
            return None


def on_cpu(logits: Tensor) -> bool:
    return logits.device.type == "cpu"


def in_triton(
    logits: Tensor, dataset_logits: Tensor, fitted: Fit, score: Score, threshold: float, parts: Collection[str]
) -> Maps:
    """By the kernel, which is imported where it is needed: Triton takes a second."""
    kernel = import_module("densehybrid_ros.core.maps.triton_kernel")
    return kernel.maps_in_triton(logits, dataset_logits, fitted, FUSED[score], threshold, parts)


def difference(logits: Tensor, dataset_logits: Tensor, fitted: Fit, score: Score) -> str:
    """How the kernel's answer differs from the plain path's on these logits; "" where it does not."""
    found = in_triton(logits, dataset_logits, fitted, score, 0.0, PARTS)
    wanted = maps_of(logits, dataset_logits, fitted.to_image, score, 0.0, {"semantic", "score"})
    off = ~torch.isclose(found.score, wanted.score, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    enlarged = fitted.to_image(logits)
    classes = found.semantic.long()
    of_class = enlarged.gather(1, classes.clamp(max=logits.shape[1] - 1)[:, None])[:, 0]
    tied = (classes < logits.shape[1]) & (of_class >= enlarged.amax(1) - TOLERANCE)
    wrong = (found.semantic != wanted.semantic) & ~tied
    if not (off | wrong).any():
        return ""
    shares = [f"{each.float().mean().item():.2%}" for each in (off, wrong)]
    return f"triton's score differs from torch's in {shares[0]} of pixels, its class in {shares[1]}"
