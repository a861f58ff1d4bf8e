"""The trainer: one run, resumed exactly, and its weights usable by the segmenter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("lightning_fabric", reason="the training packages are not installed")
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.models.checkpoint import load_weights
from densehybrid_ros.training.batches.batches import Batch
from densehybrid_ros.training.flow.config import FLOWS
from densehybrid_ros.training.flow.dense_flow import DenseFlow
from densehybrid_ros.training.flow.flow_file import load_flow, save_flow
from densehybrid_ros.training.run.segmenter import SegmenterTraining

REPOSITORY = Path(__file__).resolve().parents[3]


WriteRecipe = Callable[..., Path]
Run = Callable[..., None]


VALIDATION = {"name": "camvid", "root": "camvid", "split": "val"}


def losses(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("synthetic", [False, True])
def test_an_interrupted_run_ends_with_the_same_weights(
    data: Path,
    tmp_path: Path,
    flow: Path,
    monkeypatch: pytest.MonkeyPatch,
    synthetic: bool,
    write_recipe: WriteRecipe,
    run: Run,
) -> None:
    recipe = write_recipe(tmp_path, **({"flow": {"weights": str(flow), "sides": [16, 32]}} if synthetic else {}))
    run(data, recipe, tmp_path / "whole")

    class Killed(Exception):
        pass

    genuine = SegmenterTraining.backward

    def dies_at_step_5(job: SegmenterTraining, batch: Batch, step: int) -> dict[str, torch.Tensor | float]:
        if step == 5:
            raise Killed
        return genuine(job, batch, step)

    monkeypatch.setattr(SegmenterTraining, "backward", dies_at_step_5)
    with pytest.raises(Killed):
        run(data, recipe, tmp_path / "cut")
    monkeypatch.setattr(SegmenterTraining, "backward", genuine)
    run(data, recipe, tmp_path / "cut")
    whole, _ = load_weights(tmp_path / "whole" / "weights.safetensors")
    cut, _ = load_weights(tmp_path / "cut" / "weights.safetensors")
    for first, second in zip(whole.state_dict().values(), cut.state_dict().values(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)
    if synthetic:
        flows = [load_flow(tmp_path / name / "flow.safetensors")[0].state_dict() for name in ("whole", "cut")]
        assert all(torch.equal(flows[0][name], flows[1][name]) for name in flows[0])


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the command", "to all its processes"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.alone  # how soon a process ends
def test_a_signal_ends_a_run_and_its_workers_quietly_and_it_goes_on_later(
    data: Path, tmp_path: Path, number: int, send: Callable[[int, int], None], write_recipe: WriteRecipe
) -> None:
    recipe, out = write_recipe(tmp_path, steps=100_000, log_every=1, validate_every=100_000), tmp_path / "out"
    options = ["--data", str(data), "--out", str(out), "--device", "cpu", "--workers", "2"]
    command = [sys.executable, "-m", "densehybrid_ros.cli", "train", str(recipe), *options]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, text=True, stderr=subprocess.PIPE, start_new_session=True
    )
    end = time.monotonic() + 90
    while not (out / "checkpoint.pt").is_file() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    sent = time.monotonic()
    send(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - sent < 3
    assert process.returncode == 128 + number
    assert "Traceback" not in errors
    assert len(workers) >= 2
    assert not [each for each in workers if Path(f"/proc/{each}").exists()]
    assert not [path.name for path in out.iterdir() if ".part" in path.name]
    steps = [record["step"] for record in losses(out)]
    assert steps == list(range(1, len(steps) + 1))
    torch.load(out / "checkpoint.pt", weights_only=True)


EXACT = {"steps": 3, "batch": 4, "freeze_batch_norm": True, "log_every": 1, "loss_stride": 1, "optimizer": "adam"}
"""Batch norm over fewer crops is another network; everything else must not depend on how a batch is divided."""


def assert_same_losses(first: Path, second: Path) -> None:
    terms = ("loss", "closed_set", "dataset", "likelihood")
    pairs = list(zip(losses(first), losses(second), strict=True))
    assert len(pairs) == 4  # three steps and the validation
    for one, other in pairs[:3]:
        assert [one[term] for term in terms] == pytest.approx([other[term] for term in terms], rel=1e-4)


@pytest.mark.parametrize("form", ["mean", "logistic"])
def test_parts_of_a_batch_add_up_to_the_whole(
    data: Path, tmp_path: Path, form: str, write_recipe: WriteRecipe, run: Run
) -> None:
    exact = {**EXACT, "loss": {"likelihood_form": form}}
    run(data, write_recipe(tmp_path, **exact), tmp_path / "whole")
    run(data, write_recipe(tmp_path, **exact, accumulate=4), tmp_path / "parts")
    assert_same_losses(tmp_path / "whole", tmp_path / "parts")


def test_two_processes_do_what_one_does_with_twice_the_batch(
    data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    recipe = write_recipe(tmp_path, **EXACT)
    run(data, recipe, tmp_path / "one")
    run_in_two_processes(data, recipe, tmp_path / "two")
    assert_same_losses(tmp_path / "one", tmp_path / "two")


def run_in_two_processes(data: Path, recipe: Path, out: Path) -> None:
    command = [sys.executable, "-m", "densehybrid_ros.cli", "train", str(recipe), "--data", str(data)]
    options = ["--out", str(out), "--device", "cpu", "--workers", "0", "--processes", "2"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh flow, as pre-training would leave it."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("flow") / "flow.safetensors"
    made = DenseFlow(FLOWS["small"]).train()
    made.log_likelihood(torch.rand(4, 3, 32, 32))  # sets the activation norms
    save_flow(path, made, "small")
    return path


@pytest.mark.parametrize("real", [True, False])
def test_synthetic_negatives_are_trained_along(
    data: Path, tmp_path: Path, flow: Path, real: bool, write_recipe: WriteRecipe, run: Run
) -> None:
    section = {"weights": str(flow), "sides": [16, 32], "learning_rate": 1e-3}
    recipe = write_recipe(
        tmp_path, steps=3, log_every=1, flow=section, **({} if real else {"pasting": {"inlier_probability": 0.0}})
    )
    run(data, recipe, tmp_path / "run")
    steps = [record for record in losses(tmp_path / "run") if "loss" in record]
    assert all(record["dataset"] > 0 and record["likelihood"] > 0 for record in steps)
    assert all(0 <= record["boundary"] < 0.7 for record in steps)
    # real negatives can fill a crop of 64 px: such a step shows the flow no inlier
    bits = [record["flow_bits"] for record in steps if "flow_bits" in record]
    assert len(bits) >= (2 if real else 3)
    assert min(bits) > 0
    before, after = load_flow(flow)[0].state_dict(), load_flow(tmp_path / "run" / "flow.safetensors")[0].state_dict()
    assert not torch.equal(before["blocks.0.units.0.parts.1.weight"], after["blocks.0.units.0.parts.1.weight"])


def test_two_processes_train_one_flow(
    data: Path, tmp_path: Path, flow: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    """Each draws samples of its own; what both have learned is in the one flow that is kept."""
    section = {"weights": str(flow), "sides": [16, 32], "learning_rate": 1e-3}
    pasting = {"inlier_probability": 0.0}
    recipe = write_recipe(tmp_path, steps=2, batch=4, log_every=1, flow=section, pasting=pasting)
    run(data, recipe, tmp_path / "one")
    run_in_two_processes(data, recipe, tmp_path / "two")
    steps = [record for record in losses(tmp_path / "two") if "loss" in record]
    assert all(record["flow_bits"] > 0 for record in steps)
    kept = [load_flow(tmp_path / name / "flow.safetensors")[0].state_dict() for name in ("one", "two")]
    differences = [float((kept[0][name].float() - kept[1][name].float()).abs().max()) for name in kept[0]]
    assert 0 < max(differences) < 0.1


def test_a_flow_step_in_every_other_step(
    data: Path, tmp_path: Path, flow: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    recipe = write_recipe(tmp_path, steps=4, log_every=1, flow={"weights": str(flow), "sides": [16, 32], "every": 2})
    run(data, recipe, tmp_path / "run")
    assert ["boundary" in record for record in losses(tmp_path / "run") if "loss" in record] == [True, False] * 2


def test_epochs_are_turned_into_steps(data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run) -> None:
    """Two pictures, batches of two: one step each."""
    run(data, write_recipe(tmp_path, steps=0, epochs=3, log_every=1, validate_every=9), tmp_path / "run")
    assert [record["step"] for record in losses(tmp_path / "run") if "loss" in record] == [1, 2, 3]


def test_a_resumed_log_holds_every_step_once(data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run) -> None:
    recipe = write_recipe(tmp_path, steps=4, log_every=1)
    run(data, recipe, tmp_path / "run")
    log = tmp_path / "run" / "log.jsonl"
    whole = [(record["step"], record.get("loss")) for record in losses(tmp_path / "run")]
    log.write_text(log.read_text() + '{"step": 9, "loss": 1}\n{"step": 10, "lo')
    run(data, recipe, tmp_path / "run")
    assert [(record["step"], record.get("loss")) for record in losses(tmp_path / "run")] == whole
    assert list((tmp_path / "run" / "events").glob("events.*"))


def test_training_moves_the_weights_but_not_the_frozen_ones(
    data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    run(data, write_recipe(tmp_path, steps=2), tmp_path / "short")
    run(data, write_recipe(tmp_path, steps=5), tmp_path / "long")
    short, _ = load_weights(tmp_path / "short" / "weights.safetensors")
    long, _ = load_weights(tmp_path / "long" / "weights.safetensors")
    changed = {
        name
        for (name, first), second in zip(short.state_dict().items(), long.state_dict().values(), strict=True)
        if not torch.equal(first, second)
    }
    assert "logits.conv.weight" in changed
    assert "logits_ood.conv.weight" in changed
    assert not any(name.startswith(("backbone._conv_stem", "backbone._bn0", "backbone._blocks.0.")) for name in changed)


def test_validation_reports_all_figures_and_writes_usable_weights(
    data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    run(data, write_recipe(tmp_path), tmp_path / "run")
    records = [record for record in losses(tmp_path / "run") if "camvid/val" in record]
    assert [record["step"] for record in records] == [3, 6]
    assert {"miou", "hybrid", "likelihood", "posterior", "msp", "parts"} <= records[0]["camvid/val"].keys()
    scene = Segmenter.load(tmp_path / "run" / "weights.safetensors", device="cpu")(np.zeros((40, 50, 3), np.uint8))
    assert scene.score.shape == (40, 50)
    assert (tmp_path / "run" / "best.safetensors").is_file()


def test_held_out_negatives_decide_which_weights_are_best(
    data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    pasted = {**VALIDATION, "split": "train", "negatives": "negatives", "negatives_split": "training"}
    run(data, write_recipe(tmp_path, steps=2, validation=[pasted, VALIDATION]), tmp_path / "run")
    best = json.loads((tmp_path / "run" / "best.json").read_text())
    record = best["camvid/train with pasted negatives"]
    assert 100 * best["deciding"] == pytest.approx(record["hybrid"]["ap"], abs=0.01)
    assert record["hybrid"] != best["camvid/val"]["hybrid"]


def test_closed_set_training_needs_no_negatives(
    data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    recipe = write_recipe(tmp_path, open_set=False, pasting={}, steps=2)
    run(data, recipe, tmp_path / "closed")
    assert (tmp_path / "closed" / "weights.safetensors").is_file()
