"""python benchmarks/engines.py [--size 2048 1024] [--width 1024] [--threads 2]: torch and other engines on a CPU.

Compared, with the bundled weights or --weights: the network alone at its width, and the whole frame, uint8 in and three
maps out. Torch, ONNX Runtime, and in bf16 OpenVINO where it is installed take turns; printed are the fastest and the
median time of each, and torch's over those of the others. An engine is built first where the cache has none. With
--beside other processes keep as many cores busy.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time

import numpy as np
import torch

from densehybrid_ros.bench.ways import wait_for_engine
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines.packages import OPENVINO, missing_packages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=[2048, 1024], metavar=("W", "H"))
    parser.add_argument("--width", type=int, default=1024, help="at which the network runs, px")
    parser.add_argument("--weights", default="")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--beside", type=int, default=0, metavar="PROCESSES")
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    width, height = arguments.size
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    precisions = {"torch": "fp32", "onnxruntime": "fp32"} | ({} if missing_packages(OPENVINO) else {"openvino": "bf16"})
    segmenters = {
        name: Segmenter.load(arguments.weights, "cpu", precision, arguments.width, name)
        for name, precision in precisions.items()
    }
    print(
        f"{width}x{height}, network at {arguments.width}, {arguments.threads} threads, {arguments.beside} busy beside"
    )
    for name, segmenter in segmenters.items():
        begun = time.monotonic()
        wait_for_engine(segmenter, picture, name)
        print(f"{name} ready after {time.monotonic() - begun:.1f} s", *segmenter.engine_warnings)
    others = [multiprocessing.Process(target=keep_busy, daemon=True) for _ in range(arguments.beside)]
    for other in others:
        other.start()
    print_times(segmenters, picture, arguments.runs)


def print_times(segmenters: dict[str, Segmenter], picture: np.ndarray, runs: int) -> None:
    """Of all in turns, after one turn that does not count."""
    network: dict[str, list[float]] = {name: [] for name in segmenters}
    frame: dict[str, list[float]] = {name: [] for name in segmenters}
    for _ in range(runs + 1):
        for name, segmenter in segmenters.items():
            started = time.perf_counter()
            answer = segmenter.batch([picture])
            frame[name].append((time.perf_counter() - started) * 1000)
            network[name].append(answer.stage_ms["infer"])
    for what, times in (("network", network), ("whole frame", frame)):
        best, median = ({name: how(each[1:]) for name, each in times.items()} for how in (min, statistics.median))
        for name in segmenters:
            print(f"{what:12} {name:12} {best[name]:7.1f} ms at best {median[name]:7.1f} median")
        for name in [name for name in segmenters if name != "torch"]:
            ratios = (each["torch"] / each[name] for each in (best, median))
            print(f"{what:12} torch / {name}: {' and '.join(f'{ratio:.2f}' for ratio in ratios)}")


def keep_busy() -> None:
    while True:
        sum(range(1000))


if __name__ == "__main__":
    main()
