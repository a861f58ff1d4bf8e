"""densehybrid export-onnx OUT.onnx [--weights FILE] [--size WIDTH HEIGHT]: the network for other engines.

One input, `images` (1, 3, HEIGHT, WIDTH) float32 RGB in [0, 1]; two outputs at the network's own stride: `logits`
(1, K, h, w) and `dataset_logits` (1, 2, h, w). Scores are formed from both after bilinear upsampling. Metadata in the
file are classes and thresholds (`densehybrid`, JSON) and whether that upsampling aligns corners, as DeepLab's does
(`align_corners`, true or false). The result is run in onnxruntime and compared with torch.

With --postprocess the file holds what comes after, too. Its outputs are those of the node, (1, H, W) at the size of
--maps-size: `semantic` (uint8, 0..K-1), `score` (float32, --score) and `open_set` (uint8, K where the score reaches the
threshold that is stored with the weights, or --threshold).
Needs onnx, onnxscript and onnxruntime, which come with the package.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.maps.network import MapsNetwork
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import threshold_of
from densehybrid_ros.engines.key import Shape
from densehybrid_ros.engines.onnx_file import OUTPUTS, write_onnx
from densehybrid_ros.engines.opening import TOLERANCE, Session, difference_to_torch, noise_and_edges
from densehybrid_ros.engines.packages import how_to_install, missing_packages
from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import refuse_unwritable
from densehybrid_ros.models.checkpoint import BUNDLED, WeightsInfo, load_network
from densehybrid_ros.models.sampling import aligns_corners, size_multiple

MAPS = ("semantic", "score", "open_set")
TIES = 1e-3
"""Largest part of a map's pixels that may differ: two logits, or score and threshold, are equal but for rounding."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid export-onnx", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, default=BUNDLED, help="a .safetensors file; without it the bundled one")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--opset", type=int, default=18)
    parser.add_argument("--postprocess", action="store_true", help="maps instead of logits")
    parser.add_argument("--maps-size", type=int, nargs=2, metavar=("WIDTH", "HEIGHT"), help="px; without it --size")
    parser.add_argument("--score", choices=SCORES, default="hybrid", help="of --postprocess")
    parser.add_argument("--threshold", type=float, help="of --postprocess; without it that of the weights")
    arguments = parser.parse_args(argv)
    if missing := missing_packages():
        raise SetupError(f"{', '.join(missing)} not installed; run: {how_to_install()}")
    width, height = arguments.size
    if min(width, height) < 32:
        raise SetupError(f"size {width}x{height} is too small; give at least 32x32")
    refuse_unwritable(arguments.out)
    model, info = load_network(arguments.weights)
    shape = Shape(1, height, width)
    exported = maps_network(model, info, arguments) if arguments.postprocess else model
    outputs = MAPS if arguments.postprocess else OUTPUTS
    opset = write_onnx(exported, arguments.out, shape, arguments.opset, metadata(model, info), outputs)
    if opset != arguments.opset:
        raise SetupError(f"torch writes opset {opset} here and cannot convert it to {arguments.opset}; see --opset")
    session = Session(arguments.out.read_bytes(), torch.get_num_threads())
    if isinstance(exported, MapsNetwork):
        difference, differing = difference_of_maps(exported, session, shape)
    else:
        difference, differing = difference_to_torch(model, session, noise_and_edges(shape)), 0.0
    print(f"{arguments.out}: opset {arguments.opset}, {width}x{height}, at most {difference:.1e} from torch")
    if not difference <= TOLERANCE:
        raise SetupError(
            f"{arguments.out} differs from torch by {difference:g}, more than {TOLERANCE:g}: do not use it"
        )
    if differing > TIES:
        raise SetupError(f"{arguments.out} differs from torch in {differing:.2%} of a map's pixels: do not use it")


def maps_network(model: nn.Module, info: WeightsInfo, arguments: argparse.Namespace) -> MapsNetwork:
    """With what --score, --threshold, --size and --maps-size say.

    Raises:
        SetupError: a size at which the node would continue the picture before it runs the network.
    """
    width, height = arguments.size
    multiple = size_multiple(model)
    if width % multiple or height % multiple:
        raise SetupError(f"--postprocess wants a --size of multiples of {multiple} px; {width}x{height} is not")
    columns, rows = arguments.maps_size or arguments.size
    if min(columns, rows) < 1:
        raise SetupError(f"--maps-size {columns}x{rows} is too small; give at least 1x1")
    fitted = Fit((rows, columns), (height, width), (height, width), aligns_corners(model))
    threshold = arguments.threshold
    if threshold is None:
        threshold = threshold_of(info, arguments.score)
    return MapsNetwork(model, fitted, SCORES[arguments.score], threshold)


@torch.inference_mode()
def difference_of_maps(network: MapsNetwork, session: Session, shape: Shape) -> tuple[float, float]:
    """Largest absolute difference of the score, and part of the pixels that differ in the worse of the other maps."""
    pictures = noise_and_edges(shape)
    semantic, score, open_set = network(pictures)
    found = dict(zip(MAPS, session.outputs(pictures, MAPS), strict=True))
    differing = [(found["semantic"] != semantic), (found["open_set"] != open_set)]
    return float((found["score"] - score).abs().max()), max(float(each.float().mean()) for each in differing)


def metadata(model: nn.Module, info: WeightsInfo) -> dict[str, str]:
    """What other engines need to know to form the scores."""
    return {"densehybrid": json.dumps(asdict(info)), "align_corners": json.dumps(aligns_corners(model))}
