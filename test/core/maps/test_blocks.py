"""Greatest classes and sums over the classes between cells are those of the enlarged logits."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from densehybrid_ros.core.fit import Fit, fit
from densehybrid_ros.core.maps import blocks as blocks_module
from densehybrid_ros.core.maps import strips
from densehybrid_ros.core.maps.blocks import LARGEST, STEEPEST, BlockLogits, blocks_of, corners_of, steep
from densehybrid_ros.core.maps.strips import maps_in_strips, scores_in_strips
from densehybrid_ros.core.postprocess import PARTS, Maps, maps_of
from densehybrid_ros.core.scores import REDUCED, SCORES

FOURFOLD = fit((64, 96), 0, 32, align_corners=False)
SEVEN_AND_A_HALF = fit((120, 240), 128, 32, align_corners=False)
ALIGNED = fit((64, 96), 0, 8, align_corners=True)
CUT_OFF = fit((100, 150), 0, 32, align_corners=False)


def answers(fitted: Fit, scale: float = 3.0) -> tuple[Tensor, Tensor]:
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


@pytest.fixture(params=[0.0, 1.0], ids=["every pixel looked at", "pixels of mixed blocks"])
def _mixed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks_module, "MOST_MIXED", request.param)


@pytest.mark.usefixtures("_mixed")
def test_four_cells_worked_by_hand() -> None:
    """Four pixels each way; the outermost two on each side have the logits of their cell."""
    blocks = blocks_of(Fit((8, 8), (8, 8), (8, 8), align_corners=False), 2, 2)
    assert blocks is not None
    assert blocks.shape == (3, 4, 4, 3)
    assert blocks.down.step == blocks.across.step == 0.25
    cells = torch.tensor([[[0.0, 2.0], [1.0, -3.0]], [[1.0, -1.0], [0.5, 4.0]]])  # of two classes
    logits = BlockLogits(corners_of(cells[None], blocks)[0], blocks)
    shares = [0, 0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1, 1]

    def between(cells: list[list[float]], down: float, across: float) -> float:
        above, below = ((1 - across) * left + across * right for left, right in cells)
        return (1 - down) * above + down * below

    pairs = [[between(each, down, across) for each in cells.tolist()] for down in shares for across in shares]
    firsts = [pair.index(max(pair)) for pair in pairs]
    assert 10 < sum(firsts) < 54, "both classes are seen"
    assert blocks.pixels_of(logits.first_maximum()).flatten().tolist() == firsts
    assert blocks.pixels_of(logits.amax(1)).flatten().tolist() == pytest.approx([max(pair) for pair in pairs])
    expected = [math.log(sum(math.exp(each) for each in pair)) for pair in pairs]
    assert blocks.pixels_of(logits.logsumexp(1)).flatten().tolist() == pytest.approx(expected, abs=1e-6)
    values = logits.values()[0]
    assert [blocks.pixels_of(each[None]).flatten().tolist() for each in values] == [
        pytest.approx(list(each)) for each in zip(*pairs, strict=True)
    ]


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
def test_no_blocks_where_pixels_are_made_otherwise(fitted: Fit) -> None:
    assert blocks_of(fitted, *(side // 4 for side in fitted.run)) is None


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


@pytest.mark.parametrize("both_ways", [False, True], ids=["along rows", "along both"])
def test_the_steepest_blocks_keep_their_precision(both_ways: bool) -> None:
    """Of two classes that change places from cell to cell: in between both are 34 nats below the cells' greatest."""
    ahead = torch.zeros(16, 24)
    ahead[:, ::2], ahead[:, 1::2] = STEEPEST, -STEEPEST
    if both_ways:
        ahead = (ahead + ahead[:, :16].T.repeat(1, 2)[:, :24]) / 4
    common = torch.linspace(-300, 300, 24)  # what all classes share is steep as well, and does not count
    logits = torch.stack([common + ahead.clamp(min=0), common + ahead.clamp(max=0).abs()])[None]
    given = logits, torch.zeros(1, 2, 16, 24)
    assert not steep(logits)
    assert steep(logits * 1.01)
    for name in ("likelihood", "msp", "entropy"):
        found = maps_in_strips(*given, FOURFOLD, SCORES[name], 0.0, PARTS)
        assert_as_plain(found, given, FOURFOLD, name, 1e-4)


