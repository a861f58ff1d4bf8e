"""Weights files: safetensors with everything that the node needs to know inside the header.

Reading never unpickles. Tensors are stored as float16 where asked for (the bundled weights) and always load as float32.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import write_whole
from densehybrid_ros.models import build_model
from densehybrid_ros.models.image_pyramid import WHOLE, at_scales
from densehybrid_ros.models.tensor_files import read_safetensors

FORMAT = "densehybrid-weights-1"
BUNDLED = Path(__file__).parent / "weights" / "ladder_lite0_roads.safetensors"


@dataclass(frozen=True)
class Calibration:
    """What a threshold on one score gives, measured on `measured_on`. All lists have one length, thresholds falling."""

    thresholds: list[float]
    true_positive_rate: list[float]
    false_positive_rate: list[float]
    measured_on: str

    def threshold_at(self, true_positive_rate: float) -> float:
        """The threshold at that true-positive rate (0..1), between stored points on the line through them.

        Beyond the ends of the curve it is that of the end.
        """
        return float(np.interp(true_positive_rate, self.true_positive_rate, self.thresholds))


@dataclass(frozen=True)
class WeightsInfo:
    """The metadata of a weights file."""

    architecture: str
    classes: list[str]
    palette: list[list[int]]
    """RGB of each class."""
    normalisation: str
    inference_width: int
    """Pixels; the width at which these weights work best. 0 = native."""
    threshold: float
    """Default threshold on the hybrid score, in nats."""
    scales: list[float] = field(default_factory=lambda: list(WHOLE))
    """Of the pictures whose logits are averaged: 1, that of `inference_width`, and smaller ones."""
    calibration: dict[str, Calibration] = field(default_factory=dict)
    """By name of the score."""
    training_data: str = ""
    licence: str = ""
    recipe: str = ""
    figures: dict[str, float] = field(default_factory=dict)


def save_weights(path: Path, model: nn.Module, info: WeightsInfo, half: bool = True) -> None:
    """Writes `model` and `info` atomically: a killed process leaves the old file or the new one, never a part."""
    tensors = {
        name: (value.half() if half and value.is_floating_point() else value).cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    digest = content_hash(tensors)
    write_whole(path, save(tensors, {"format": FORMAT, "sha256": digest, "info": json.dumps(asdict(info))}))


def load_weights(path: Path) -> tuple[nn.Module, WeightsInfo]:
    """The network in evaluation mode, on the CPU, and its metadata.

    Raises:
        SetupError: missing, truncated or altered file, or tensors that do not fit the named architecture.
    """
    info, digest, tensors = _open(path)
    if content_hash(tensors) != digest:
        raise SetupError(f"weights file {path} was altered: its tensors do not match the stored hash; copy it anew")
    model = build_model(info.architecture, len(info.classes))
    expected = model.state_dict()
    wrong = [name for name in expected if name not in tensors or tensors[name].shape != expected[name].shape]
    wrong += [name for name in tensors if name not in expected]
    if wrong:
        raise SetupError(
            f"weights file {path} does not fit architecture '{info.architecture}': {len(wrong)} tensors differ, "
            f"the first is '{wrong[0]}'; use the weights with the architecture they were trained for"
        )
    model.load_state_dict({name: value.to(expected[name].dtype) for name, value in tensors.items()})
    return model.eval(), info


def load_network(path: Path) -> tuple[nn.Module, WeightsInfo]:
    """As `load_weights`, but as it answers at run time: at all its scales.

    Raises:
        SetupError: as there.
    """
    model, info = load_weights(path)
    return at_scales(model, info.scales), info


def weights_hash(path: Path) -> str:
    """SHA-256 of what `load_network` gives: of the tensors as the file has it, which loading checks, and of the scales.

    Raises:
        SetupError: missing or truncated file, or none of weights.
    """
    info, digest, _ = _open(path)
    whole = tuple(info.scales) == WHOLE
    return digest if whole else hashlib.sha256(f"{digest} {info.scales}".encode()).hexdigest()


def content_hash(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, shapes, dtypes and bytes of all tensors, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def check_scales(scales: Sequence[float]) -> None:
    """Raises ValueError unless they are 1 and smaller ones."""
    if not scales or scales[0] != 1 or not all(0 < each < 1 for each in scales[1:]):
        raise ValueError(f"scales {list(scales)}; the first is 1, the others lie between 0 and 1")


def _open(path: Path) -> tuple[WeightsInfo, str, dict[str, torch.Tensor]]:
    metadata, tensors = read_safetensors(path, "weights file")
    if metadata.get("format") != FORMAT:
        raise SetupError(
            f"weights file {path} has no {FORMAT} metadata; only files written by `densehybrid train` carry the "
            "classes and the threshold that the node needs"
        )
    return _info_from_json(path, metadata.get("info", "")), metadata.get("sha256", ""), tensors


def _info_from_json(path: Path, text: str) -> WeightsInfo:
    try:
        fields = json.loads(text)
        fields["calibration"] = {name: Calibration(**curve) for name, curve in fields["calibration"].items()}
        info = WeightsInfo(**fields)
        _check_info(info)
        return info
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(f"weights file {path} has unreadable metadata ({error}); copy it anew") from error


def _check_info(info: WeightsInfo) -> None:
    """Raises ValueError where a part that the node relies on is missing or contradicts another."""
    if not info.classes or len(info.palette) != len(info.classes):
        raise ValueError(f"{len(info.classes)} classes and {len(info.palette)} colours")
    if not math.isfinite(info.threshold):
        raise ValueError(f"threshold {info.threshold}")
    check_scales(info.scales)
    for name, curve in info.calibration.items():
        lengths = {len(curve.thresholds), len(curve.true_positive_rate), len(curve.false_positive_rate)}
        if len(lengths) != 1 or 0 in lengths or not all(map(math.isfinite, curve.thresholds)):
            raise ValueError(f"calibration of {name} is no curve")
