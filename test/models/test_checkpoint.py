"""Weights files: what is written is read; everything else is refused in one clear line."""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import Calibration, content_hash, load_weights, save_weights, weights_hash


def test_what_is_saved_is_loaded(random_weights: Path, tmp_path: Path) -> None:
    model, info = load_weights(random_weights)
    copy = tmp_path / "copy.safetensors"
    save_weights(copy, model, info, half=False)
    again, info_again = load_weights(copy)
    assert info_again == info
    for first, second in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not again.training


def test_a_curve_of_a_score_that_is_no_more_does_no_harm(random_weights: Path, tmp_path: Path) -> None:
    """Files that were written before a score was removed hold its curve."""
    model, info = load_weights(random_weights)
    path = tmp_path / "old.safetensors"
    save_weights(path, model, replace(info, calibration={**info.calibration, "gone": info.calibration["likelihood"]}))
    segmenter = Segmenter.load(path)
    assert np.isfinite(segmenter(np.zeros((64, 64, 3), np.uint8)).score).all()
    with pytest.raises(SetupError, match="'gone' is unknown"):
        segmenter(np.zeros((64, 64, 3), np.uint8), score="gone")


def test_nothing_is_left_beside_the_file(random_weights: Path) -> None:
    assert [path.name for path in random_weights.parent.iterdir()] == [random_weights.name]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"none\.safetensors does not exist"):
        load_weights(tmp_path / "none.safetensors")


@pytest.mark.parametrize("keep", [0, 5, 1000, -100])
def test_a_truncated_file_is_refused(random_weights: Path, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(random_weights.read_bytes()[:keep])
    with pytest.raises(SetupError, match=r"cut\.safetensors"):
        load_weights(path)


def test_one_altered_byte_is_noticed(random_weights: Path, tmp_path: Path) -> None:
    content = bytearray(random_weights.read_bytes())
    content[-1000] ^= 0x10
    path = tmp_path / "altered.safetensors"
    path.write_bytes(content)
    with pytest.raises(SetupError, match="altered"):
        load_weights(path)


def test_a_pickle_is_never_executed(tmp_path: Path) -> None:
    marker = tmp_path / "executed"

    class Harmful:
        def __reduce__(self) -> tuple:
            return Path.touch, (marker,)

    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(SetupError, match="safetensors"):
        load_weights(path)
    assert not marker.exists()


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(SetupError, match="metadata"):
        load_weights(path)


def test_tensors_of_another_architecture_are_refused(random_weights: Path, tmp_path: Path) -> None:
    model, info = load_weights(random_weights)
    path = tmp_path / "wrong.safetensors"
    save_weights(path, torch.nn.Linear(2, 2), info)
    with pytest.raises(SetupError, match="does not fit architecture 'ladder_lite0'"):
        load_weights(path)
    assert model is not None


def test_the_threshold_for_a_rate_lies_between_those_of_its_neighbours() -> None:
    curve = Calibration([3.0, 1.0, -2.0], [0.2, 0.6, 0.95], [0.0, 0.0, 0.1], "nothing")
    assert curve.threshold_at(0.6) == 1.0
    assert curve.threshold_at(0.5) == pytest.approx(1.5)
    assert curve.threshold_at(0.6 + 0.35 / 3) == pytest.approx(0.0)
    assert (curve.threshold_at(0.99), curve.threshold_at(0.1)) == (-2.0, 3.0)


@pytest.mark.parametrize(
    "change",
    [
        {"calibration": {"hybrid": Calibration([], [], [], "nothing")}},
        {"calibration": {"hybrid": Calibration([1.0, 0.0], [0.5], [0.1], "nothing")}},
        {"threshold": float("nan")},
        {"palette": []},
        {"scales": []},
        {"scales": [0.5]},
        {"scales": [1.0, 1.5]},
        {"classes": []},
        {"classes": [["road"]] * 11},
        {"classes": "abcdefghijk"},
        {"architecture": ["ladder_lite0"]},
        {"palette": [[1, 2]] * 11},
        {"palette": [[1, 2, 256]] * 11},
        {"palette": ["red"] * 11},
        {"inference_width": -1},
        {"inference_width": 10**9},
        {"inference_width": 2.5},
        {"inference_width": float("nan")},
        {"threshold": "1"},
        {"threshold": 10**400},
        {"scales": [1.0, *[0.5] * 1000]},
        {"scales": [1.0, 1e-9]},
        {"scales": [True, 0.5]},
        {"shares": [0.5, 0.5]},
        {"scales": [1.0, 0.5], "shares": [0.0, 1.0]},
        {"scales": [1.0, 0.5], "shares": [1.0, -0.1]},
        {"scales": [1.0, 0.5], "shares": [0.5]},
        {"scales": [1.0, 0.5], "shares": [0.5, "0.5"]},
        {"scales": [1.0, 0.5], "shares": 1},
        {"figures": {"AP": "90"}},
        {"licence": 7},
        {"calibration": {"hybrid": Calibration([1.0, 0.0], [0.9, 0.5], [0.1, 0.2], "falls")}},
        {"calibration": {"hybrid": Calibration([1.0, 0.0], [0.5, "1"], [0.1, 0.2], "text")}},
    ],
)
def test_metadata_that_the_node_cannot_rely_on_are_refused(
    random_weights: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    model, info = load_weights(random_weights)
    path = tmp_path / "odd.safetensors"
    save_weights(path, model, replace(info, **change))
    with pytest.raises(SetupError, match="unreadable metadata"):
        load_weights(path)


def test_the_hash_is_of_all_that_changes_the_answers(random_weights: Path, tmp_path: Path) -> None:
    """Statistics and states of evaluations belong to it: it stays what it was for files without shares."""
    model, info = load_weights(random_weights)
    tensors = content_hash(model.state_dict())
    hashes: list[str] = []
    for scales, shares in (([1.0], []), ([1.0, 0.5], []), ([1.0, 0.5], [0.7, 0.3])):
        path = tmp_path / "weights.safetensors"
        save_weights(path, model, replace(info, scales=scales, shares=shares, threshold=0.1), half=False)
        hashes.append(weights_hash(path))
    assert hashes == [
        tensors,
        hashlib.sha256(f"{tensors} [1.0, 0.5]".encode()).hexdigest(),
        hashlib.sha256(f"{tensors} [1.0, 0.5] [0.7, 0.3]".encode()).hexdigest(),
    ]


def test_metadata_nested_without_end_are_refused(random_weights: Path, tmp_path: Path) -> None:
    content = random_weights.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"]["info"] = "[" * 100_000
    text = json.dumps(header).encode()
    path = tmp_path / "deep.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])
    with pytest.raises(SetupError, match=r"unreadable metadata \(deeply nested\)"):
        load_weights(path)


ROOT = Path(__file__).resolve().parents[2]
OUR_WEIGHTS = sorted(
    [*(ROOT / "models" / "weights").glob("*.safetensors"), *(ROOT / "training" / "stages").glob("*.safetensors")]
)


@pytest.mark.parametrize("path", OUR_WEIGHTS, ids=lambda path: path.stem)
def test_weights_of_ours_say_what_they_were_trained_on_and_the_terms(path: Path) -> None:
    _, info = load_weights(path)
    assert "pictures" in info.training_data
    assert "research" in info.licence
