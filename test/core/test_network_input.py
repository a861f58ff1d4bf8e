"""What the network is given: RGB in the picture's order, divided by 255 once, as training gives it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from densehybrid_ros.core.postprocess import upsample
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.models.checkpoint import BUNDLED, load_network


@pytest.fixture(scope="module")
def model() -> nn.Module:
    """Trained, for a network with random weights hardly looks at its picture."""
    return load_network(BUNDLED)[0]


def answers(model: nn.Module, picture: np.ndarray) -> tuple[Tensor, Tensor]:
    """Both logits of the bare network for RGB in 0..1."""
    pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].double() / 255
    with torch.inference_mode():
        return model(pixels.float())


def test_the_network_sees_pixels_over_255_in_the_order_of_the_picture(model: nn.Module) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    segmenter = Segmenter.load(device="cpu", inference_width=-1)
    expected = [upsample(part, (64, 96)) for part in answers(model, picture)]
    for found, wanted in zip(segmenter.logits(picture), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    score = SCORES["hybrid"](*expected)[0].numpy()
    np.testing.assert_allclose(segmenter(picture).score, score, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("height", "width", "kind"), [(96, 64, cv2.INTER_AREA), (128, 288, cv2.INTER_LINEAR)])
def test_a_picture_is_averaged_where_it_gets_narrower_and_interpolated_elsewhere(
    model: nn.Module, height: int, width: int, kind: int
) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (height, 192, 3), dtype=np.uint8)
    segmenter = Segmenter.load(device="cpu", inference_width=width)
    resized = cv2.resize(picture, (width, height * width // 192), interpolation=kind)
    for found, wanted in zip(segmenter.logits(picture), answers(model, resized), strict=True):
        torch.testing.assert_close(found, upsample(wanted, (height, 192)), rtol=1e-4, atol=1e-4)


def test_a_picture_without_whole_strides_is_mirrored_on_and_the_answer_cut_back(model: nn.Module) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (90, 100, 3), dtype=np.uint8)
    run = np.pad(picture, ((0, 6), (0, 28), (0, 0)), mode="reflect")
    for found, wanted in zip(
        Segmenter.load(device="cpu", inference_width=-1).logits(picture), answers(model, run), strict=True
    ):
        torch.testing.assert_close(found, upsample(wanted, (96, 128))[..., :90, :100], rtol=1e-4, atol=1e-4)