@pytest.mark.parametrize("size", [2 * LARGEST, 300.0], ids=["in a progression", "pixel by pixel"])
def test_the_surest_of_dataset_heads_keeps_its_precision(size: float) -> None:
    dataset_logits = torch.zeros(1, 2, 16, 24)
    dataset_logits[:, 1, :, ::2], dataset_logits[:, 1, :, 1::2] = size, -size
    given = torch.zeros(1, 3, 16, 24), dataset_logits
    for name in ("posterior", "hybrid", "outlier_head_msp", "outlier_class"):
        found = maps_in_strips(*given, FOURFOLD, SCORES[name], 0.0, PARTS)
        assert_as_plain(found, given, FOURFOLD, name, 1e-4)


@pytest.mark.parametrize("largest", [LARGEST, 52.0], ids=["in a progression", "pixel by pixel"])
def test_the_largest_logits_keep_their_tanh(largest: float) -> None:
    """Of classes that change signs near the end of a ramp, together, so that none comes closer to the other."""
    logits = torch.zeros(1, 2, 16, 24)
    logits[:, 0, :, ::2], logits[:, 0, :, 1::2] = largest, largest / -7 - 0.5
    logits[:, 1] = logits[:, 0] * 0.9
    given = logits, torch.zeros(1, 2, 16, 24)
    assert not steep(logits)
    found = maps_in_strips(*given, FOURFOLD, SCORES["rejected_by_all"], 0.0, PARTS)
    assert_as_plain(found, given, FOURFOLD, "rejected_by_all", 1e-5)


def test_sums_of_uneven_shares_do_not_add_up_their_errors() -> None:
    """Of 256 cells, whose places the interpolation rounds."""
    fitted = fit((60, 1920), 1024, 32, align_corners=False)
    given = answers(fitted)
    found = maps_in_strips(*given, fitted, SCORES["rejected_by_all"], 0.0, PARTS)
    assert_as_plain(found, given, fitted, "rejected_by_all", 1e-5)


def test_shares_are_even_where_the_factor_is_whole_and_else_as_the_interpolation_has_them() -> None:
    even, uneven = blocks_of(FOURFOLD, 16, 24), blocks_of(SEVEN_AND_A_HALF, 16, 32)
    assert even is not None
    assert uneven is not None
    assert even.even
    assert not uneven.even
    cells = torch.arange(16 * 32.0).view(1, 1, 16, 32) ** 0.5
    found = uneven.pixels_of(BlockLogits(corners_of(cells, uneven)[0], uneven).values()[0])
    torch.testing.assert_close(found, SEVEN_AND_A_HALF.to_image(cells)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("cells", [(1, 4), (4, 1)])
def test_a_single_line_of_cells_has_no_blocks(cells: tuple[int, int]) -> None:
    size = 4 * cells[0], 4 * cells[1]
    assert blocks_of(Fit(size, size, size, align_corners=False), *cells) is None


def test_pixels_that_leave_gaps_are_picked_one_by_one() -> None:
    """Fifteen pixels to two blocks: eight and seven by turns, of eight places each."""
    blocks = blocks_of(SEVEN_AND_A_HALF, 16, 32)
    assert blocks is not None
    assert blocks.shape == (17, 8, 8, 33)
    numbers = torch.arange(blocks.down.count * 8 * 8 * blocks.across.count).view(1, *blocks.shape)
    found = blocks.pixels_of(numbers)[0]
    assert found.shape == SEVEN_AND_A_HALF.image
    block_and_pixel = found[60] // 33 % 8 + 8 * (found[60] % 33)
    assert block_and_pixel[:13].tolist() == [*range(4, 8), *range(8, 15), 16, 17]
    assert found[:, 100].diff().gt(0).all()


@pytest.mark.parametrize("fitted", [FOURFOLD, SEVEN_AND_A_HALF, CUT_OFF], ids=str)
def test_strips_of_one_line_of_blocks_give_the_same(fitted: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    given = answers(fitted)
    whole = maps_in_strips(*given, fitted, SCORES["hybrid"], 0.0, PARTS)
    monkeypatch.setattr(strips, "STRIP_CORNERS", 1)
    found = maps_in_strips(*given, fitted, SCORES["hybrid"], 0.0, PARTS)
    torch.testing.assert_close(found.score, whole.score, atol=1e-5, rtol=1e-5)
    assert torch.equal(found.semantic, whole.semantic)


def test_strips_of_blocks_are_those_of_the_whole() -> None:
    blocks = blocks_of(SEVEN_AND_A_HALF, 16, 32)
    assert blocks is not None
    values = torch.rand(1, *blocks.shape)
    whole = blocks.pixels_of(values)
    below = 0
    for begin, end in ((0, 1), (1, 6), (6, 17)):
        rows, part = blocks.part(begin, end)
        assert rows.start == below
        assert torch.equal(part.pixels_of(values[:, begin:end]), whole[:, rows])
        below = rows.stop
    assert below == 120
