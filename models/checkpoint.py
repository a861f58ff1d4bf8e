"""Weights files: safetensors with everything that the node needs to know inside the header.

Reading never unpickles. Tensors are stored as float16 where asked for (the bundled weights) and always load as float32.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import write_whole
from densehybrid_ros.models import build_model
from densehybrid_ros.models.image_pyramid import WHOLE, at_scales
from densehybrid_ros.models.tensor_files import is_plain, read_safetensors

FORMAT = "densehybrid-weights-1"
BUNDLED = Path(__file__).parent / "weights" / "ladder_lite0_roads.safetensors"
LARGEST_WIDTH = 16_384
"""px"""
MOST_SCALES, SMALLEST_SCALE = 8, 1 / 32
"""Each is a pass of the network more."""
LARGEST_NUMBER = 1e30


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
    shares: list[float] = field(default_factory=list)
    """Of each scale in that mean, relative to one another; empty = all alike."""
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
    wrong += [name for name in expected if name in tensors and not is_plain(tensors[name])]
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
    return as_it_answers(model, info), info


def as_it_answers(model: nn.Module, info: WeightsInfo) -> nn.Module:
    """The network of a file at all its scales, in their shares."""
    return at_scales(model, info.scales, info.shares)


def weights_hash(path: Path) -> str:
    """SHA-256 of what `load_network` gives: of the tensors as the file has it, which loading checks, scales and shares.

    Raises:
        SetupError: missing or truncated file, or none of weights.
    """
    info, digest, _ = _open(path)
    if tuple(info.scales) == WHOLE:
        return digest
    # as before there were shares, where they are alike: what was measured with such weights stays theirs
    shares = f" {info.shares}" if info.shares else ""
    return hashlib.sha256(f"{digest} {info.scales}{shares}".encode()).hexdigest()


def content_hash(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, shapes, dtypes and bytes of all tensors, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def check_scales(scales: Sequence[float]) -> None:
    """Raises ValueError unless they are 1 and a few smaller ones."""
    if not scales or scales[0] != 1 or not all(SMALLEST_SCALE <= each < 1 for each in scales[1:]):
        raise ValueError(f"scales {list(scales)}; the first is 1, the others lie between {SMALLEST_SCALE:g} and 1")
    if len(scales) > MOST_SCALES:
        raise ValueError(f"{len(scales)} scales; {MOST_SCALES} are possible")


def check_shares(shares: Sequence[float], scales: Sequence[float]) -> None:
    """Raises ValueError unless there are none, or one of each scale: none below 0, and the picture's own above it."""
    if not shares:
        return
    if len(shares) != len(scales) or shares[0] <= 0 or not all(0 <= each <= LARGEST_NUMBER for each in shares):
        raise ValueError(
            f"shares {list(shares)} of scales {list(scales)}; give each scale one, the first above 0 and none below it"
        )


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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = "deeply nested" if isinstance(error, RecursionError) else str(error)[:200]
        raise SetupError(f"weights file {path} has unreadable metadata ({reason}); copy it anew") from error


def _check_info(info: WeightsInfo) -> None:
    """Raises ValueError where a part that the node relies on is missing, of another type, or contradicts another."""
    texts = info.architecture, info.normalisation, info.training_data, info.licence, info.recipe, *info.classes
    if not all(isinstance(text, str) for text in texts) or not isinstance(info.classes, list):
        raise ValueError("a name or text is of another type")
    if not info.classes or len(info.palette) != len(info.classes):
        raise ValueError(f"{len(info.classes)} classes and {len(info.palette)} colours")
    if not all(len(colour) == 3 and all(_is_whole(each, 255) for each in colour) for colour in info.palette):
        raise ValueError("a colour is not three numbers from 0 to 255")
    if not _is_whole(info.inference_width, LARGEST_WIDTH):
        raise ValueError(f"inference_width is no whole number from 0 to {LARGEST_WIDTH}")
    if not all(map(_are_numbers, ([info.threshold], info.scales, info.shares))):
        raise ValueError("the threshold, a scale or its share is no finite number")
    check_scales(info.scales)
    check_shares(info.shares, info.scales)
    if not _are_numbers([*info.figures.values()]):
        raise ValueError("a figure is no finite number")
    for name, curve in info.calibration.items():
        _check_curve(name, curve)


def _check_curve(name: str, curve: Calibration) -> None:
    columns = curve.thresholds, curve.true_positive_rate, curve.false_positive_rate
    lengths = {len(column) for column in columns}
    if len(lengths) != 1 or 0 in lengths or not all(map(_are_numbers, columns)):
        raise ValueError(f"calibration of {name} is no curve")
    rates = curve.true_positive_rate
    if sorted(rates) != rates or not isinstance(curve.measured_on, str):
        raise ValueError(f"calibration of {name} is no curve: its true-positive rates fall")


def _is_whole(value: Any, largest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest


def _are_numbers(values: Any) -> bool:
    """A list of finite numbers that a float holds; NaN is none."""
    return isinstance(values, list) and all(
        type(each) in (int, float) and -LARGEST_NUMBER <= each <= LARGEST_NUMBER for each in values
    )
