"""An ONNX file ready to run, and how far it is from torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from densehybrid_ros.engines.key import Shape
from densehybrid_ros.engines.onnx_file import INPUT, OUTPUTS

TOLERANCE = 1e-3
"""Largest difference to torch, in nats."""


class Session:
    """A network of one size in ONNX Runtime, on the CPU."""

    def __init__(self, contents: bytes, threads: int) -> None:
        """
        Args:
            contents: of the file. Given by its bytes it can refer to no other file.
            threads: that share an operation.

        Raises:
            Exception: of ONNX Runtime's many kinds, where the file is damaged.
        """
        runtime: Any = import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors, which are raised as well
        # threads that wait in a loop take the cores from what comes next: whole frame of 2048x1024 on two cores, 213 ms
        # (median) against 174 without; beside a busy process 372 against 304 (benchmarks/engines.py)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = runtime.InferenceSession(contents, options, providers=["CPUExecutionProvider"])

    @property
    def properties(self) -> dict[str, str]:
        """The file's metadata."""
        return self._session.get_modelmeta().custom_metadata_map

    def __call__(self, images: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) → both logits."""
        logits, dataset_logits = self.outputs(images, OUTPUTS)
        return logits, dataset_logits

    def outputs(self, images: NDArray[np.float32], names: Sequence[str]) -> list[Tensor]:
        """(B, 3, H, W) → outputs of the file by their names."""
        return [torch.from_numpy(each) for each in self._session.run(list(names), {INPUT: images})]


def noise_and_edges(shape: Shape) -> NDArray[np.float32]:
    """(B, 3, H, W) of noise and edges, in [0, 1]."""
    pictures = np.random.default_rng(0).random((shape.batch, 3, shape.height, shape.width), np.float32)
    pictures[..., shape.width // 3 :] *= 0.3
    return pictures


@torch.inference_mode()
def difference_to_torch(network: nn.Module, session: Session, shape: Shape) -> float:
    """Largest absolute difference of both outputs, in nats, on pictures of noise and edges; NaN where one is."""
    pictures = noise_and_edges(shape)
    wanted = network(torch.from_numpy(pictures))
    return float(np.max([(one - other).abs().max() for one, other in zip(session(pictures), wanted, strict=True)]))
