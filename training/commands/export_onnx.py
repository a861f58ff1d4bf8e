"""densehybrid export-onnx OUT.onnx [--weights FILE] [--size WIDTH HEIGHT]: the network for other engines.

One input, `images` (1, 3, HEIGHT, WIDTH) float32 RGB in [0, 1]; two outputs at the network's own stride: `logits`
(1, K, h, w) and `dataset_logits` (1, 2, h, w). Scores are formed from both after bilinear upsampling (align_corners
false). Classes and thresholds go into the file's metadata. The result is run in onnxruntime and compared with torch.
Needs: pip install onnx onnxscript onnxruntime
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import BUNDLED, WeightsInfo, load_weights

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OUTPUTS = ("logits", "dataset_logits")
TOLERANCE = 1e-3
"""Largest difference to torch, in nats."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid export-onnx", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, default=BUNDLED, help="a .safetensors file; without it the bundled one")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--opset", type=int, default=18)
    arguments = parser.parse_args(argv)
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise SetupError(f"{', '.join(missing)} not installed; run: pip install {' '.join(PACKAGES)}")
    width, height = arguments.size
    if min(width, height) < 32:
        raise SetupError(f"size {width}x{height} is too small; give at least 32x32")
    model, info = load_weights(arguments.weights)
    opset = write_onnx(model, info, arguments.out, (height, width), arguments.opset)
    if opset != arguments.opset:
        raise SetupError(f"torch writes opset {opset} here and cannot convert it to {arguments.opset}; see --opset")
    difference = difference_to_torch(model, arguments.out, (height, width))
    print(f"{arguments.out}: opset {arguments.opset}, {width}x{height}, at most {difference:.1e} from torch")
    if not difference <= TOLERANCE:
        raise SetupError(
            f"{arguments.out} differs from torch by {difference:g}, more than {TOLERANCE:g}: do not use it"
        )


def write_onnx(model: nn.Module, info: WeightsInfo, out: Path, size: tuple[int, int], opset: int) -> int:
    """One file, weights included, for one size (H, W); returns the opset it has in the end."""
    onnx: Any = import_module("onnx")
    out.parent.mkdir(parents=True, exist_ok=True)
    images = torch.zeros(1, 3, *size)
    torch.onnx.export(
        model.eval(),
        (images,),
        out,
        input_names=["images"],
        output_names=list(OUTPUTS),
        opset_version=opset,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    made = onnx.load(out)
    onnx.helper.set_model_props(made, {"densehybrid": json.dumps(asdict(info))})
    onnx.checker.check_model(made)
    onnx.save(made, out)
    return next(entry.version for entry in made.opset_import if entry.domain in ("", "ai.onnx"))


@torch.inference_mode()
def difference_to_torch(model: nn.Module, path: Path, size: tuple[int, int]) -> float:
    """Largest absolute difference of both outputs, on a picture of noise and edges."""
    onnxruntime: Any = import_module("onnxruntime")
    rng = np.random.default_rng(0)
    picture = rng.random((1, 3, *size), np.float32)
    picture[..., size[1] // 3 :] *= 0.3
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(list(OUTPUTS), {"images": picture})
    wanted = model(torch.from_numpy(picture))
    return max(float(np.abs(one - other.numpy()).max()) for one, other in zip(found, wanted, strict=True))
