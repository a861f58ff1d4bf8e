"""A network as an ONNX file of one size, weights included. It is data alone, as protobuf: reading it runs no code.

Input `images`: (B, 3, H, W) float32 RGB in [0, 1]. Outputs at the network's stride: `logits` (B, K, h, w) and
`dataset_logits` (B, 2, h, w).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from densehybrid_ros.engines.key import Shape
from densehybrid_ros.errors import SetupError
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


def refuse_other_files(contents: bytes) -> None:
    """Of an ONNX file, whose tensors may lie in others anywhere: OpenVINO reads those, also where it is given bytes.

    Raises:
        SetupError: it refers to another file.
        Exception: of protobuf's, where it is damaged.
    """
    if b"location" not in contents:  # under that name a reference stands, and mostly there is none
        return
    onnx: Any = import_module("onnx")
    for tensor in _tensors(onnx.load_from_string(contents), onnx.TensorProto):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise SetupError("its ONNX file refers to other files; ours never do")


def _tensors(message: Any, kind: type) -> Iterator[Any]:
    """All of them in a protobuf message, however deep."""
    if isinstance(message, kind):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in [value] if hasattr(value, "ListFields") else value:
                yield from _tensors(each, kind)
