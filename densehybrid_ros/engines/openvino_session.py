"""An ONNX file ready to run in OpenVINO, on the CPU: in bf16 too, where that has instructions for it."""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from typing import Any, cast

import torch
from torch import Tensor

from densehybrid_ros.engines.building import Unavailable
from densehybrid_ros.engines.onnx_file import INPUT, OUTPUTS, refuse_other_files

DEVICE = "CPU"
TELEMETRY = "openvino_telemetry"
"""A package that comes with OpenVINO, and reports over the network that it was imported."""
PRECISIONS = {torch.float32: ("f32", "FP32"), torch.bfloat16: ("bf16", "BF16"), torch.float16: ("f16", "FP16")}
"""Their names in OpenVINO: of what it is to compute in, and of what the CPU is capable of."""

_importing = threading.Lock()


def openvino() -> Any:
    """The module, imported so that it reports nothing to anybody."""
    modules = cast("dict[str, Any]", sys.modules)
    with _importing:
        found = modules.pop(TELEMETRY, None)
        modules[TELEMETRY] = None  # it cannot be imported, and OpenVINO does without it
        try:
            return import_module("openvino")
        finally:
            del modules[TELEMETRY]
            if found is not None:
                modules[TELEMETRY] = found


def computes_in(precision: torch.dtype) -> bool:
    """Whether this CPU has instructions for it that OpenVINO uses: it takes any precision, and rounds nothing else."""
    return PRECISIONS[precision][1] in openvino().Core().get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")


class OpenvinoSession:
    """A network of one size in OpenVINO. Pictures and answers stay where they are: nothing is copied."""

    def __init__(self, contents: bytes, threads: int, precision: torch.dtype) -> None:
        """
        Args:
            contents: of the file.
            threads: that share an operation; no more than this process has cores.
            precision: of PRECISIONS.

        Raises:
            Unavailable: the CPU has no instructions for that precision.
            SetupError: the file refers to others.
            RuntimeError: it is damaged.
        """
        if not computes_in(precision):
            raise Unavailable(f"this CPU has no instructions for {str(precision).removeprefix('torch.')}")
        refuse_other_files(contents)
        runtime = openvino()
        core = runtime.Core()
        model = core.read_model(contents, b"")
        options = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision][0],
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            # so many threads as are asked for, also where two of them have to share a core
            "ENABLE_HYPER_THREADING": True,
            # threads bound to cores wait where another program has theirs
            "ENABLE_CPU_PINNING": False,
        }
        self._properties = model.get_rt_info(["framework"]).value if model.has_rt_info(["framework"]) else {}
        self._compiled = core.compile_model(model, DEVICE, options)
        self._shapes = {name: tuple(self._compiled.output(name).shape) for name in OUTPUTS}
        self._request = self._compiled.create_infer_request()
        self._tensor = runtime.Tensor

    @property
    def properties(self) -> dict[str, str]:
        """The file's metadata."""
        return {name: str(value) for name, value in self._properties.items()}

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) float32 on the CPU → both logits, float32."""
        images = images.contiguous()
        logits, dataset_logits = found = [torch.empty(self._shapes[name]) for name in OUTPUTS]
        for name, each in zip((INPUT, *OUTPUTS), (images, *found), strict=True):
            self._request.set_tensor(name, self._tensor(each.numpy(), shared_memory=True))
        self._request.infer(share_outputs=True)  # which without that copies them once more
        return logits, dataset_logits
