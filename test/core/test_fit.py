"""An image's way into the network and back: what a pixel says lands on that pixel, whatever the sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from densehybrid_ros.core.fit import Fit, Size, fit
from densehybrid_ros.models import MODELS
from densehybrid_ros.models.sampling import aligns_corners, size_multiple


def ramp(size: Size) -> np.ndarray:
    """(H, W, 3): red grows to the right, green downwards, from 0 to 255."""
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float64)
    red, green = columns / (size[1] - 1), rows / (size[0] - 1)
    return np.rint(255 * np.stack([red, green, 0 * red], 2)).astype(np.uint8)


def sampled(image: np.ndarray, stride: int, align_corners: bool) -> Tensor:
    """(1, 2, h, w): a network that says what it sees, of areas or of points between the corners."""
    pixels = torch.from_numpy(image[..., :2].copy()).permute(2, 0, 1)[None].float()
    if align_corners:
        size = (pixels.shape[2] // stride, pixels.shape[3] // stride)
        return F.interpolate(pixels, size, mode="bilinear", align_corners=True)
    return F.avg_pool2d(pixels, stride)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("width", [0, 320, 200, 640, 1000])
@pytest.mark.parametrize("size", [(180, 320), (179, 321), (333, 500)])
def test_every_pixel_gets_the_answer_to_itself(size: Size, width: int, align_corners: bool) -> None:
    fitted = fit(size, width, 32, align_corners)
    image = ramp(size)
    answer = fitted.to_image(sampled(fitted.to_network(image), 4, align_corners))
    assert answer.shape == (1, 2, *size)
    inside = (slice(8, -8), slice(8, -8))  # at the borders there is nothing to interpolate with
    for channel in range(2):
        wanted = image[..., channel].astype(np.float64)
        # 0.5 is what the ramp is rounded by; half a cell beside the place would be up to 3
        assert np.abs(answer[0, channel].numpy() - wanted)[inside].max() < 1.1


@pytest.mark.parametrize(
    ("image", "width", "multiple", "scaled", "run"),
    [
        ((720, 1280), 0, 32, (720, 1280), (736, 1280)),
        ((720, 1280), 0, 8, (720, 1280), (720, 1280)),
        ((720, 1280), 640, 32, (360, 640), (384, 640)),
        ((1024, 2048), 640, 32, (320, 640), (320, 640)),
        ((375, 1242), 0, 32, (375, 1242), (384, 1248)),
        ((1, 1), 0, 32, (1, 1), (32, 32)),
        ((3, 4000), 32, 32, (1, 32), (32, 32)),
    ],
)
def test_the_network_sees_the_picture_unstretched_and_whole_strides(
    image: Size, width: int, multiple: int, scaled: Size, run: Size
) -> None:
    fitted = fit(image, width, multiple, align_corners=False)
    assert fitted == Fit(image, scaled, run, False)
    assert fitted.to_network(np.zeros((*image, 3), np.uint8)).shape == (*run, 3)


def test_native_pixels_reach_the_network_as_they_are() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    shown = fit((50, 70), 0, 32, align_corners=False).to_network(image)
    np.testing.assert_array_equal(shown, np.pad(image, ((0, 14), (0, 26), (0, 0)), mode="reflect"))


def test_aligned_corners_belong_to_the_network() -> None:
    assert {name: getattr(model, "align_corners", False) for name, model in MODELS.items()} == {
        "ldn121": False,
        "ladder_lite0": False,
        "ladder_lite2": False,
        "deeplabv3plus_wrn38": True,
    }
    with torch.device("meta"):
        networks = {name: build(19) for name, build in MODELS.items()}
    assert [name for name, network in networks.items() if aligns_corners(network)] == ["deeplabv3plus_wrn38"]
    assert {name: size_multiple(network) for name, network in networks.items()} == {
        "ldn121": 32,
        "ladder_lite0": 32,
        "ladder_lite2": 32,
        "deeplabv3plus_wrn38": 8,
    }
