"""A network as an ONNX file of one size, weights included. It is data alone, as protobuf: reading it runs no code.

Input `images`: (B, 3, H, W) float32 RGB in [0, 1]. Outputs at the network's stride: `logits` (B, K, h, w) and
`dataset_logits` (B, 2, h, w).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from densehybrid_ros.engines.key import Shape
from densehybrid_ros.files import written_whole

INPUT = "images"
OUTPUTS = ("logits", "dataset_logits")


def write_onnx(
    network: nn.Module,
    out: Path,
    shape: Shape,
    opset: int,
    properties: Mapping[str, str],
    outputs: Sequence[str] = OUTPUTS,
) -> int:
    """Writes the network, on the CPU, with metadata; returns the opset that it has in the end.

    Args:
        outputs: names of what it gives.

    Raises:
        SetupError: the file cannot be written.
    """
    onnx: Any = import_module("onnx")
    program: Any = torch.onnx.export(
        network.eval(),
        (torch.zeros(shape.batch, 3, shape.height, shape.width),),
        input_names=[INPUT],
        output_names=list(outputs),
        opset_version=opset,
        dynamo=True,
        verbose=False,
    )
    made = program.model_proto
    onnx.helper.set_model_props(made, dict(properties))
    onnx.checker.check_model(made)
    with written_whole(out, shared=True) as file:  # two processes may need the same engine at once
        file.write(made.SerializeToString())
    return next(entry.version for entry in made.opset_import if entry.domain in ("", "ai.onnx"))
