"""densehybrid bench [--node | --scale] [--weights FILE] [--size WIDTH HEIGHT]: what a frame costs on this machine.

Four ways from a uint8 picture to maps on the CPU take turns: closed set and open set as public code has them (the
network in eager fp32, logits interpolated to the picture, argmax and score of those), and both as the node computes
them, the last also by every engine that is installed. Printed are the fastest, median and 95th percentile of their
times, the least that the CPU worked for one picture, frames per second, the median relative to the plain closed set,
and the peak memory of a process that does nothing else (on a GPU what torch takes there); below, what the open set
costs beyond the closed one, what the score alone adds to the classes, out of the same logits, and the network's
arithmetic.

With --node (needs ROS 2) the whole node in a process of its own, fed and listened to over DDS, takes turns with its
bare engine: frames per second, time from an image sent to the last answer received, and of that the time from taken to
published in the node, and what of it is not its engine's. The feeder shares the machine's cores with the node.

With --scale: the open set by torch, the network at the pictures' own size, from 0.25 to 8 megapixels, for 1 to 8
cameras in one batch, and with fewer threads: time, time per megapixel, and peak memory, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from densehybrid_ros.bench import scale
from densehybrid_ros.bench.memory import Asked, peaks_mb
from densehybrid_ros.bench.timing import Timing, timings
from densehybrid_ros.bench.ways import CLOSED_PLAIN, open_set, postprocessing, wait_for_engine, ways
from densehybrid_ros.core.devices import device_name, placed, resolve_device, use_threads
from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines.choice import ENGINES, choose
from densehybrid_ros.engines.openvino_session import computes_in
from densehybrid_ros.engines.packages import OPENVINO, missing_packages
from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import refuse_unwritable, write_whole
from densehybrid_ros.metrics.table import table_lines
from densehybrid_ros.models.checkpoint import BUNDLED, load_network

SEED = 1
SIZE = (2048, 1024)
"""Pictures where no size is named, px."""
BY_ENGINE = "open set, "


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="densehybrid bench", description=__doc__)
    parser.add_argument("--weights", default="", help="a .safetensors file; without it the bundled weights")
    parser.add_argument("--scale", action="store_true", help="by size, cameras and threads; --size is not used")
    parser.add_argument("--node", action="store_true", help="measure the node, over DDS")
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("WIDTH", "HEIGHT"), help="default 2048 1024, of the node 1920 1080"
    )
    parser.add_argument("--inference-width", type=int, default=0, help="px; 0 = the weights' own, -1 = native")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    parser.add_argument("--precision", default="auto", help="of the node's way: auto, fp32, fp16, bf16")
    parser.add_argument("--threads", type=int, default=0, help="of torch on the CPU; 0 = its default")
    parser.add_argument("--runs", type=int, default=10, help="of each way")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(argv)
    if options.runs < 1 or min(options.size or SIZE) < 1 or options.threads < 0:
        raise SetupError("runs and both sides of --size are at least 1, threads at least 0")
    if options.json:
        refuse_unwritable(options.json)
    use_threads(options.threads)
    if options.node:
        from densehybrid_ros.bench import node  # which needs ROS

        figures = node.measured(options)
        print(node.text_of(figures))
    elif options.scale:
        figures = scale.measured(options)
        print(scale.text_of(figures))
    else:
        figures = measured(options)
        print(text_of(figures))
    if options.json:
        write_whole(options.json, json.dumps(figures, indent=2) + "\n")


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, as they are written to --json."""
    segmenter = Segmenter.load(options.weights, options.device, options.precision, options.inference_width)
    model = placed(load_network(Path(options.weights) if options.weights else BUNDLED)[0], segmenter.device).eval()
    width, height = options.size or SIZE
    fitted = segmenter.fit(height, width)
    image = np.random.default_rng(SEED).integers(0, 256, (height, width, 3), np.uint8)
    compared = ways(segmenter, model, fitted)
    for name, precision in engines_here(segmenter).items():
        by_engine = Segmenter.load(options.weights, options.device, precision, options.inference_width, name)
        print(f"waiting for engine {name}", file=sys.stderr)
        wait_for_engine(by_engine, image, name)
        for warning in by_engine.engine_warnings:
            print(warning, file=sys.stderr)
        compared[way_by(name, precision)] = open_set(by_engine)
    times = timings({name: partial(way, image) for name, way in compared.items()}, options.runs)
    after = timings(postprocessing(model, segmenter, fitted), options.runs)
    peaks = peaks_mb([asked_of(name, options) for name in compared])
    return {
        "weights": segmenter.info.architecture,
        "device": device_name(segmenter.device) or f"CPU, {torch.get_num_threads()} threads",
        "size": [width, height],
        "network_size": list(fitted.run[::-1]),
        "runs": options.runs,
        "ways": {
            name: {**figures_of(times[name], times[CLOSED_PLAIN]), "peak_mb": round(peak)}
            for name, peak in zip(compared, peaks, strict=True)
        },
        "open_set_ms": round(times["open set"].p50 - times["closed set"].p50, 2),
        "open_set_plain_ms": round(times["open set, plain"].p50 - times[CLOSED_PLAIN].p50, 2),
        **score_figures(after),
        "network_gflop": round(gflop(model, fitted, segmenter.device), 2),
    }


