"""python benchmarks/network.py [NAME ...] [--size 1024 512] [--threads 2] [--engines]: a network alone.

Compared, in turns: batch norm as loaded and folded into the convolutions before it, each with weights and pictures
channels_last and contiguous; on CUDA the folded one also as the graph that the segmenter records; with --engines on a
CPU the engines that are installed. Printed are the fastest and the median time, the least that the CPU worked, and the
first relative to the first row's. Without a name, or with `bundled`: the bundled weights at all their scales; else
networks of MODELS with fresh weights.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import nn

from densehybrid_ros.bench.timing import timings
from densehybrid_ros.core.cuda_graphs import Graphs, Logits
from densehybrid_ros.core.devices import placed, resolve_device, use_threads
from densehybrid_ros.engines.key import OPSET, Shape
from densehybrid_ros.engines.onnx_file import write_onnx
from densehybrid_ros.engines.opening import Session
from densehybrid_ros.engines.openvino_session import OpenvinoSession, computes_in
from densehybrid_ros.engines.packages import OPENVINO, missing_packages
from densehybrid_ros.errors import SetupError
from densehybrid_ros.metrics.table import table_lines
from densehybrid_ros.models import MODELS, build_model
from densehybrid_ros.models.checkpoint import BUNDLED, load_network
from densehybrid_ros.models.folding import fold_batch_norm

FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=["bundled", *MODELS, []], metavar="NAME")
    parser.add_argument("--size", type=int, nargs=2, default=[1024, 512], metavar=("W", "H"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--engines", action="store_true", help="also what else can run it on a CPU")
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    use_threads(options.threads)
    for name in options.names or ["bundled"]:
        network = load_network(BUNDLED)[0] if name == "bundled" else build_model(name, classes=19).eval()
        print(f"{name} at {options.size[0]}x{options.size[1]}, {torch.get_num_threads()} threads")
        print("\n".join(table(network, options)))


def table(network: nn.Module, options: argparse.Namespace) -> list[str]:
    """A row for each way."""
    width, height = options.size
    device = resolve_device(options.device)
    images = torch.rand(1, 3, height, width, device=device)
    ways: dict[str, Callable[[], object]] = {}
    for kind, known in {"as loaded": network, "folded": fold_batch_norm(copy.deepcopy(network))}.items():
        for how, memory in FORMATS.items():
            model = copy.deepcopy(known).to(device, memory_format=memory)  # pyright: ignore[reportCallIssue]
            ways[f"{kind}, {how}"] = partial(run, model, images.contiguous(memory_format=memory))
    if device.type == "cuda":
        model = placed(fold_batch_norm(copy.deepcopy(network)), device)
        graphs = Graphs(model)
        ways["folded, CUDA graph"] = partial(run, graphs, images.contiguous(memory_format=torch.channels_last))
        for _ in range(2):  # that is when it is recorded
            ways["folded, CUDA graph"]()
        if graphs.trouble:
            raise SetupError(f"no CUDA graph: {graphs.trouble}")
    if options.engines and device.type == "cpu":
        ways |= {name: partial(run, session, images) for name, session in engines(network, Shape(1, height, width))}
    found = timings(ways, options.runs)
    first = next(iter(found.values())).fastest
    rows = [["", "fastest ms", "median ms", "CPU ms", "relative"]]
    for name, each in found.items():
        times = (each.fastest, each.p50, each.cpu)
        rows.append([name, *(f"{time:.0f}" for time in times), f"{each.fastest / first:.2f}"])
    return table_lines(rows)


def engines(network: nn.Module, shape: Shape) -> Iterator[tuple[str, Callable[[torch.Tensor], Logits]]]:
    """Those that are installed, on the CPU."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        write_onnx(copy.deepcopy(network), file, shape, OPSET, {})
        contents, threads = file.read_bytes(), torch.get_num_threads()
    yield "ONNX Runtime", Session(contents, threads)
    if missing_packages(OPENVINO):
        return
    for precision in filter(computes_in, (torch.float32, torch.bfloat16)):
        yield f"OpenVINO, {str(precision).removeprefix('torch.')}", OpenvinoSession(contents, threads, precision)


@torch.inference_mode()
def run(model: Callable[[torch.Tensor], Logits], images: torch.Tensor) -> float:
    """Ends when the device has."""
    return float(model(images)[0][0, 0, 0, 0])


if __name__ == "__main__":
    main()
