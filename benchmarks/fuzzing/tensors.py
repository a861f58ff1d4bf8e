"""Weights, checkpoints, statistics, flows, and engines out of the cache."""

from __future__ import annotations

import argparse
import contextlib
import io
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines.key import Shape
from densehybrid_ros.engines.onnx_file import write_onnx
from densehybrid_ros.engines.opening import Session, noise_and_edges
from densehybrid_ros.models import MODELS
from densehybrid_ros.models.checkpoint import Calibration, WeightsInfo, save_weights
from densehybrid_ros.models.tensor_files import pickled
from densehybrid_ros.taxonomies import TAXONOMIES
from densehybrid_ros.training.baselines.baselines import FITTINGS, use_baselines
from densehybrid_ros.training.baselines.known_image import Extent, KnownImage
from densehybrid_ros.training.baselines.settings import PUBLISHED
from densehybrid_ros.training.baselines.statistics_file import Origin, load_statistics, save_statistics
from densehybrid_ros.training.commands import import_weights
from densehybrid_ros.training.flow.config import FLOWS
from densehybrid_ros.training.flow.dense_flow import DenseFlow
from densehybrid_ros.training.flow.flow_file import load_flow, save_flow
from fuzzing.changes import changed_safetensors, changed_zip
from fuzzing.target import Target, contents

SMALL = "small"
"""Name of the network."""
CLASSES = ["road", "tree", "car"]
PICTURE = np.full((12, 16, 3), 90, np.uint8)
STATISTICS = ("sml", "openmax", "react", "mahalanobis", "embedding_density")
WEIGHTS = "0" * 64
"""The hash that the statistics are of."""


class Small(nn.Module):
    """A segmenter with the hybrid head that is built and run in a millisecond."""

    normalisation = "none"
    class_convolution = "logits"

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.logits = nn.Conv2d(4, classes, 1)
        self.logits_ood = nn.Conv2d(4, 2, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone(images).relu()
        return self.logits(features), self.logits_ood(features)


MODELS[SMALL] = Small


def _info() -> WeightsInfo:
    curve = Calibration([2.0, 1.0, 0.0], [0.2, 0.8, 1.0], [0.0, 0.1, 0.9], "roadworld")
    palette = [[128, 64, 128], [0, 128, 0], [0, 0, 142]]
    scales, shares, curves, figures = [1.0, 0.5], [0.7, 0.3], {"hybrid": curve}, {"AP": 90.0}
    return WeightsInfo(SMALL, CLASSES, palette, "none", 16, 1.0, scales, shares, curves, figures=figures)


def _weights(folder: Path) -> list[bytes]:
    torch.manual_seed(0)
    paths = [folder / "half.safetensors", folder / "whole.safetensors"]
    for path in paths:
        save_weights(path, Small(len(CLASSES)), _info(), half=path.stem == "half")
    return contents(paths)


def _use_weights(path: Path) -> None:
    segmenter = Segmenter.load(path, "cpu")
    segmenter(PICTURE)
    for curve in segmenter.info.calibration.values():
        curve.threshold_at(0.95)


def _checkpoints(folder: Path, options: bool = True) -> list[bytes]:
    state = Small(len(TAXONOMIES["camvid"].classes)).state_dict()
    wrapped = {f"module.{name}": value for name, value in state.items()}
    more = {"options": argparse.Namespace(rate=1e-3, best=np.float64(0.7), names=["a"])} if options else {}
    made: list[bytes] = []
    for zipped in (True, False):
        for content in (state, {"state_dict": wrapped, "epoch": 3, **more}):
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
            made.append(buffer.getvalue())
    return made


def _import(path: Path) -> None:
    out = path.with_name("imported.safetensors")
    with contextlib.redirect_stdout(io.StringIO()):
        import_weights.main([str(path), "--architecture", SMALL, "--classes", "camvid", "--out", str(out)])


def _resume(path: Path) -> None:
    """As a run of training takes up its checkpoint."""
    pickled(path)


def _segmenter() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter(Small(len(CLASSES)), _info(), torch.device("cpu"), torch.float32, 0)


def _statistics(folder: Path) -> list[bytes]:
    path, random = folder / "statistics.safetensors", np.random.default_rng(0)
    gathered = {kind: FITTINGS[kind](Extent(len(CLASSES), 8)) for kind in STATISTICS}
    for _ in range(8):
        seen = _segmenter().see(random.integers(0, 256, PICTURE.shape, np.uint8))
        truth = random.integers(0, len(CLASSES), PICTURE.shape[:2]).astype(np.uint8)
        for each in gathered.values():
            each.add(KnownImage(seen, truth))
    made = {kind: each.result() for kind, each in gathered.items()}
    save_statistics(path, made, Origin(WEIGHTS, "noise (8)", 0, {"react_percentile": 90.0}))
    return contents([path])


def _use_statistics(path: Path) -> None:
    found, _ = load_statistics(path, WEIGHTS)
    segmenter = _segmenter()
    use_baselines(segmenter, STATISTICS, found, PUBLISHED)
    segmenter.scored(PICTURE, STATISTICS)


def _flows(folder: Path) -> list[bytes]:
    torch.manual_seed(0)
    path = folder / "flow.safetensors"
    save_flow(path, DenseFlow(FLOWS["small"]), "small")
    return contents([path])


def _engines(folder: Path) -> list[bytes]:
    torch.manual_seed(0)
    path = folder / "engine.onnx"
    write_onnx(Small(3), path, Shape(1, 12, 16), 18, {"densehybrid_engine": "key"})
    return contents([path])


def _run_engine(path: Path) -> None:
    session = Session(path.read_bytes(), threads=1)
    session(noise_and_edges(Shape(1, 12, 16)))


TARGETS = {
    "weights": Target(".safetensors", _weights, _use_weights, changed_safetensors),
    "import-weights": Target(".pt", _checkpoints, _import, changed_zip()),
    "checkpoint": Target(".pt", partial(_checkpoints, options=False), _resume, changed_zip(), refusals=(ValueError,)),
    "statistics": Target(".safetensors", _statistics, _use_statistics, changed_safetensors),
    "flow": Target(".safetensors", _flows, load_flow, changed_safetensors),
    # whoever opens an engine takes whatever is raised for a damaged file, and builds it anew
    "engine": Target(".onnx", _engines, _run_engine, refusals=(Exception,)),
}
