"""The segmenter: shapes, sizes, thresholds and clear refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from densehybrid_ros.core.postprocess import maps_of, open_set_map, upsample
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter, nearest_multiple
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import load_weights


@pytest.fixture(scope="module")
def segmenter(random_weights: Path) -> Segmenter:
    return Segmenter.load(random_weights, device="cpu")


@pytest.mark.parametrize("size", [(96, 160), (97, 131), (1, 1), (33, 400)])
def test_outputs_have_the_size_of_the_image(segmenter: Segmenter, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    scene = segmenter(image)
    assert scene.semantic.shape == scene.score.shape == scene.open_set.shape == size
    assert scene.semantic.dtype == scene.open_set.dtype == np.uint8
    assert scene.score.dtype == np.float32
    assert scene.semantic.max() < segmenter.classes


@pytest.mark.parametrize("score", SCORES)
def test_unknown_is_exactly_where_the_score_reaches_the_threshold(
    segmenter: Segmenter, picture: np.ndarray, score: str
) -> None:
    values = segmenter(picture, score=score).score
    threshold = float(np.median(values))
    scene = segmenter(picture, threshold, score)
    unknown = scene.open_set == segmenter.classes
    np.testing.assert_array_equal(unknown, scene.score >= threshold)
    np.testing.assert_array_equal(scene.open_set[~unknown], scene.semantic[~unknown])
    assert 0 < unknown.mean() < 1


def test_the_stored_threshold_is_the_default(segmenter: Segmenter, picture: np.ndarray) -> None:
    assert segmenter(picture).threshold == 0.25


def test_another_scores_default_threshold_has_the_same_true_positive_rate(segmenter: Segmenter) -> None:
    # 0.25 lies between the stored 1.0 (60 %) and -2.0 (95 %): the first stored rate above is 95 %
    assert segmenter.default_threshold("likelihood") == -20.0


def test_a_batch_gives_what_single_images_give(segmenter: Segmenter, picture: np.ndarray) -> None:
    other = picture[:64, :96].copy()
    mirrored = picture[:, ::-1].copy()
    together = segmenter.batch([picture, other, mirrored]).scenes
    for image, scene in zip([picture, other, mirrored], together, strict=True):
        np.testing.assert_allclose(scene.score, segmenter(image).score, atol=1e-4)


def test_logits_are_upsampled_before_the_score() -> None:
    torch.manual_seed(0)
    logits, dataset_logits = torch.randn(1, 5, 4, 6), torch.randn(1, 2, 4, 6)
    maps = maps_of(logits, dataset_logits, (16, 24), SCORES["hybrid"], 0.0)
    large, large_dataset = upsample(logits, (16, 24)), upsample(dataset_logits, (16, 24))
    torch.testing.assert_close(maps.score, large_dataset.log_softmax(1)[:, 1] - large.logsumexp(1))
    torch.testing.assert_close(maps.semantic, large.argmax(1).to(torch.uint8))


def test_a_score_equal_to_the_threshold_is_unknown() -> None:
    result = open_set_map(torch.zeros(1, 3, dtype=torch.uint8), torch.tensor([[0.9, 1.0, 1.1]]), 1.0, 11)
    assert result.dtype == torch.uint8
    assert result.tolist() == [[0, 11, 11]]


def test_the_inference_width_changes_the_network_input_only(random_weights: Path, picture: np.ndarray) -> None:
    narrow = Segmenter.load(random_weights, device="cpu", inference_width=64)
    assert narrow.logits(picture)[0].shape[-1] == 16
    assert narrow(picture).score.shape == picture.shape[:2]


@pytest.mark.parametrize(("size", "expected"), [(1, 32), (47, 32), (49, 64), (720, 704), (640, 640)])
def test_sizes_are_rounded_to_the_stride(size: int, expected: int) -> None:
    assert nearest_multiple(size) == expected


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8), [[1, 2, 3]]],
)
def test_what_is_no_image_is_refused(segmenter: Segmenter, image: object) -> None:
    with pytest.raises(SetupError, match=r"image|empty"):
        segmenter(image)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"device": "tpu9"}, "auto, cpu, cuda"),
        ({"device": "cuda:7"}, "CUDA devices"),
        ({"precision": "fp8"}, "fp32"),
        ({"inference_width": -5}, "native"),
    ],
)
def test_impossible_settings_name_the_choices(random_weights: Path, arguments: dict, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        Segmenter.load(random_weights, **{"device": "cpu", **arguments})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_in_half_precision_agrees_with_the_cpu(random_weights: Path, picture: np.ndarray) -> None:
    on_cpu, on_gpu = Segmenter.load(random_weights, device="cpu"), Segmenter.load(random_weights, device="cuda")
    difference = np.abs(on_cpu(picture).score - on_gpu(picture).score)
    assert np.percentile(difference, 99) < 0.1


def test_the_bundled_weights_load_and_find_a_made_obstacle() -> None:
    from densehybrid_ros.models.checkpoint import BUNDLED
    from densehybrid_ros.roadworld import Roadworld

    assert BUNDLED.stat().st_size <= 12e6
    segmenter = Segmenter.load(device="cpu")
    assert segmenter.info.architecture == "ladder_lite0"
    assert segmenter.info.training_data
    assert segmenter.info.licence
    frame = Roadworld(10_003, 480, 360).frame(0, stereo=False)
    scene = segmenter(frame.left)
    inlier = frame.labels != 255
    assert (scene.semantic == frame.labels)[inlier].mean() > 0.6
    assert replace(load_weights(BUNDLED)[1], calibration={}) == replace(segmenter.info, calibration={})


@pytest.mark.parametrize(
    ("width", "image", "size"),
    [
        (0, (100, 207), (96, 192)),
        (0, (112, 209), (128, 224)),  # halves go to the even multiple
        (64, (50, 128), (32, 64)),
        (320, (50, 100), (160, 320)),
        (32, (3, 400), (32, 32)),
        (0, (8192, 4096), (8192, 4096)),
    ],
)
def test_the_network_runs_at_the_nearest_multiple_of_its_stride(
    random_weights: Path, width: int, image: tuple[int, int], size: tuple[int, int]
) -> None:
    narrow = Segmenter.load(random_weights, device="cpu", inference_width=width or -1)
    assert narrow.inference_size(*image) == size


@pytest.mark.parametrize(
    ("width", "image", "size"),
    [(-1, (8192, 4128), "4128x8192"), (2048, (40_000, 100), "2048x819200"), (16_384, (100, 700), "16384x2336")],
)
def test_more_pixels_than_the_most_are_refused(
    random_weights: Path, width: int, image: tuple[int, int], size: str
) -> None:
    blown_up = Segmenter.load(random_weights, device="cpu", inference_width=width)
    height, columns = image
    with pytest.raises(SetupError, match=f"an image of {columns}x{height} would run at {size}, more"):
        blown_up.inference_size(height, columns)


def test_warming_up_runs_black_pictures_of_that_size(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = Segmenter.load(random_weights, device="cpu")
    batches: list[list[np.ndarray]] = []
    monkeypatch.setattr(segmenter, "batch", batches.append)
    segmenter.warm_up(40, 60, iterations=2, images=3)
    segmenter.warm_up(40, 60)
    assert list(map(len, batches)) == [3, 3, 1, 1, 1]
    assert all(image.shape == (40, 60, 3) and image.dtype == np.uint8 and not image.any() for image in batches[0])
