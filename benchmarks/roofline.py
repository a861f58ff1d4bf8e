"""python benchmarks/roofline.py [--size 2048 1024] [--inference-width 0]: what this CPU could do, and what it does.

Measured: the bandwidth of a copy far larger than the caches, and the rate of a large matrix product, both in fp32 by
torch. Counted: arithmetic and traffic of the network, if every layer reads its inputs and weights from memory and
writes its outputs there once; and of post-processing, if it reads the logits and writes the maps once. The bound of
each is the longer of arithmetic and traffic; beside it stands what the segmenter took (torch, fp32, fastest of --runs).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from densehybrid_ros.bench.command import gflop
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.metrics.table import table_lines
from densehybrid_ros.models.checkpoint import BUNDLED, load_network

COPIED = 1 << 26
"""Values: 256 MiB."""
MATRIX = 2048
PER_CLASS = 8
"""Operations on a pixel and class: 2 for the interpolation down, at most 2 across, maximum, comparison, difference
and sum; exp counts as one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=[2048, 1024], metavar=("W", "H"))
    parser.add_argument("--inference-width", type=int, default=0, help="px; 0 = the weights' own, -1 = native")
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    width, height = arguments.size
    bandwidth, peak = measured_bandwidth(arguments.runs), measured_peak(arguments.runs)
    segmenter = Segmenter.load("", "cpu", "fp32", arguments.inference_width)
    network = load_network(BUNDLED)[0].eval()
    fitted = segmenter.fit(height, width)
    traffic, logits = network_traffic(network, torch.zeros(1, 3, *fitted.run))
    pixels, classes = width * height, segmenter.classes
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    taken: dict[str, list[float]] = {"infer": [], "postprocess": []}
    for _ in range(arguments.runs + 1):
        answer = segmenter.batch([image])
        for stage, times in taken.items():
            times.append(answer.stage_ms[stage])
    work = {
        "infer": (gflop(network, fitted, segmenter.device) * 1e9, traffic),
        "postprocess": (PER_CLASS * (classes + 2) * pixels, logits + pixels * (1 + 4 + 1)),
    }
    print(f"{torch.get_num_threads()} threads: {bandwidth / 1e9:.1f} GB/s, {peak / 1e9:.0f} GFLOP/s")
    rows = [["", "GFLOP", "MB", "FLOP per byte", "arithmetic ms", "traffic ms", "taken ms"]]
    for stage, (operations, octets) in work.items():
        bounds = (operations / peak * 1000, octets / bandwidth * 1000)
        cells = (operations / 1e9, octets / 1e6, operations / octets, *bounds, min(taken[stage][1:]))
        rows.append([stage, *(f"{cell:.1f}" for cell in cells)])
    print("\n".join(table_lines(rows)))


def measured_bandwidth(runs: int) -> float:
    """Bytes read and written, B/s."""
    source, target = torch.ones(COPIED), torch.empty(COPIED)
    return 2 * 4 * COPIED / fastest(lambda: target.copy_(source), runs)


def measured_peak(runs: int) -> float:
    """FLOP/s."""
    one, other = torch.rand(2, MATRIX, MATRIX)
    return 2 * MATRIX**3 / fastest(lambda: one @ other, runs)


def fastest(work: Callable[[], object], runs: int) -> float:
    """Seconds, after one run that does not count."""
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times[1:])


@torch.inference_mode()
def network_traffic(network: nn.Module, images: Tensor) -> tuple[float, float]:
    """Bytes that its layers read and write in all, and bytes of its answer."""
    total = 0

    def count(layer: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal total
        total += sum(each.nbytes for each in (*tensors(inputs), *tensors(output), *layer.parameters(recurse=False)))

    layers = [each for each in network.modules() if not list(each.children())]
    hooks = [each.register_forward_hook(count) for each in layers]
    answer = network(images)
    for hook in hooks:
        hook.remove()
    return total, sum(each.nbytes for each in tensors(answer))


def tensors(nested: Any) -> Iterator[Tensor]:
    """Those in tuples and lists, however deep."""
    if isinstance(nested, Tensor):
        yield nested
    elif isinstance(nested, tuple | list):
        for each in nested:
            yield from tensors(each)


if __name__ == "__main__":
    main()
