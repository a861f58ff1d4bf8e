"""An ONNX file ready to run, and how far it is from torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from densehybrid_ros.engines.building import Stopped, Unavailable
from densehybrid_ros.engines.key import Shape
from densehybrid_ros.engines.onnx_file import INPUT, OUTPUTS
from densehybrid_ros.engines.packages import how_to_install_tensorrt
from densehybrid_ros.engines.providers import CPU, Providers, load_libraries

TOLERANCE = 1e-3
"""Largest difference to torch, in nats."""
AS_TORCH = 2.0
"""Or so many times the distance between torch and exact fp32, in a precision in which that is more."""
TYPES: dict[str, tuple[type[np.generic], torch.dtype]] = {
    "tensor(float)": (np.float32, torch.float32),
    "tensor(uint8)": (np.uint8, torch.uint8),
}
"""Of outputs, by their names in ONNX Runtime."""


class Session:
    """A network of one size in ONNX Runtime. Pictures and answers stay where they are: nothing is copied."""

    def __init__(self, contents: bytes, threads: int, providers: Providers = CPU) -> None:
        """
        Args:
            contents: of the file. Given by its bytes it can refer to no other file.
            threads: that share an operation on the CPU.
            providers: the first has to be there.

        Raises:
            Unavailable: it is not; with what to do.
            Exception: of ONNX Runtime's many kinds, where the file is damaged.
        """
        runtime: Any = import_module("onnxruntime")
        load_libraries(providers)
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors, which are raised as well
        # threads that wait in a loop take the cores from what comes next: whole frame of 2048x1024 on two cores, 213 ms
        # (median) against 174 without; beside a busy process 372 against 304 (benchmarks/engines.py)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # its own fall-back prints to standard output, and answers by the CPU without a word in the session
        self._session = runtime.InferenceSession(contents, options, providers=providers, enable_fallback=0)
        wanted, found = providers[0][0], self._session.get_providers()
        if wanted not in found:
            raise Unavailable(
                f"ONNX Runtime's {wanted} did not load, only {', '.join(found)}: its libraries (TensorRT, CUDA, cuDNN) "
                f"are missing or of other versions; run: {how_to_install_tensorrt()}"
            )
        self._outputs = {each.name: (each.shape, *TYPES[each.type]) for each in self._session.get_outputs()}

    @property
    def properties(self) -> dict[str, str]:
        """The file's metadata."""
        return self._session.get_modelmeta().custom_metadata_map

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) float32 → both logits, on the same device."""
        logits, dataset_logits = self.outputs(images, OUTPUTS)
        return logits, dataset_logits

    def outputs(self, images: Tensor, names: Sequence[str]) -> list[Tensor]:
        """(B, 3, H, W) float32 → outputs of the file by their names, on the same device."""
        images, device = images.contiguous(), images.device
        found = [torch.empty(self._outputs[name][0], dtype=self._outputs[name][2], device=device) for name in names]
        place = (device.type, device.index or 0)
        binding = self._session.io_binding()
        binding.bind_input(INPUT, *place, np.float32, tuple(images.shape), images.data_ptr())
        for name, each in zip(names, found, strict=True):
            binding.bind_output(name, *place, self._outputs[name][1], tuple(each.shape), each.data_ptr())
        if device.type == "cuda":
            # ONNX Runtime has a stream of its own: what torch's still does to the pictures, and to what the memory of
            # the answers was used for before, has to be over
            torch.cuda.current_stream(device).synchronize()
        self._session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return found


def noise_and_edges(shape: Shape, device: torch.device | None = None) -> Tensor:
    """(B, 3, H, W) of noise and edges, in [0, 1], the same on every device."""
    pictures = np.random.default_rng(0).random((shape.batch, 3, shape.height, shape.width), np.float32)
    pictures[..., shape.width // 3 :] *= 0.3
    return torch.from_numpy(pictures).to(device)


@torch.inference_mode()
def difference_to_torch(network: nn.Module, session: Callable[[Tensor], Sequence[Tensor]], pictures: Tensor) -> float:
    """Largest absolute difference of both outputs to torch's in exact fp32, in nats; NaN where one is."""
    return _largest(session(pictures), _exactly(network, pictures))


@torch.inference_mode()
def tolerance(network: nn.Module, pictures: Tensor, precision: torch.dtype, rounded: bool = False) -> float:
    """What an engine may differ by: TOLERANCE, or AS_TORCH times what torch itself does, as the segmenter runs it.

    On a CPU in fp32 torch is exact. In fp16, and in fp32 on a GPU, which rounds the factors of a product to 10 bits
    (TF32), it is not.

    Args:
        rounded: whether the engine rounds all numbers to that precision. Torch itself keeps sums, norms and what is
            enlarged in fp32; with all of them rounded it is three times as far off with the bundled weights, and as
            far as OpenVINO (mean over all logits 0.056 nats beside 0.057).
    """
    kind = pictures.device.type
    if kind == "cpu" and precision == torch.float32:
        return TOLERANCE
    with Rounded(precision) if rounded else torch.autocast(kind, precision, enabled=precision != torch.float32):
        as_used = network(pictures)
    return max(TOLERANCE, AS_TORCH * _largest(as_used, _exactly(network, pictures)))


class Rounded(TorchDispatchMode):
    """Whatever an operation reads has been rounded to a coarser precision; it computes in fp32."""

    def __init__(self, precision: torch.dtype) -> None:
        super().__init__()
        self._precision = precision

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # what is changed in place or looked at has to stay itself; what comes next rounds that
        if any(each.alias_info is not None for each in func._schema.arguments):
            return func(*args, **(kwargs or {}))
        return func(*tree_map_only(Tensor, self._round, args), **(kwargs or {}))

    def _round(self, values: Tensor) -> Tensor:
        return values.to(self._precision).float() if values.dtype == torch.float32 else values


class UntilStopped(TorchDispatchMode):
    """What torch computes in it ends with the next operation when it is to stop.

    A thread that is still in one while Python ends takes the process with it: torch cannot be left from outside.
    """

    def __init__(self, stopped: Callable[[], bool]) -> None:
        super().__init__()
        self._stopped = stopped

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self._stopped():
            raise Stopped("closed")
        return func(*args, **(kwargs or {}))


def _exactly(network: nn.Module, pictures: Tensor) -> Sequence[Tensor]:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False  # of all threads: a frame beside this one may be exact, too
    try:
        return network(pictures)
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _largest(some: Sequence[Tensor], others: Sequence[Tensor]) -> float:
    return float(np.max([float((one - other).abs().max()) for one, other in zip(some, others, strict=True)]))
