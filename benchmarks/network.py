"""python benchmarks/network.py [NAME ...] [--size 1024 512] [--threads 2]: a network in torch, as it may lie in memory.

Compared, in turns: batch norm as loaded and folded into the convolutions before it, each with weights and pictures
channels_last and contiguous; on CUDA the folded one also as the graph that the segmenter records. Printed are the
fastest and the median time, and the former relative to the first row's. Without a name, or with `bundled`: the bundled
weights at all their scales; else networks of MODELS with fresh weights.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from densehybrid_ros.bench.timing import timings
from densehybrid_ros.core.cuda_graphs import Graphs, Logits
from densehybrid_ros.core.devices import placed, resolve_device, use_threads
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
    found = timings(ways, options.runs)
    first = next(iter(found.values())).fastest
    rows = [["", "fastest ms", "median ms", "relative"]]
    rows += [[name, f"{t.fastest:.0f}", f"{t.p50:.0f}", f"{t.fastest / first:.2f}"] for name, t in found.items()]
    return table_lines(rows)


@torch.inference_mode()
def run(model: Callable[[torch.Tensor], Logits], images: torch.Tensor) -> float:
    """Ends when the device has."""
    return float(model(images)[0][0, 0, 0, 0])


if __name__ == "__main__":
    main()
