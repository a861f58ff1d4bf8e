"""What a segmenter shows of its network, and scores that look into it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.pre_logits import class_convolution


@pytest.fixture
def segmenter(random_weights: Path) -> Segmenter:
    return Segmenter.load(random_weights, "cpu", "fp32", 128)


def test_what_is_seen_is_what_is_answered(segmenter: Segmenter, picture: np.ndarray) -> None:
    seen = segmenter.see(picture)
    logits, dataset_logits = segmenter.logits(picture)
    assert torch.equal(seen.logits, logits)
    assert torch.equal(seen.fitted.to_image(seen.inside.dataset_logits), dataset_logits)
    assert seen.pixels.shape == (1, 3, *seen.fitted.run)
    assert 0 <= seen.pixels.min() < seen.pixels.max() <= 1
    rows = class_convolution(seen.network)(seen.inside.pre_logits)[0].flatten(1).T
    torch.testing.assert_close(seen.vectors() @ _matrix(seen.network).T + _bias(seen.network), rows)


def _matrix(network: torch.nn.Module) -> torch.Tensor:
    return cast(torch.nn.Conv2d, class_convolution(network)).weight[:, :, 0, 0]


def _bias(network: torch.nn.Module) -> torch.Tensor:
    bias = cast(torch.nn.Conv2d, class_convolution(network)).bias
    assert bias is not None
    return bias


def test_values_of_cells_are_interpolated_as_logits_are(segmenter: Segmenter, picture: np.ndarray) -> None:
    seen = segmenter.see(picture)
    found = seen.of_cells(seen.inside.logits[0, 3].flatten())
    assert found.shape == (1, *picture.shape[:2])
    torch.testing.assert_close(found[0], seen.logits[0, 3])


def test_scores_that_are_given_to_it_come_beside_its_own(segmenter: Segmenter, picture: np.ndarray) -> None:
    segmenter.logit_scores["first"] = lambda logits, dataset_logits: logits[:, 0]
    segmenter.image_scores["second"] = lambda seen: seen.logits[:, 1]
    logits, _ = segmenter.logits(picture)
    for asked in (["first"], ["second"], ["second", "hybrid", "first"]):
        found = segmenter.scored(picture, asked).scores
        assert found.keys() == set(asked)
        for name, number in (("first", 0), ("second", 1)):
            if name in found:
                np.testing.assert_allclose(found[name], logits[0, number].numpy(), atol=1e-5)
    with pytest.raises(SetupError, match=r"score 'third' is unknown; choose one of hybrid.*first"):
        segmenter.scored(picture, ["third", "second"])


def test_other_engines_than_torch_show_nothing(segmenter: Segmenter, picture: np.ndarray) -> None:
    segmenter._engine = cast(Any, SimpleNamespace(name="tensorrt"))
    with pytest.raises(SetupError, match=r"engine tensorrt does not show .*; use engine torch"):
        segmenter.see(picture)


@pytest.mark.parametrize("name", ["sml", "odin"])
def test_scores_for_evaluation_are_refused_where_frames_are_segmented(
    segmenter: Segmenter, picture: np.ndarray, name: str
) -> None:
    with pytest.raises(SetupError, match=f"score '{name}' needs .*: it is for densehybrid evaluate alone"):
        segmenter(picture, score=name)