def engines_here(segmenter: Segmenter) -> dict[str, str]:
    """Engines besides torch that the network can run by on its device, each with its precision."""
    if segmenter.device.type == "cpu":
        found = {} if missing_packages() else {"onnxruntime": "fp32"}
        if not missing_packages(OPENVINO) and computes_in(torch.bfloat16):
            found["openvino"] = "bf16"
        return found
    precision = {torch.float32: "fp32", torch.float16: "fp16"}.get(segmenter.precision, "")
    name = choose("tensorrt", segmenter.device, segmenter.precision).name
    return {name: precision} if name == "tensorrt" else {}


def way_by(engine: str, precision: str) -> str:
    """What that row is called."""
    return f"{BY_ENGINE}{engine}" + (f" {precision}" if precision == "bf16" else "")


def asked_of(way: str, options: argparse.Namespace) -> Asked:
    """For a process that does nothing but that one of `compared`."""
    engine, _, precision = way.removeprefix(BY_ENGINE).partition(" ")
    width, height = options.size or SIZE
    by_engine = engine in ENGINES
    on_cpu = resolve_device(options.device).type == "cpu"
    return Asked(
        "" if by_engine else way,
        options.weights,
        options.device,
        precision or "fp32" if by_engine and on_cpu else options.precision,
        options.inference_width,
        engine if by_engine else "torch",
        (width, height),
        torch.get_num_threads(),
    )


def score_figures(times: Mapping[str, Timing]) -> dict[str, float]:
    """What classes take, and what the score adds, ms, by medians, of `postprocessing`."""
    found = {}
    for suffix in ("", "_plain"):
        classes = times[f"classes{suffix}"].p50
        found[f"classes{suffix}_ms"] = round(classes, 2)
        found[f"score{suffix}_ms"] = round(times[f"classes and score{suffix}"].p50 - classes, 2)
    return found


def figures_of(timing: Timing, reference: Timing) -> dict[str, float]:
    rounded = {f"{name}_ms": round(value, 2) for name, value in asdict(timing).items()}
    return {**rounded, "hz": round(1000 / timing.p50, 2), "relative": round(timing.p50 / reference.p50, 3)}


def gflop(model: nn.Module, fitted: Fit, device: torch.device) -> float:
    """Of one pass: two for every multiplication with its addition, in convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, *fitted.run, device=device))
    return counter.get_total_flops() / 1e9


def text_of(figures: dict[str, Any]) -> str:
    """A line for every way."""
    head = "{weights} on {device}: {width}x{height} pictures, network at {columns}x{rows}, {runs} runs".format(
        **figures,
        width=figures["size"][0],
        height=figures["size"][1],
        columns=figures["network_size"][0],
        rows=figures["network_size"][1],
    )
    rows = [["", "fastest ms", "p50 ms", "p95 ms", "CPU ms", "frames/s", "relative", "peak MB"]]
    for name, each in figures["ways"].items():
        *times, peak = each.values()
        rows.append([name, *(f"{value:.2f}" for value in times), f"{peak:.0f}"])
    return "\n".join(
        [
            head,
            *table_lines(rows),
            f"the open set costs {figures['open_set_ms']:.1f} ms more than the closed one; "
            f"{figures['open_set_plain_ms']:.1f} ms as public code has them",
            f"post-processing of the same logits: classes {figures['classes_ms']:.1f} ms, the score alone "
            f"{figures['score_ms']:.1f} more; plain {figures['classes_plain_ms']:.1f} and "
            f"{figures['score_plain_ms']:.1f}",
            f"network: {figures['network_gflop']:.1f} GFLOP",
        ]
    )
