"""Statistics of training pixels in a safetensors file, which says of which weights they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import write_whole
from densehybrid_ros.models.checkpoint import content_hash, weights_hash
from densehybrid_ros.models.tensor_files import read_safetensors
from densehybrid_ros.training.baselines.known_image import Statistics

FORMAT = "densehybrid-statistics-1"


@dataclass(frozen=True)
class Origin:
    """Where statistics come from."""

    weights: str
    """Their `weights_hash`."""
    pictures: str
    """Sets and numbers of pictures, for people."""
    inference_width: int
    """px; 0 = native."""
    settings: dict[str, float]
    """Of ScoreSettings, which some depend on."""


def beside(weights: Path) -> Path:
    """Where statistics of weights are looked for if no file is named."""
    return weights.with_name(f"{weights.stem}.statistics.safetensors")


def save_statistics(path: Path, statistics: Mapping[str, Statistics], origin: Origin) -> None:
    """By score; there whole or not at all.

    Raises:
        SetupError: it cannot be written.
    """
    tensors = {
        f"{score}.{name}": value.contiguous() for score, each in statistics.items() for name, value in each.items()
    }
    metadata = {"format": FORMAT, "sha256": content_hash(tensors), "origin": json.dumps(asdict(origin))}
    write_whole(path, save(tensors, metadata))


def load_statistics(path: Path, weights: str) -> tuple[dict[str, dict[str, Tensor]], Origin]:
    """By score.

    Args:
        weights: the `weights_hash` of those that are to be scored.

    Raises:
        SetupError: no such file, not one of `densehybrid fit-score`, altered, or of other weights.
    """
    tensors, origin = _read(path)
    if origin.weights != weights:
        raise SetupError(
            f"statistics file {path} was fitted to other weights or scales (hash {origin.weights[:12]}…, these have "
            f"{weights[:12]}…); fit it to these by densehybrid fit-score --weights"
        )
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        score, _, name = key.partition(".")
        found.setdefault(score, {})[name] = value
    return found, origin


def statistics_of_each(files: Sequence[Path], weights: Sequence[Path]) -> list[Path | None]:
    """For each of the weights the file that was fitted to them; None where none of `files` was.

    Raises:
        SetupError: two files are of the same weights, one is of none of them, or as `load_statistics`.
    """
    hashes = [weights_hash(each) for each in weights]
    found: dict[str, Path] = {}
    for file in files:
        fitted = _read(file)[1].weights
        if fitted not in hashes:
            names = ", ".join(map(str, weights))
            raise SetupError(f"statistics file {file} was fitted to none of {names}; leave it out, or fit it anew")
        if fitted in found:
            raise SetupError(f"statistics files {found[fitted]} and {file} are of the same weights; give one of them")
        found[fitted] = file
    return [found.get(each) for each in hashes]


def _read(path: Path) -> tuple[dict[str, Tensor], Origin]:
    metadata, tensors = read_safetensors(path, "statistics file")
    if metadata.get("format") != FORMAT:
        raise SetupError(f"statistics file {path} has no {FORMAT} metadata; write one by densehybrid fit-score")
    if content_hash(tensors) != metadata.get("sha256"):
        raise SetupError(f"statistics file {path} was altered: its tensors do not match the stored hash; fit it anew")
    return tensors, _origin(path, metadata.get("origin", ""))


def _origin(path: Path, text: str) -> Origin:
    try:
        origin = Origin(**json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        reason = "deeply nested" if isinstance(error, RecursionError) else error
        raise SetupError(f"statistics file {path} has unreadable metadata ({reason}); fit it anew") from error
    if not isinstance(origin.weights, str):
        raise SetupError(f"statistics file {path} has unreadable metadata (weights is no text); fit it anew")
    return origin


def on(device: torch.device, statistics: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors there."""
    return {name: value.to(device) for name, value in statistics.items()}
