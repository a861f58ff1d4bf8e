"""The baselines by name: how each is made of statistics and settings, and what gathers the statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from densehybrid_ros.core.postprocess import first_maximum
from densehybrid_ros.core.scores import Score
from densehybrid_ros.core.seen_image import ImageScore, SeenImage
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.clipping import ActivationPercentiles, clipped_energy, percentile
from densehybrid_ros.training.baselines.densities import (
    ClassGaussians,
    TiedGaussians,
    mahalanobis,
    negative_log_density,
)
from densehybrid_ros.training.baselines.dropout import mc_dropout
from densehybrid_ros.training.baselines.input_perturbation import odin
from densehybrid_ros.training.baselines.known_image import Extent, Fitting, Statistics
from densehybrid_ros.training.baselines.mixture import PreLogitMixture
from densehybrid_ros.training.baselines.openmax import LogitTails, openmax
from densehybrid_ros.training.baselines.pre_logit_flow import PreLogitFlow, PreLogitFlowFit, flow_score
from densehybrid_ros.training.baselines.settings import ScoreSettings
from densehybrid_ros.training.baselines.standardised_max_logits import (
    MaxLogitMoments,
    standardised_max_logit,
    suppressed_and_smoothed,
)
from densehybrid_ros.training.baselines.statistics_file import on

FITTINGS: dict[str, Callable[[Extent], Fitting]] = {
    "sml": MaxLogitMoments,
    "openmax": LogitTails,
    "react": ActivationPercentiles,
    "mahalanobis": TiedGaussians,
    "embedding_density": ClassGaussians,
    "gmm": PreLogitMixture,
    "pre_logit_flow": PreLogitFlowFit,
}
"""Kind of statistics → what gathers them."""
GAUSSIANS = {"means": "MC", "whitening": "MCC", "log_weights": "M"}
COUPLINGS = {"inner": "LHA", "inner_bias": "LH", "outer": "LBH", "outer_bias": "LB"}
SHAPES: dict[str, dict[str, str]] = {
    "sml": {"mean": "K", "deviation": "K"},
    "openmax": {"means": "KK", "location": "K", "scale": "K", "shape": "K"},
    "react": {"percentiles": "P"},
    "mahalanobis": {"means": "MC", "whitening": "1CC"},
    "embedding_density": GAUSSIANS,
    "gmm": GAUSSIANS,
    "pre_logit_flow": {"mean": "C", "whitening": "CC", "rotations": "LCC", **COUPLINGS},
}
"""Kind of statistics → the shapes of its tensors: K classes, C channels of the pre-logits, A of them kept and B / 2
changed by a coupling of the flow; the others are equal wherever they occur."""


@dataclass(frozen=True)
class Baseline:
    """One of two functions makes the score."""

    of_logits: Callable[[Statistics, ScoreSettings], Score] | None = None
    """Of every pixel by its logits."""
    of_image: Callable[[Statistics, ScoreSettings], ImageScore] | None = None
    """By looking into the network."""
    statistics: str = ""
    """The kind that it needs, of FITTINGS; "" = none."""


def energy(logits: Tensor, temperature: float) -> Tensor:
    """−T·LSE_k(s_k / T), in nats, unbounded (Liu et al., 2020, eq. 4); (B, K, H, W) → (B, H, W)."""
    return -temperature * (logits / temperature).logsumexp(1)


def _energy(statistics: Statistics, settings: ScoreSettings) -> Score:
    return lambda logits, dataset_logits: energy(logits, settings.energy_temperature)


def _sml(statistics: Statistics, settings: ScoreSettings) -> Score:
    return lambda logits, dataset_logits: standardised_max_logit(logits, **statistics)


def _sml_smoothed(statistics: Statistics, settings: ScoreSettings) -> ImageScore:
    def score(seen: SeenImage) -> Tensor:
        logits = seen.inside.logits
        score = seen.of_logits(logits, lambda part: standardised_max_logit(part, **statistics))
        return suppressed_and_smoothed(score, seen.of_logits(logits, first_maximum))

    return score


def _openmax(statistics: Statistics, settings: ScoreSettings) -> Score:
    return lambda logits, dataset_logits: openmax(logits, **statistics, rank=settings.openmax_rank)


def _react(statistics: Statistics, settings: ScoreSettings) -> ImageScore:
    return partial(clipped_energy, limit=percentile(statistics["percentiles"], settings.react_percentile))


def _odin(statistics: Statistics, settings: ScoreSettings) -> ImageScore:
    return partial(odin, temperature=settings.odin_temperature, step=settings.odin_step)


def _mc_dropout(statistics: Statistics, settings: ScoreSettings) -> ImageScore:
    return partial(mc_dropout, rate=settings.dropout_rate, passes=settings.dropout_passes)


def _mahalanobis(statistics: Statistics, settings: ScoreSettings) -> ImageScore:
    return partial(mahalanobis, **statistics)


def _density(statistics: Statistics, settings: ScoreSettings) -> ImageScore:
    return partial(negative_log_density, **statistics)


def _flow(statistics: Statistics, settings: ScoreSettings) -> ImageScore:
    return partial(flow_score, flow=PreLogitFlow(**statistics))


BASELINES: dict[str, Baseline] = {
    "energy": Baseline(_energy),
    "sml": Baseline(_sml, statistics="sml"),
    "sml_smoothed": Baseline(of_image=_sml_smoothed, statistics="sml"),
    "openmax": Baseline(_openmax, statistics="openmax"),
    "odin": Baseline(of_image=_odin),
    "react": Baseline(of_image=_react, statistics="react"),
    "mc_dropout": Baseline(of_image=_mc_dropout),
    "mahalanobis": Baseline(of_image=_mahalanobis, statistics="mahalanobis"),
    "embedding_density": Baseline(of_image=_density, statistics="embedding_density"),
    "gmm": Baseline(of_image=_density, statistics="gmm"),
    "pre_logit_flow": Baseline(of_image=_flow, statistics="pre_logit_flow"),
}


def kinds_needed(names: Sequence[str]) -> list[str]:
    """Kinds of statistics that the baselines among these scores need, each once."""
    found = [BASELINES[name].statistics for name in names if name in BASELINES]
    return list(dict.fromkeys(filter(None, found)))


def use_baselines(
    segmenter: Segmenter, names: Sequence[str], statistics: Mapping[str, Statistics], settings: ScoreSettings
) -> None:
    """Lets `segmenter.scored` give the baselines among these scores.

    Raises:
        SetupError: one needs statistics that are not there.
    """
    for name in (name for name in names if name in BASELINES):
        baseline = BASELINES[name]
        if baseline.statistics and baseline.statistics not in statistics:
            raise SetupError(
                f"score '{name}' needs statistics of training pixels; write them by densehybrid fit-score {name} "
                "--set NAME ROOT SPLIT --weights WEIGHTS (and give its --out, if it has one, as --statistics)"
            )
        own = on(segmenter.device, statistics.get(baseline.statistics, {}))
        if baseline.statistics:
            _check_shapes(baseline.statistics, own, segmenter)
        if baseline.of_logits:
            segmenter.logit_scores[name] = baseline.of_logits(own, settings)
        if baseline.of_image:
            segmenter.image_scores[name] = baseline.of_image(own, settings)


def _check_shapes(kind: str, statistics: Statistics, segmenter: Segmenter) -> None:
    """
    Raises:
        SetupError: a tensor is missing, unknown, of another type, or of a shape that does not go with the network's.
    """
    shapes, sizes = SHAPES[kind], {"1": 1, "K": segmenter.classes, "C": segmenter.pre_logit_channels}
    if kind == "pre_logit_flow":
        sizes |= {"A": sizes["C"] - sizes["C"] // 2, "B": sizes["C"] // 2 * 2}
    fits = statistics.keys() == shapes.keys()
    for name in shapes if fits else ():
        value, letters = statistics[name], shapes[name]
        fits &= value.dtype == torch.float32 and value.numel() > 0 and value.dim() == len(letters)
        fits = fits and all(
            sizes.setdefault(letter, size) == size for letter, size in zip(letters, value.shape, strict=True)
        )
    if not fits:
        raise SetupError(f"statistics of '{kind}' do not fit these weights; gather them anew by densehybrid fit-score")
