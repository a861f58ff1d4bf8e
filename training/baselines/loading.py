"""Weights with the baselines that are asked for, ready to run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.models.checkpoint import BUNDLED, weights_hash
from densehybrid_ros.training.baselines.baselines import kinds_needed, use_baselines
from densehybrid_ros.training.baselines.settings import PUBLISHED, ScoreSettings
from densehybrid_ros.training.baselines.statistics_file import beside, load_statistics


def loaded_with_baselines(
    weights: str,
    scores: Sequence[str],
    device: str = "auto",
    inference_width: int = 0,
    engine: str = "torch",
    statistics: Path | None = None,
    settings: ScoreSettings = PUBLISHED,
    precision: str = "fp32",
) -> Segmenter:
    """A segmenter whose `scored` gives all of `scores`.

    Args:
        weights: a .safetensors file; "" = the bundled weights.
        statistics: of `densehybrid fit-score`; None: what lies beside the weights, where a score needs it.

    Raises:
        SetupError: a baseline needs statistics, and there are none or those of other weights; or as `Segmenter.load`.
    """
    # in fp32 all engines agree; where they do not, figures must not depend on when one becomes ready
    segmenter = Segmenter.load(weights, device, precision, inference_width, engine, patient=precision != "fp32")
    path = Path(weights) if weights else BUNDLED
    file = statistics or beside(path)
    looked_for = bool(kinds_needed(scores)) and (statistics is not None or file.is_file())
    found = load_statistics(file, weights_hash(path))[0] if looked_for else {}
    use_baselines(segmenter, scores, found, settings)
    return segmenter
