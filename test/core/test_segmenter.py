"""The segmenter: shapes, sizes, thresholds and clear refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from densehybrid_ros.core.postprocess import maps_of, open_set_map, upsample
from densehybrid_ros.core.scenes import Scene
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import CAMVID_CLASSES
from densehybrid_ros.models.checkpoint import load_weights
from densehybrid_ros.taxonomies import prediction_table


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


@pytest.mark.parametrize("first", [1000.0, -1000.0])
def test_relabelled_at_another_threshold_is_what_the_network_would_say(
    segmenter: Segmenter, picture: np.ndarray, first: float
) -> None:
    scene = segmenter(picture, first)
    reached = float(scene.score[40, 40])
    for threshold in (reached, reached + 1e-12, float(np.nextafter(np.float32(reached), np.float32(9e9))), -first):
        again, fresh = scene.relabelled(threshold, segmenter.classes), segmenter(picture, threshold)
        np.testing.assert_array_equal(again.open_set, fresh.open_set)
        assert (again.threshold, again.open_set.dtype) == (threshold, fresh.open_set.dtype)
    assert (scene.relabelled(reached, segmenter.classes).open_set == segmenter.classes)[40, 40]


def test_the_stored_threshold_is_the_default(segmenter: Segmenter, picture: np.ndarray) -> None:
    assert segmenter(picture).threshold == 0.25


def test_another_scores_default_threshold_has_the_same_true_positive_rate(segmenter: Segmenter) -> None:
    # the likelihood has the curve of the hybrid score, ten times as wide; 0.25 lies between two stored thresholds
    assert segmenter.default_threshold("likelihood") == pytest.approx(2.5)


def test_a_batch_gives_what_single_images_give(segmenter: Segmenter, picture: np.ndarray) -> None:
    other = picture[:64, :96].copy()
    mirrored = picture[:, ::-1].copy()
    together = segmenter.batch([picture, other, mirrored]).scenes
    for image, scene in zip([picture, other, mirrored], together, strict=True):
        np.testing.assert_allclose(scene.score, segmenter(image).score, atol=1e-4)


def test_logits_are_upsampled_before_the_score() -> None:
    torch.manual_seed(0)
    logits, dataset_logits = torch.randn(1, 5, 4, 6), torch.randn(1, 2, 4, 6)
    maps = maps_of(logits, dataset_logits, lambda part: upsample(part, (16, 24)), SCORES["hybrid"], 0.0)
    large, large_dataset = upsample(logits, (16, 24)), upsample(dataset_logits, (16, 24))
    torch.testing.assert_close(maps.score, large_dataset.log_softmax(1)[:, 1] - large.logsumexp(1))
    torch.testing.assert_close(maps.semantic, large.argmax(1).to(torch.uint8))


def test_a_score_equal_to_the_threshold_is_unknown() -> None:
    result = open_set_map(torch.zeros(1, 3, dtype=torch.uint8), torch.tensor([[0.9, 1.0, 1.1]]), 1.0, 11)
    assert result.dtype == torch.uint8
    assert result.tolist() == [[0, 11, 11]]


def test_the_inference_width_changes_the_network_input_only(random_weights: Path, picture: np.ndarray) -> None:
    narrow = Segmenter.load(random_weights, device="cpu", inference_width=64)
    assert narrow.fit(*picture.shape[:2]).scaled[1] == 64
    assert narrow(picture).score.shape == picture.shape[:2]


@pytest.mark.parametrize("size", [(96, 160), (97, 163), (120, 200)])
def test_at_the_networks_size_it_says_of_an_image_what_it_says_of_the_shrunk_one(
    random_weights: Path, size: tuple[int, int]
) -> None:
    image = np.random.default_rng(2).integers(0, 256, (*size, 3), np.uint8)
    segmenter = Segmenter.load(random_weights, "cpu", inference_width=80)
    height, width = round(size[0] * 80 / size[1]), 80
    shrunk = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    (found,), (expected,) = segmenter.batch([image], at_network_size=True).scenes, segmenter.batch([shrunk]).scenes
    assert found.semantic.shape == (height, width)
    for name in ("semantic", "score", "open_set"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    small = image[:40, :60]
    assert segmenter.batch([small], at_network_size=True).scenes[0].score.shape == (40, 60)


def test_an_enlarged_scene_repeats_its_pixels() -> None:
    ids, nothing = np.array([[1, 2], [3, 11]], np.uint8), np.empty((0, 0), np.uint8)
    larger = Scene(nothing, ids.astype(np.float32), ids, 0.5).enlarged(4, 6)
    expected = np.kron(ids, np.ones((2, 3), np.uint8))
    np.testing.assert_array_equal(larger.open_set, expected)
    np.testing.assert_array_equal(larger.score, expected)
    assert (larger.semantic.size, larger.threshold) == (0, 0.5)


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
    table = prediction_table(segmenter.info.classes, CAMVID_CLASSES)
    assert table is not None
    assert (table[scene.semantic] == frame.labels)[inlier].mean() > 0.6
    assert replace(load_weights(BUNDLED)[1], calibration={}) == replace(segmenter.info, calibration={})


@pytest.mark.parametrize(
    ("width", "image", "size"),
    [(-1, (8192, 4128), "4128x8192"), (2048, (40_000, 100), "2048x819200"), (16_384, (100, 700), "16384x2368")],
)
def test_more_pixels_than_the_most_are_refused(
    random_weights: Path, width: int, image: tuple[int, int], size: str
) -> None:
    blown_up = Segmenter.load(random_weights, device="cpu", inference_width=width)
    height, columns = image
    with pytest.raises(SetupError, match=f"an image of {columns}x{height} would run at {size}, more"):
        blown_up.fit(height, columns)


def test_warming_up_runs_black_pictures_of_that_size(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = Segmenter.load(random_weights, device="cpu")
    batches: list[list[np.ndarray]] = []
    monkeypatch.setattr(segmenter, "batch", batches.append)
    segmenter.warm_up(40, 60, iterations=2, images=3)
    segmenter.warm_up(40, 60)
    assert list(map(len, batches)) == [3, 3, 1, 1, 1]
    assert all(image.shape == (40, 60, 3) and image.dtype == np.uint8 and not image.any() for image in batches[0])
