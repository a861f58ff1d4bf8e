"""What can be set of the baselines, with the values that their papers recommend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from densehybrid_ros.errors import SetupError
from densehybrid_ros.formats.yaml_files import yaml_value
from densehybrid_ros.options import built, setting


@dataclass(frozen=True)
class ScoreSettings:
    """Given as NAME=VALUE to `densehybrid evaluate` and `fit-score`."""

    energy_temperature: float = setting(1.0, "T of energy; at 1 it is the likelihood", low=1e-6)
    odin_temperature: float = setting(1000.0, "T of ODIN", low=1e-6)
    odin_step: float = setting(0.0014, "ODIN's change of each channel of the input, RGB in [0, 1]", low=0, high=1)
    react_percentile: float = setting(90.0, "of the training pre-logits, at which ReAct clips", low=0, high=100)
    dropout_rate: float = setting(0.5, "share of the pre-logits' channels that MC dropout drops", low=0, high=0.99)
    dropout_passes: int = setting(20, "of the classifier with MC dropout", low=2)
    openmax_rank: int = setting(10, "α of OpenMax: so many of the greatest logits are revised", low=1)
    openmax_tail: float = setting(0.015, "fit-score: share of the largest distances in the tail", low=1e-6, high=1)
    gmm_components: int = setting(0, "fit-score: Gaussians of gmm; 0 = as many as classes", low=0, high=1000)
    flow_couplings: int = setting(8, "fit-score: coupling layers of pre_logit_flow", low=1, high=100)
    flow_steps: int = setting(4000, "fit-score: steps in which pre_logit_flow is trained", low=1, high=1_000_000)


PUBLISHED = ScoreSettings()


def score_settings(given: Sequence[str]) -> ScoreSettings:
    """Of NAME=VALUE texts.

    Raises:
        SetupError: no such name, or a value of another type or range.
    """
    pairs = [text.partition("=") for text in given]
    for name, equals, value in pairs:
        if not (equals and value):
            raise SetupError(f"--score-setting '{name}{equals}' must be NAME=VALUE, as in energy_temperature=10")
    try:
        values = {name: yaml_value(value) for name, _, value in pairs}
    except ValueError as error:
        raise SetupError(f"--score-setting {' '.join(given)} holds no value: {error}") from error
    return built(ScoreSettings, values)
