"""Logits of a picture and its smaller copies: each gets its whole strides, and they lie on one another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.models.checkpoint import load_weights, save_weights
from densehybrid_ros.models.image_pyramid import ImagePyramid, at_scales


class Telling(nn.Module):
    """Logits that tell the size of the picture, dataset logits that are its colours; stride 4."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        height, width = images.shape[2:]
        size = images.new_tensor([height, width]).view(1, 2, 1, 1)
        return size.expand(len(images), 2, height // 4, width // 4), F.avg_pool2d(images, 4)[:, :2]


def test_the_mean_is_taken_of_pictures_of_whole_strides() -> None:
    logits, dataset_logits = ImagePyramid(Telling(), (1.0, 0.5, 0.375))(torch.zeros(2, 3, 192, 256))
    assert logits.shape == (2, 2, 48, 64)
    assert dataset_logits.shape == (2, 2, 48, 64)
    heights, widths = (192 + 96 + 64) / 3, (256 + 128 + 96) / 3  # 72 rows would be no whole strides
    expected = torch.tensor([heights, widths]).view(1, 2, 1, 1).expand_as(logits)
    torch.testing.assert_close(logits, expected)


def test_the_mean_is_taken_in_shares() -> None:
    images = torch.full((1, 3, 192, 256), 0.5)
    images[..., 128:] = 0.25
    logits, dataset_logits = ImagePyramid(Telling(), (1.0, 0.5, 0.375), shares=(3, 1, 0))(images)
    torch.testing.assert_close(logits[0, :, 0, 0], torch.tensor([0.75 * 192 + 0.25 * 96, 0.75 * 256 + 0.25 * 128]))
    whole, half = Telling()(images)[1], Telling()(F.avg_pool2d(images, 2))[1]
    expected = 0.75 * whole + 0.25 * F.interpolate(half, whole.shape[2:], mode="bilinear")
    torch.testing.assert_close(dataset_logits, expected)
    assert not torch.equal(dataset_logits, whole)


def test_shares_tell_engines_apart() -> None:
    """Engines are kept by a hash of the tensors."""
    equal, unequal, same = (
        ImagePyramid(Telling(), (1.0, 0.5), shares).scales.tolist() for shares in ((), (3, 1), (0.75, 0.25))
    )
    assert equal == [[1.0, 0.5], [0.5, 0.5]]
    assert unequal == same == [[1.0, 0.5], [0.75, 0.25]]


@pytest.mark.parametrize("scale", [0.75, 0.5, 0.375, 0.25])
def test_copies_lie_where_the_picture_lies(scale: float) -> None:
    """A ramp read, and enlarged again, is the same ramp but for its ends; half a pixel of shift would show."""
    columns = torch.arange(512.0).expand(1, 256, 512)
    rows = torch.arange(256.0).view(1, 256, 1).expand(1, 256, 512)
    images = torch.cat([columns, rows, rows])[None]
    _, found = ImagePyramid(Telling(), (1.0, scale))(images)
    _, alone = Telling()(images)
    inside = np.s_[..., 8:-8, 8:-8]
    torch.testing.assert_close(found[inside], alone[inside], rtol=0, atol=0.02)


def test_a_copy_averages_what_a_sparse_reading_would_skip() -> None:
    stripes = torch.zeros(1, 3, 128, 256)
    stripes[..., 1::4] = 1  # bilinear readings at a quarter of the size would see the columns 1 and 2 of each four
    _, quarter = Telling()(ImagePyramid(Telling(), (1.0, 0.25))._smaller(stripes, 0.25))  # pyright: ignore[reportPrivateUsage]
    torch.testing.assert_close(quarter, torch.full_like(quarter, 0.25))


def test_the_picture_alone_is_no_pyramid() -> None:
    network = Telling()
    assert at_scales(network, [1.0]) is network


@pytest.mark.parametrize("shares", [[], [0.7, 0.3]])
def test_weights_answer_at_their_scales(
    random_weights: Path, tmp_path: Path, picture: np.ndarray, shares: list[float]
) -> None:
    model, info = load_weights(random_weights)
    path = tmp_path / "scales.safetensors"
    save_weights(path, model, replace(info, scales=[1.0, 0.5], shares=shares, inference_width=320), half=False)
    segmenter = Segmenter.load(path, "cpu", "fp32")
    fitted = segmenter.fit(*picture.shape[:2])
    images = torch.from_numpy(fitted.to_network(picture)).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        share = shares[0] if shares else 0.5
        own = model.eval()(images)
        small = model(F.avg_pool2d(images, 2))
        expected = [
            share * a + (1 - share) * F.interpolate(b, a.shape[2:], mode="bilinear")
            for a, b in zip(own, small, strict=True)
        ]
    for found, wanted in zip(segmenter.logits(picture), expected, strict=True):
        torch.testing.assert_close(found, fitted.to_image(wanted), rtol=1e-4, atol=1e-4)
