"""From logits at the network's stride to maps at the picture's size, worked by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from densehybrid_ros.core.postprocess import PARTS, maps_of, upsample
from densehybrid_ros.core.scores import SCORES


def enlarged(logits: Tensor) -> Tensor:
    return upsample(logits, (8, 9))


def test_upsampling_lets_pixels_be_areas_and_corners_lie_apart() -> None:
    """The outer quarter of a doubled row is flat, unless the network's corners are aligned."""
    logits = torch.tensor([0.0, 12.0]).view(1, 1, 1, 2)
    assert upsample(logits, (1, 4)).flatten().tolist() == [0.0, 3.0, 9.0, 12.0]
    assert upsample(logits.mT, (4, 1)).flatten().tolist() == [0.0, 3.0, 9.0, 12.0]
    assert upsample(logits, (1, 4), align_corners=True).flatten().tolist() == [0.0, 4.0, 8.0, 12.0]


def test_upsampling_takes_height_before_width_and_gives_float32() -> None:
    large = upsample(torch.zeros(2, 3, 4, 5, dtype=torch.float16), (8, 15))
    assert large.shape == (2, 3, 8, 15)
    assert large.dtype == torch.float32


def test_the_maps_of_four_pixels() -> None:
    """Three classes: the greatest in magnitude, the least and the first would be others. From −0.75 all is unknown."""
    logits = torch.tensor([[[1.0, -9.0, 0.0, 2.0]], [[3.0, -1.0, 0.5, 7.0]], [[2.0, -2.0, 0.75, -8.0]]])[None]
    maps = maps_of(logits, torch.zeros(1, 2, 1, 4), lambda part: part, SCORES["max_logit"], threshold=-0.75)
    assert maps.semantic.tolist() == [[[1, 1, 2, 1]]]
    assert maps.score.tolist() == [[[-3.0, 1.0, -0.75, -7.0]]]
    assert maps.open_set.tolist() == [[[1, 3, 3, 1]]]
    assert (maps.semantic.dtype, maps.score.dtype, maps.open_set.dtype) == (torch.uint8, torch.float32, torch.uint8)


@pytest.mark.parametrize("part", sorted(PARTS))
def test_one_part_alone_equals_that_of_all_and_the_others_are_empty(part: str) -> None:
    torch.manual_seed(0)
    logits, dataset_logits = torch.randn(2, 3, 4, 5), torch.randn(2, 2, 4, 5)
    everything = maps_of(logits, dataset_logits, enlarged, SCORES["hybrid"], -2.0)
    alone = maps_of(logits, dataset_logits, enlarged, SCORES["hybrid"], -2.0, {part})
    assert torch.equal(getattr(alone, part), getattr(everything, part))
    for other in PARTS - {part}:
        assert getattr(alone, other).shape == (2, 0, 0)
        assert getattr(alone, other).dtype == getattr(everything, other).dtype
