"""densehybrid average OUT WEIGHTS WEIGHTS …: one network whose weights are the mean of several trainings of it.

Trainings that began with the same weights and went different ways (other data, steps, losses) often lie around a
network that is better than each of them, at the cost of one ("model soup", Wortsman et al., 2022). They must have the
same architecture and classes. Weights that have no common beginning average to nothing useful: evaluate what comes
out. It keeps scales and their shares, width and the like of the first file and the data and terms of all, names all
with their shares, and has no thresholds: `densehybrid export` calibrates it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import refuse_unwritable
from densehybrid_ros.models.checkpoint import WeightsInfo, load_weights, save_weights


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid average", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("weights", nargs="+", type=Path, help="weights files, two or more")
    parser.add_argument(
        "--shares", type=float, nargs="+", metavar="SHARE", help="of each file; without it all count alike"
    )
    arguments = parser.parse_args(argv)
    shares = shares_of(arguments.shares, len(arguments.weights))
    refuse_unwritable(arguments.out)
    model, info = load_weights(arguments.weights[0])
    states, infos = [model.state_dict()], [info]
    for path in arguments.weights[1:]:
        other, its_info = load_weights(path)
        if (its_info.architecture, its_info.classes) != (info.architecture, info.classes):
            raise SetupError(
                f"{path} has architecture {its_info.architecture} and {len(its_info.classes)} classes, and "
                f"{arguments.weights[0]} {info.architecture} and {len(info.classes)}; only weights of one network with "
                "the same classes in the same order can be averaged"
            )
        states.append(other.state_dict())
        infos.append(its_info)
    model.load_state_dict(mean_state(states, shares))
    parts = " + ".join(f"{share:.3g} {path.stem}" for share, path in zip(shares, arguments.weights, strict=True))
    save_weights(arguments.out, model, mean_info(infos, f"mean of {parts}"), half=False)
    print(f"{arguments.out}: mean of {len(states)} weights; calibrate it by densehybrid export")


def shares_of(given: list[float] | None, count: int) -> list[float]:
    """What each of `count` files weighs, with sum 1.

    Raises:
        SetupError: fewer than two files, another number of shares, or shares that are no weights.
    """
    if count < 2:
        raise SetupError("one weights file alone; give two or more to average")
    shares = [1.0] * count if given is None else given
    if len(shares) != count:
        raise SetupError(f"--shares has {len(shares)} numbers for {count} weights files; give one for each")
    if not all(math.isfinite(share) and share >= 0 for share in shares) or sum(shares) == 0:
        raise SetupError(
            f"--shares {' '.join(f'{share:g}' for share in shares)}: give numbers of 0 and above, not all 0"
        )
    return [share / sum(shares) for share in shares]


def mean_state(states: Sequence[dict[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """Σ share·tensor, batch-norm statistics included, summed in float64; counters are those of the first."""
    mean: dict[str, Tensor] = {}
    for name, first in states[0].items():
        if not first.is_floating_point():
            mean[name] = first
            continue
        total = torch.zeros_like(first, dtype=torch.float64)
        for state, share in zip(states, shares, strict=True):
            total += share * state[name].double()
        mean[name] = total.to(first.dtype)
    return mean


def mean_info(infos: Sequence[WeightsInfo], recipe: str) -> WeightsInfo:
    """The first one's, without thresholds and figures, and with the data and terms of all, each told once."""
    return replace(
        infos[0],
        threshold=0.0,
        calibration={},
        figures={},
        training_data=_joined(info.training_data for info in infos),
        licence=_joined(info.licence for info in infos),
        recipe=recipe,
    )


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(part for text in texts for part in text.split("; ") if part))
