"""The table of the baselines, and how a segmenter comes to give them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from densehybrid_ros.core.scores import NOT_LIVE, SCORES
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.baselines import (
    BASELINES,
    FITTINGS,
    SHAPES,
    energy,
    kinds_needed,
    use_baselines,
)
from densehybrid_ros.training.baselines.clipping import clipped_energy, percentile
from densehybrid_ros.training.baselines.densities import mahalanobis, negative_log_density
from densehybrid_ros.training.baselines.dropout import mc_dropout
from densehybrid_ros.training.baselines.fitting import fitted
from densehybrid_ros.training.baselines.input_perturbation import odin
from densehybrid_ros.training.baselines.openmax import openmax
from densehybrid_ros.training.baselines.pre_logit_flow import PreLogitFlow, flow_score
from densehybrid_ros.training.baselines.settings import PUBLISHED, ScoreSettings, score_settings
from densehybrid_ros.training.baselines.standardised_max_logits import standardised_max_logit, suppressed_and_smoothed


class TwoPictures:
    """Whose labels are what random weights see, so that each class that is seen is also right."""

    name, protocol = "two", "pooled"

    def __init__(self, segmenter: Segmenter, picture: np.ndarray) -> None:
        self.classes = segmenter.info.classes
        self.images = [picture, picture[::-1].copy()]
        self.labels = [segmenter(image).semantic for image in self.images]

    def __len__(self) -> int:
        return 2

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.images[index], self.labels[index]


@pytest.fixture
def segmenter(random_weights: Path) -> Segmenter:
    return Segmenter.load(random_weights, "cpu", "fp32", -1)


@pytest.fixture
def statistics(segmenter: Segmenter, picture: np.ndarray) -> Mapping[str, Mapping[str, Tensor]]:
    settings = ScoreSettings(gmm_components=2, flow_couplings=2, flow_steps=2)
    return fitted(segmenter, [TwoPictures(segmenter, picture)], list(FITTINGS), 2, settings, progress=False)


def test_every_baseline_has_one_function_and_a_reason_why_it_is_not_live() -> None:
    assert BASELINES.keys() == NOT_LIVE.keys()
    assert not BASELINES.keys() & SCORES.keys()
    for baseline in BASELINES.values():
        assert (baseline.of_logits is None) != (baseline.of_image is None)
        assert baseline.statistics in {"", *FITTINGS}
    assert {baseline.statistics for baseline in BASELINES.values()} == {"", *FITTINGS}


def test_energy_equals_its_formula() -> None:
    logits = np.random.default_rng(1).normal(0, 5, (2, 4, 3, 3))
    for temperature in (0.5, 1.0, 10.0):
        found = energy(torch.from_numpy(logits), temperature)
        expected = -temperature * np.log(np.exp(logits / temperature).sum(1))
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    worked = energy(torch.tensor([2.0, 4.0]).log().view(1, 2, 1, 1), 0.5)  # −½·ln(2² + 4²)
    assert worked.item() == pytest.approx(-np.log(20) / 2)


def test_a_segmenter_gives_each_baseline_beside_its_own_scores(
    segmenter: Segmenter, statistics: Mapping[str, Mapping[str, Tensor]], picture: np.ndarray
) -> None:
    settings = ScoreSettings(energy_temperature=3, odin_temperature=7, odin_step=0.01, react_percentile=70)
    settings = ScoreSettings(**{**vars(settings), "dropout_rate": 0.2, "dropout_passes": 3, "openmax_rank": 4})
    use_baselines(segmenter, [*BASELINES, "hybrid"], statistics, settings)
    found = segmenter.scored(picture, [*BASELINES, "hybrid", "msp"], semantic=True)
    seen = segmenter.see(picture)
    logits, sml = seen.logits, standardised_max_logit(seen.logits, **statistics["sml"])
    limit = percentile(statistics["react"]["percentiles"], 70)
    expected = {
        "energy": energy(logits, 3),
        "sml": sml,
        "sml_smoothed": suppressed_and_smoothed(sml, logits.argmax(1)),
        "openmax": openmax(logits, **statistics["openmax"], rank=4),
        "odin": odin(seen, 7, 0.01),
        "react": clipped_energy(seen, limit),
        "mc_dropout": mc_dropout(seen, 0.2, 3),
        "mahalanobis": mahalanobis(seen, **statistics["mahalanobis"]),
        "embedding_density": negative_log_density(seen, **statistics["embedding_density"]),
        "gmm": negative_log_density(seen, **statistics["gmm"]),
        "pre_logit_flow": flow_score(seen, PreLogitFlow(**statistics["pre_logit_flow"])),
    }
    for name, score in expected.items():
        assert found.scores[name].shape == picture.shape[:2]
        scale = float(score.detach().abs().max())
        np.testing.assert_allclose(found.scores[name], score.detach()[0].numpy(), atol=2e-5 * scale, err_msg=name)
        assert np.ptp(found.scores[name]) > 0, name
    plain = segmenter.scored(picture, ["hybrid", "msp"], semantic=True)
    assert all(np.array_equal(found.scores[name], plain.scores[name]) for name in ("hybrid", "msp"))
    assert np.array_equal(found.semantic, plain.semantic)


def test_statistics_that_are_needed_and_absent_are_asked_for(segmenter: Segmenter) -> None:
    use_baselines(segmenter, ["odin", "energy"], {}, PUBLISHED)
    with pytest.raises(SetupError, match=r"'sml_smoothed' needs statistics of training pixels.*fit-score sml_smoothed"):
        use_baselines(segmenter, ["sml_smoothed"], {}, PUBLISHED)
    assert kinds_needed(["hybrid", "sml", "sml_smoothed", "odin", "gmm"]) == ["sml", "gmm"]


def test_settings_are_given_by_name() -> None:
    given = ["energy_temperature=10", "dropout_passes=3"]
    assert score_settings(given) == ScoreSettings(energy_temperature=10.0, dropout_passes=3)
    assert score_settings([]) == PUBLISHED
    with pytest.raises(SetupError, match="must be NAME=VALUE"):
        score_settings(["energy_temperature"])
    with pytest.raises(SetupError, match="'temperature' is unknown; known are energy_temperature"):
        score_settings(["temperature=1"])
    with pytest.raises(SetupError, match="react_percentile must be from 0 to 100"):
        score_settings(["react_percentile=101"])


def test_statistics_of_other_names_types_and_shapes_are_refused(
    segmenter: Segmenter, statistics: Mapping[str, Mapping[str, Tensor]]
) -> None:
    assert SHAPES.keys() == FITTINGS.keys()
    for kind, own in statistics.items():
        name = next(name for name, baseline in BASELINES.items() if baseline.statistics == kind)
        use_baselines(segmenter, [name], statistics, PUBLISHED)
        first, value = next(iter(own.items()))
        for odd in (
            {each: own[each] for each in own if each != first},
            {**own, "more": value},
            {**own, first: value.double()},
            {**own, first: value[..., None]},
            {**own, first: value[:0]},
        ):
            with pytest.raises(SetupError, match=f"statistics of '{kind}' do not fit these weights"):
                use_baselines(segmenter, [name], {kind: odd}, PUBLISHED)
    narrow = {**statistics["mahalanobis"], "means": statistics["mahalanobis"]["means"][:, :-1]}
    with pytest.raises(SetupError, match="statistics of 'mahalanobis' do not fit"):
        use_baselines(segmenter, ["mahalanobis"], {"mahalanobis": narrow}, PUBLISHED)
