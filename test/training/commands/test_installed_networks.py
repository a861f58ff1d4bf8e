"""A network of another package: trained by a recipe, imported, and loaded by its name, like our own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

pytest.importorskip("lightning_fabric", reason="the training packages are not installed")
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import load_weights
from densehybrid_ros.taxonomies import CAMVID_11
from densehybrid_ros.training.commands import import_weights
from densehybrid_ros.training.commands.import_weights import read_state_dict
from densehybrid_ros.training.recipe.recipe import Recipe
from densehybrid_ros.training.run.start import started_model

MODULE = """
from torch import nn

from densehybrid_ros.models.attach import attach


def plain(classes):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, classes, 1)
    )


def hybrid(classes):
    return attach(plain(classes), "3", mean=(0.5, 0.5, 0.5))
"""
ENTRY_POINTS = """[densehybrid_ros.networks]
four_layers = four_layers_network:hybrid
no_head = four_layers_network:plain
not_there = four_layers_network:missing
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip leaves behind of such a package."""
    site = tmp_path / "site"
    metadata = site / "four_layers-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "four_layers_network.py").write_text(MODULE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: four-layers\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))


def checkpoint_of_the_segmenter(path: Path) -> dict[str, torch.Tensor]:
    torch.manual_seed(6)
    trained = build_model("four_layers", 11).get_submodule("segmenter").state_dict()
    if path.suffix == ".safetensors":
        save_file(trained, path)
    else:
        torch.save({"state_dict": trained}, path)
    return trained


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_its_own_checkpoint_becomes_a_start_for_recipes(installed: None, tmp_path: Path, suffix: str) -> None:
    checkpoint, out = tmp_path / f"own{suffix}", tmp_path / "start.safetensors"
    trained = checkpoint_of_the_segmenter(checkpoint)
    command = [str(checkpoint), "--architecture", "four_layers", "--classes", "camvid", "--out", str(out)]
    with pytest.raises(SetupError, match="--dataset-head fresh"):
        import_weights.main(command)
    import_weights.main([*command, "--dataset-head", "fresh"])
    model = started_model(Recipe("four_layers", [], start=str(out)), CAMVID_11.classes)
    assert all(torch.equal(value, model.state_dict()[f"segmenter.{name}"]) for name, value in trained.items())
    scene = Segmenter.load(str(out), "cpu")(np.full((32, 48, 3), 99, np.uint8))
    assert scene.score.shape == (32, 48)


def test_weights_name_a_network_and_bring_no_code(
    installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, out = tmp_path / "own.pt", tmp_path / "start.safetensors"
    checkpoint_of_the_segmenter(checkpoint)
    command = [str(checkpoint), "--architecture", "four_layers", "--classes", "camvid", "--out", str(out)]
    import_weights.main([*command, "--dataset-head", "fresh"])
    monkeypatch.undo()  # on a machine where the package is not installed
    with pytest.raises(SetupError, match="model 'four_layers' is unknown; choose one of ldn121"):
        load_weights(out)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_head", r"gives a Sequential without the hybrid head; let it return densehybrid_ros.models.attach"),
        ("not_there", "'not_there' cannot be imported from 'four_layers_network:missing'"),
        ("nowhere", "choose one of ldn121, .*four_layers"),
    ],
)
def test_what_gives_no_hybrid_segmenter_is_refused(installed: None, name: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        build_model(name, 5)


def test_a_broken_safetensors_file_is_said_to_be_broken(tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(SetupError, match="cannot be read"):
        read_state_dict(tmp_path / "broken.safetensors")
