"""A step of the segmenter: what the network sees, at which size its loss is taken, and how the flow is fed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

pytest.importorskip("lightning_fabric", reason="the training packages are not installed")
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.models.checkpoint import WeightsInfo
from densehybrid_ros.training.losses.hybrid import hybrid_loss
from densehybrid_ros.training.recipe.recipe import Pasting, Recipe, SetSource
from densehybrid_ros.training.run import start
from densehybrid_ros.training.run.engine import make_engine
from densehybrid_ros.training.run.segmenter import SegmenterTraining

SIZE = (64, 64)


class Seeing(nn.Module):
    """A network at a quarter of the resolution that keeps what it was shown."""

    normalisation = "none"

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.logits, self.logits_ood = nn.Conv2d(3, classes, 1), nn.Conv2d(3, 2, 1)
        self.seen: list[Tensor] = []

    def trunk_parameters(self) -> list[nn.Parameter]:
        return []

    def early_layers(self) -> list[nn.Module]:
        return []

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.seen.append(images.detach().clone())
        features = F.avg_pool2d(images, 4)
        return self.logits(features), self.logits_ood(features)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SegmenterTraining:
    rng = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (tmp_path / kind / "train").mkdir(parents=True)
    labels = cv2.resize(rng.integers(0, 11, (8, 8), dtype=np.uint8), (96, 80), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(tmp_path / "images/train/0.png"), rng.integers(0, 256, (80, 96, 3), dtype=np.uint8))
    cv2.imwrite(str(tmp_path / "labels/train/0.png"), labels)
    recipe = Recipe(
        architecture="seeing",
        train=[SetSource("camvid", str(tmp_path))],
        steps=2,
        batch=2,
        crop=list(SIZE),
        pasting=Pasting(inlier_probability=0.0),
    )
    monkeypatch.setattr(start, "build_model", lambda name, classes: Seeing(classes))
    return SegmenterTraining(recipe, make_engine("cpu"))


def test_a_network_sees_the_same_scale_in_training_and_in_the_vehicle(job: SegmenterTraining) -> None:
    """White is 1 and black is 0, in both."""
    image = np.zeros((*SIZE, 3), np.uint8)
    image[:, 32:] = 255
    images = torch.from_numpy(image.transpose(2, 0, 1).copy())[None].repeat(2, 1, 1, 1)
    labels = torch.zeros(2, *SIZE, dtype=torch.uint8)
    job.backward((images, labels, labels), 0)
    model = job.state.model
    assert isinstance(model, Seeing)
    trained = model.seen[-1][:1]
    info = WeightsInfo(
        architecture="seeing",
        classes=job.batches.classes,
        palette=job.batches.sets[0].palette,
        normalisation="none",
        inference_width=0,
        threshold=0.0,
        training_data="",
        licence="",
        recipe="",
    )
    Segmenter(model, info, torch.device("cpu"), torch.float32, 0)(image)
    assert [float(trained.min()), float(trained.max())] == [0, 1]
    torch.testing.assert_close(model.seen[-1][..., : SIZE[0], : SIZE[1]], trained)


@pytest.mark.parametrize("step", [0, 1])
def test_the_loss_is_taken_at_full_size_with_corners_not_aligned(job: SegmenterTraining, step: int) -> None:
    batch = job.batches[step]
    terms = job.backward(batch, step)
    model = job.state.model
    with torch.no_grad():
        outputs = model(batch[0].float() / 255)
        enlarged = [F.interpolate(each, SIZE, mode="bilinear", align_corners=False) for each in outputs]
        expected = hybrid_loss(enlarged[0], enlarged[1], batch[1].long(), batch[2].long(), job.recipe.loss)
    for name, value in (("loss", expected.total), ("closed_set", expected.closed_set), ("dataset", expected.dataset)):
        assert float(terms[name]) == pytest.approx(value.item(), rel=1e-5)


def test_a_checkpoint_holds_what_it_held_before_torch_averaged(tmp_path: Path, job: SegmenterTraining) -> None:
    """The average under its own key, named as the model's weights are."""
    averaged = SegmenterTraining(replace(job.recipe, average=0.9), job.engine)
    content = averaged.state_dict()
    assert content["average"].keys() == content["model"].keys()
