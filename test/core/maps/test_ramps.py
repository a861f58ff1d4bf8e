"""Greatest classes and log-sum-exps between cells are those of the enlarged logits."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from densehybrid_ros.core.fit import Fit, fit
from densehybrid_ros.core.maps import ramps as ramps_module
from densehybrid_ros.core.maps import strips
from densehybrid_ros.core.maps.ramps import LARGEST, STEEPEST, RampLogits, Ramps, ramps_of, steep
from densehybrid_ros.core.maps.strips import maps_in_strips, scores_in_strips
from densehybrid_ros.core.postprocess import PARTS, Maps, maps_of
from densehybrid_ros.core.scores import REDUCED, SCORES

FOURFOLD = fit((64, 96), 0, 32, align_corners=False)
SEVEN_AND_A_HALF = fit((120, 240), 128, 32, align_corners=False)
ALIGNED = fit((64, 96), 0, 8, align_corners=True)
CUT_OFF = fit((100, 150), 0, 32, align_corners=False)


def answers(fitted: Fit, scale: float = 4.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    size = [side // 4 for side in fitted.run]
    logits, dataset_logits = (torch.randn(2, each, *size, generator=generator) * scale for each in (19, 2))
    return logits, dataset_logits


def refuse(*_: Any) -> None:
    raise AssertionError("logits were enlarged")


def assert_as_plain(found: Maps, given: tuple[Tensor, Tensor], fitted: Fit, score: str, tolerance: float) -> None:
    wanted = maps_of(*given, fitted.to_image, SCORES[score], 0.0)
    torch.testing.assert_close(found.score, wanted.score, atol=tolerance, rtol=1e-5, equal_nan=True)
    two = fitted.to_image(given[0]).topk(2, dim=1).values
    clear = two[:, 0] - two[:, 1] > tolerance
    assert torch.equal(found.semantic[clear], wanted.semantic[clear])


@pytest.fixture(params=[0.0, 1.0], ids=["every pixel looked at", "pixels of mixed ramps"])
def _mixed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ramps_module, "MOST_MIXED", request.param)


@pytest.mark.usefixtures("_mixed")
def test_a_row_worked_by_hand() -> None:
    """Two cells, four pixels each; the outermost two on each side have the logits of their cell."""
    fitted = Fit((4, 8), (4, 8), (4, 8), align_corners=False)
    ramps = ramps_of(fitted, 2)
    assert ramps is not None
    assert (ramps.count, ramps.pixels, ramps.step) == (3, 4, 0.25)
    assert isinstance(ramps.places, slice), "a whole factor leaves no gaps"
    ends = torch.tensor([[[0.0, 0.0, 2.0, 2.0]], [[1.0, 1.0, -1.0, -1.0]]])  # of two classes
    logits = RampLogits(ends, ramps)
    shares = [0, 0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1, 1]
    pairs = [(2 * share, 1 - 2 * share) for share in shares]
    assert ramps.row(logits.first_maximum()).tolist() == [[[1, 1, 1, 0, 0, 0, 0, 0]]]
    assert ramps.row(logits.amax(1))[0, 0].tolist() == pytest.approx([max(pair) for pair in pairs])
    expected = [math.log(math.exp(one) + math.exp(other)) for one, other in pairs]
    assert ramps.row(logits.logsumexp(1))[0, 0].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.usefixtures("_mixed")
@pytest.mark.parametrize("fitted", [FOURFOLD, SEVEN_AND_A_HALF, ALIGNED, CUT_OFF], ids=str)
@pytest.mark.parametrize("score", [name for name, score in SCORES.items() if score in REDUCED])
def test_most_scores_enlarge_no_logits(fitted: Fit, score: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "fill_in_strips", refuse)
    given = answers(fitted)
    assert_as_plain(maps_in_strips(*given, fitted, SCORES[score], 0.0, PARTS), given, fitted, score, 2e-4)
    several = scores_in_strips(*given, fitted, {score: SCORES[score]}, semantic=True)
    alone = maps_in_strips(*given, fitted, SCORES[score], 0.0, {"score", "semantic"})
    assert torch.equal(several[score], alone.score)
    assert torch.equal(several[""], alone.semantic)


@pytest.mark.parametrize(
    "fitted",
    [fit((64, 96), 384, 32, align_corners=False), fit((100, 150), 96, 8, align_corners=True)],
    ids=["as many pixels as cells", "enlarged twice"],
)
def test_no_ramps_where_rows_are_made_otherwise(fitted: Fit) -> None:
    assert ramps_of(fitted, fitted.run[1] // 4) is None


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 2 * STEEPEST], ids=str)
def test_a_logit_out_of_range_is_left_to_the_enlarged_ones(odd: float) -> None:
    logits, dataset_logits = answers(FOURFOLD)
    logits[0, 3, 5, 7] = odd
    assert steep(logits)
    given = logits, dataset_logits
    found = maps_in_strips(*given, FOURFOLD, SCORES["hybrid"], 0.0, {"score"})
    wanted = maps_of(*given, FOURFOLD.to_image, SCORES["hybrid"], 0.0)
    fine = found.score.isfinite()  # a product with a row's weights, of which most are zero, spreads what is no number
    assert not (fine & ~wanted.score.isfinite()).any()
    assert fine[1].all()
    torch.testing.assert_close(found.score[fine], wanted.score[fine], atol=1e-4, rtol=1e-5)


def test_the_steepest_ramps_keep_their_precision() -> None:
    """Of two classes that change places: in the middle both are 30 nats below the greatest end."""
    logits = torch.zeros(1, 2, 16, 24)
    logits[:, 0, :, ::2] = logits[:, 1, :, 1::2] = STEEPEST
    given = logits, torch.zeros(1, 2, 16, 24)
    assert not steep(logits)
    for name in ("likelihood", "msp", "entropy", "rejected_by_all"):
        found = maps_in_strips(*given, FOURFOLD, SCORES[name], 0.0, PARTS)
        assert_as_plain(found, given, FOURFOLD, name, 1e-4)


@pytest.mark.parametrize("largest", [LARGEST, 52.0], ids=["in a progression", "pixel by pixel"])
def test_the_largest_logits_keep_their_tanh(largest: float) -> None:
    """Of classes that change signs near the end of a ramp."""
    logits = torch.zeros(1, 2, 16, 24)
    logits[:, 0, :, ::2], logits[:, 0, :, 1::2] = largest, largest / -7 - 0.5
    logits[:, 1] = -logits[:, 0]
    given = logits, torch.zeros(1, 2, 16, 24)
    found = maps_in_strips(*given, FOURFOLD, SCORES["rejected_by_all"], 0.0, PARTS)
    assert_as_plain(found, given, FOURFOLD, "rejected_by_all", 1e-5)


def test_shares_are_even_where_the_factor_is_whole_and_else_as_the_interpolation_has_them() -> None:
    even, uneven = ramps_of(FOURFOLD, 24), ramps_of(SEVEN_AND_A_HALF, 32)
    assert even is not None
    assert uneven is not None
    assert even.even
    assert not uneven.even
    rows = uneven.row(uneven.along(torch.arange(34.0).sub(1).clamp(0, 31)))
    torch.testing.assert_close(rows, SEVEN_AND_A_HALF.column_weights(32) @ torch.arange(32.0), atol=1e-5, rtol=0)


def test_a_single_column_of_cells_has_no_ramps() -> None:
    assert ramps_of(Fit((8, 4), (8, 4), (8, 4), align_corners=False), 1) is None


def test_pixels_that_leave_gaps_are_picked_one_by_one() -> None:
    ramps = ramps_of(SEVEN_AND_A_HALF, 32)
    assert isinstance(ramps, Ramps)
    assert isinstance(ramps.places, Tensor)
    assert ramps.pixels == 8
    assert len(ramps.places) == 240
