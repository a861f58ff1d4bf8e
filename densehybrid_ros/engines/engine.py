"""A network that runs by ONNX Runtime, OpenVINO or TensorRT wherever an engine is ready, and by torch else."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from densehybrid_ros.engines.key import Origin, Shape
from densehybrid_ros.engines.making import Maker
from densehybrid_ros.engines.preparation import Preparation

Logits: TypeAlias = tuple[Tensor, Tensor]


class OnnxEngine:
    """Thread-compatible: one caller at a time. What it has started ends with it."""

    def __init__(
        self,
        name: str,
        network: nn.Module,
        origin: Origin,
        weights: Path,
        device: torch.device,
        precision: torch.dtype,
        patient: bool = False,
    ) -> None:
        """
        Args:
            name: onnxruntime, openvino or tensorrt.
            network: on the device, in evaluation mode. On a CPU an engine has as many threads as torch has now.
            weights: the file that it was read from.
            precision: of torch.
            patient: whether an answer waits for its engine; else torch gives the first ones.
        """
        self.name = name
        self._patient = patient
        self._preparation = Preparation(origin, Maker(name, network, weights, device, precision))
        self._by_torch = True
        """The last answer."""
        self.close = weakref.finalize(self, self._preparation.close)
        """Ends what goes on. Called by itself when the engine is not used any more, and when Python ends."""

    def __call__(self, images: Tensor, by_torch: Callable[[Tensor], Logits]) -> Logits:
        """(B, 3, H, W) float32 on the device → both logits, there.

        Args:
            by_torch: gives the same answer; the first one is kept waiting for nothing else, unless it is to be patient.
        """
        shape = Shape(images.shape[0], images.shape[2], images.shape[3])
        session = self._preparation.session(shape)
        if session is None and self._patient:
            self._preparation.begin(shape, insist=True)
            self._preparation.wait()
            session = self._preparation.session(shape)
        if session is not None:
            try:
                answer = session(images)
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
        """What gave the last answer, and why it was torch."""
        if not self._by_torch:
            return self.name
        preparation = self._preparation
        if preparation.trouble:
            return f"torch: {preparation.trouble}"
        return f"torch, {preparation.at_work}" if preparation.at_work else "torch"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know, each to be said once."""
        preparation, maker = self._preparation, self._preparation.maker
        found = {
            f"torch goes on instead of {self.name}": preparation.trouble,
            "not kept for the next start": maker.not_kept,
            f"{self.name} in fp32, and not in the precision that was asked for": maker.not_half,
        }
        return tuple(f"engine: {what}: {why}" for what, why in found.items() if why)
