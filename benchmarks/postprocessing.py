"""python benchmarks/postprocessing.py [--size 2048 1024] [--classes 19] [--threads 2] [--device cpu]: logits to maps.

Compared, with logits at a quarter of the size, as smooth as those of pictures, or with --noise of each cell by itself,
the worst for the strips: what closed-set code does (interpolate, argmax), the plain open-set path (interpolate, argmax,
score, threshold), and what the segmenter uses on that device: strips on a CPU, a Triton kernel on CUDA. There logits
are fp16, as the network gives them, and the least that can be had is shown, too: a copy that moves as many bytes as
reading logits and writing maps once. They take turns; printed are the fastest and the median time of each, and both as
ratios to the closed set's.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

from densehybrid_ros.core.devices import device_name, resolve_device
from densehybrid_ros.core.fit import fit
from densehybrid_ros.core.maps.choice import MapMaker
from densehybrid_ros.core.postprocess import PARTS, open_set_map
from densehybrid_ros.core.scores import SCORES, Score

PATCH, SPREAD = 32, 4.0
"""Cells over which logits vary, and their standard deviation, in nats: 10 % of the blocks are mixed, of pictures 6."""
ON_CUDA = 20
"""Times that a way is taken at a stretch on a GPU, which is told to begin sooner than it ends."""


def plain(logits: torch.Tensor, dataset_logits: torch.Tensor, score: Score) -> tuple[torch.Tensor, ...]:
    semantic, values = logits.argmax(1).to(torch.uint8), score(logits, dataset_logits)
    return semantic, values, open_set_map(semantic, values, 0.0, logits.shape[1])


def copy_of(count: int, device: torch.device) -> Callable[[], object]:
    """Moves so many bytes, half of them in and half of them out."""
    source, copy = (torch.zeros(count // 2, dtype=torch.uint8, device=device) for _ in range(2))
    return lambda: copy.copy_(source)


def seconds(way: Callable[[], object], device: torch.device) -> float:
    times = ON_CUDA if device.type == "cuda" else 1
    started = time.perf_counter()
    for _ in range(times):
        way()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - started) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=[2048, 1024], metavar=("W", "H"))
    parser.add_argument("--classes", type=int, default=19)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N")
    parser.add_argument("--score", choices=SCORES, default="hybrid")
    parser.add_argument("--noise", action="store_true", help="logits of each cell by itself")
    parser.add_argument("--runs", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, maker = resolve_device(arguments.device), MapMaker()
    width, height = arguments.size
    fitted, score = fit((height, width), 0, 32, align_corners=False), SCORES[arguments.score]
    cells = [side // 4 for side in fitted.run]
    patch = 1 if arguments.noise else PATCH
    logits, dataset_logits = (
        F.interpolate(torch.randn(1, channels, *(side // patch for side in cells)) * SPREAD, cells, mode="bicubic")
        .contiguous()
        .to(device)
        for channels in (arguments.classes, 2)
    )
    fast = "open set, strips"
    if device.type == "cuda":
        logits, dataset_logits, fast = logits.half(), dataset_logits.half(), "open set, Triton"
    ways: dict[str, Callable[[], object]] = {
        "closed set, plain": lambda: F.interpolate(logits, (height, width), mode="bilinear").argmax(1),
        "open set, plain": lambda: plain(fitted.to_image(logits), fitted.to_image(dataset_logits), score),
        fast: lambda: maker(logits, dataset_logits, fitted, score, 0.0, PARTS),
    }
    if device.type == "cuda":
        maps = maker(logits, dataset_logits, fitted, score, 0.0, PARTS)
        moved = (logits, dataset_logits, *vars(maps).values())
        ways["as many bytes"] = copy_of(sum(each.nbytes for each in moved), device)
    times: dict[str, list[float]] = {name: [] for name in ways}
    with torch.inference_mode():
        for _ in range(arguments.runs + 1):
            for name, way in ways.items():
                times[name].append(seconds(way, device))
    where = device_name(device) or f"{arguments.threads} threads"
    print(f"{width}x{height}, {arguments.classes} classes, {where}, score {arguments.score}", maker.trouble)
    least, middle = ({name: how(each[1:]) for name, each in times.items()} for how in (min, statistics.median))
    for name in ways:
        ratios = " ".join(f"{figures[name] / figures['closed set, plain']:6.2f}" for figures in (least, middle))
        print(f"{name:18} {least[name] * 1000:7.3f} ms at best {middle[name] * 1000:7.3f} median   ratios {ratios}")


if __name__ == "__main__":
    main()
