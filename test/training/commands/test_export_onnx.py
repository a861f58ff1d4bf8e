"""ONNX: equal to torch in onnxruntime, for every network, where the packages are installed.

./test.sh brings them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch import nn

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines import packages
from densehybrid_ros.engines.onnx_file import OUTPUTS
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import load_weights, save_weights
from densehybrid_ros.training.commands import export_onnx


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(SetupError, match=r"onnxscript not installed; run: .* -m pip install 'onnx>=1.16,<2'"):
        export_onnx.main([str(tmp_path / "x.onnx")])


@pytest.mark.parametrize("aligned", [True, False])
def test_the_metadata_say_how_logits_are_upsampled(aligned: bool, random_weights: Path) -> None:
    class Network(nn.Module):
        align_corners = aligned

    _, info = load_weights(random_weights)
    assert export_onnx.metadata(Network(), info)["align_corners"] == str(aligned).lower()


def installed() -> None:
    if missing := packages.missing_packages():
        pytest.skip(f"{', '.join(missing)} not installed; ./test.sh brings it")


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
    assert [each.name for each in made.graph.output] == list(OUTPUTS)


@pytest.mark.filterwarnings("default")  # the exporter's own
@pytest.mark.parametrize(("score", "maps_size"), [("hybrid", (96, 64)), ("likelihood", (150, 100))])
def test_a_file_with_post_processing_gives_the_maps_of_the_segmenter_at_the_open_set_threshold(
    tmp_path: Path, random_weights: Path, score: str, maps_size: tuple[int, int], picture: np.ndarray
) -> None:
    installed()
    import onnxruntime

    image = cv2.resize(picture, maps_size)
    segmenter = Segmenter.load(random_weights, "cpu", "fp32", 96)
    fitted = segmenter.fit(*image.shape[:2])
    assert fitted.run == fitted.scaled == (64, 96)
    threshold = float(np.median(segmenter(image, score=score).score))
    out = tmp_path / "maps.onnx"
    arguments = [str(out), "--weights", str(random_weights), "--size", "96", "64", "--postprocess", "--score", score]
    maps = ["--maps-size", *map(str, maps_size), f"--threshold={threshold}"]
    export_onnx.main([*arguments, *maps])
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    images = fitted.to_network(image).transpose(2, 0, 1)[None].astype(np.float32) / 255
    semantic, values, open_set = session.run(["semantic", "score", "open_set"], {"images": images})
    wanted = segmenter(image, threshold, score)
    assert (semantic.dtype, values.dtype, open_set.dtype) == (np.uint8, np.float32, np.uint8)
    np.testing.assert_allclose(values[0], wanted.score, atol=1e-3)
    assert (semantic[0] == wanted.semantic).mean() > 0.999
    assert (open_set[0] == wanted.open_set).mean() > 0.99  # half of the pixels lie near the threshold
    assert 0.4 < (open_set == 11).mean() < 0.6


def test_post_processing_of_a_size_that_the_node_would_continue_is_refused(
    tmp_path: Path, random_weights: Path
) -> None:
    installed()
    with pytest.raises(SetupError, match="multiples of 32 px; 104x72 is not"):
        export_onnx.main(
            [str(tmp_path / "x.onnx"), "--weights", str(random_weights), "--size", "104", "72", "--postprocess"]
        )
