"""ONNX: equal to torch in onnxruntime, for every network, where the packages are installed.

To install them: pip install -r requirements/optional.txt
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import load_weights, save_weights
from densehybrid_ros.training.commands import export_onnx


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_onnx, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(SetupError, match="onnxscript not installed; run: pip install onnx onnxscript onnxruntime"):
        export_onnx.main([str(tmp_path / "x.onnx")])


def installed() -> None:
    missing = [name for name in export_onnx.PACKAGES if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: pip install -r requirements/optional.txt")


@pytest.mark.filterwarnings("default")  # the exporter's own
def test_an_opset_that_cannot_be_had_is_not_claimed(tmp_path: Path, random_weights: Path) -> None:
    installed()
    small = [str(tmp_path / "network.onnx"), "--weights", str(random_weights), "--size", "64", "64"]
    with pytest.raises(SetupError, match="cannot convert it to 9"):
        export_onnx.main([*small, "--opset", "9"])


@pytest.mark.filterwarnings("default")  # the exporter's own
@pytest.mark.parametrize("architecture", ["ladder_lite0", "ldn121"])
@pytest.mark.parametrize("size", [(96, 64), (104, 72)])
def test_the_exported_network_answers_as_torch_does(
    tmp_path: Path, random_weights: Path, architecture: str, size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    installed()
    import onnx

    weights = random_weights
    if architecture != "ladder_lite0":
        weights = tmp_path / "weights.safetensors"
        info = replace(load_weights(random_weights)[1], architecture=architecture)
        save_weights(weights, build_model(architecture, 11), info)
    out = tmp_path / "network.onnx"
    export_onnx.main([str(out), "--weights", str(weights), "--size", *map(str, size)])
    assert "from torch" in capsys.readouterr().out
    made = onnx.load(out)
    metadata = {entry.key: json.loads(entry.value) for entry in made.metadata_props if entry.key == "densehybrid"}
    assert metadata["densehybrid"]["classes"][0] == "sky"
    assert [each.name for each in made.graph.output] == list(export_onnx.OUTPUTS)
