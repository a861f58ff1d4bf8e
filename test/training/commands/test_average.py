"""densehybrid average: the mean of weights, what it keeps, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import Calibration, WeightsInfo, load_weights, save_weights
from densehybrid_ros.training.commands.average import main, mean_state, shares_of

INFO = WeightsInfo(
    architecture="ladder_lite0",
    classes=["road", "car"],
    palette=[[1, 2, 3], [4, 5, 6]],
    normalisation="inside the model",
    inference_width=640,
    threshold=1.5,
    scales=[1.0, 0.5],
    shares=[0.7, 0.3],
    calibration={"hybrid": Calibration([1.0, 0.0], [0.1, 0.9], [0.0, 0.5], "something")},
    training_data="set A",
    licence="terms A",
    recipe="steps: 3",
    figures={"miou": 50.0},
)


def saved(path: Path, seed: int, info: WeightsInfo = INFO) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    model = build_model(info.architecture, len(info.classes))
    for name, value in model.state_dict().items():
        if "running" in name:
            value.uniform_(0.5, 2)
    save_weights(path, model, info, half=False)
    return model.state_dict()


def test_every_tensor_is_the_mean_by_shares_and_nothing_measured_is_kept(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.safetensors" for name in "ab"]
    one = saved(files[0], 1)
    other = saved(
        files[1], 2, replace(INFO, training_data="set B; set A; set C", inference_width=320, scales=[1.0], shares=[])
    )
    main([str(tmp_path / "out.safetensors"), *map(str, files), "--shares", "3", "1"])
    model, info = load_weights(tmp_path / "out.safetensors")
    for name, value in model.state_dict().items():
        wanted = 0.75 * one[name].numpy() + 0.25 * other[name].numpy()
        np.testing.assert_allclose(value.numpy(), wanted, rtol=1e-5, atol=1e-7, err_msg=name)
    assert (info.inference_width, info.scales, info.shares) == (640, [1.0, 0.5], [0.7, 0.3])
    assert info.palette == INFO.palette
    assert (info.threshold, info.calibration, info.figures) == (0.0, {}, {})
    assert (info.training_data, info.licence) == ("set A; set B; set C", "terms A")
    assert info.recipe == "mean of 0.75 a + 0.25 b"


def test_without_shares_all_count_alike_and_counters_are_those_of_the_first() -> None:
    states = [{"w": torch.tensor([float(value)]), "n": torch.tensor(value)} for value in (1, 2, 6)]
    mean = mean_state(states, shares_of(None, 3))
    assert torch.equal(mean["w"], torch.tensor([3.0]))
    assert torch.equal(mean["n"], torch.tensor(1))


@pytest.mark.parametrize(
    ("shares", "count", "message"),
    [
        (None, 1, "one weights file alone; give two or more"),
        ([1.0], 2, "--shares has 1 numbers for 2 weights files"),
        ([1.0, -0.5], 2, "--shares 1 -0.5: give numbers of 0 and above"),
        ([0.0, 0.0], 2, "--shares 0 0: give numbers of 0 and above, not all 0"),
        ([1.0, float("nan")], 2, "--shares 1 nan: give numbers"),
    ],
)
def test_shares_that_are_none_are_refused(shares: list[float] | None, count: int, message: str) -> None:
    with pytest.raises(SetupError, match=re.escape(message)):
        shares_of(shares, count)


@pytest.mark.parametrize("change", [{"classes": ["car", "road"]}, {"architecture": "ldn121"}])
def test_weights_of_another_network_or_with_other_classes_are_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    files = [tmp_path / f"{name}.safetensors" for name in "ab"]
    saved(files[0], 1)
    saved(files[1], 1, replace(INFO, **change))
    with pytest.raises(SetupError, match=re.escape(f"{files[1]} has architecture")):
        main([str(tmp_path / "out.safetensors"), *map(str, files)])
    assert not (tmp_path / "out.safetensors").exists()
