"""What a training may begin with and go on from, and what it refuses."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from tqdm import tqdm

pytest.importorskip("lightning_fabric", reason="the training packages are not installed")
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import load_weights, save_weights
from densehybrid_ros.training.run import loop, segmenter
from densehybrid_ros.training.run.run_state import RunState

WriteRecipe = Callable[..., Path]
Run = Callable[..., None]
VALIDATION = {"name": "camvid", "root": "camvid", "split": "val"}


def losses(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_can_start_from_weights_and_refuses_foreign_ones(
    data: Path, tmp_path: Path, random_weights: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    run(data, write_recipe(tmp_path, steps=1), tmp_path / "from", "--start", str(random_weights))
    with pytest.raises(SetupError, match="the recipe wants ldn121"):
        run(data, write_recipe(tmp_path, architecture="ldn121"), tmp_path / "x", "--start", str(random_weights))


def test_a_checkpoint_of_another_run_is_refused(
    data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(SetupError, match="does not continue this run"):
        run(data, write_recipe(tmp_path), tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speed": 3}, "unknown key 'speed'"),
        ({"steps": "many"}, "steps must be of type int"),
        ({"steps": 0}, "steps or epochs above 0"),
        ({"steps": -3}, "steps must be at least 0"),
        ({"accumulate": 0}, "accumulate must be at least 1"),
        ({"accumulate": 4}, "no multiple of 1 processes x accumulate 4"),
        ({"accumulate": 2}, "leaves one crop at a time"),
        ({"flow": {"style": "square"}}, "flow.style"),
        ({"flow": {"sides": [4, 2]}}, "flow.sides"),
        ({"flow": {"every": 0}}, "flow.every"),
        ({"flow": {"weights": "nowhere.safetensors"}}, "pretrain-flow"),
        ({"flow": {"weights": "x"}, "open_set": False}, "without open_set"),
        ({"optimizer": "sgd"}, "choose one of adamw, adam, muon"),
        ({"crop": [10, 10]}, "crop"),
        ({"loss": {"likelihood_form": 3}}, "likelihood_form must be of type str"),
        ({"train": [{"name": "camvid"}]}, "root"),
        ({"train": []}, "no data set"),
        ({"precision": "fp8"}, "choose one of fp32, bf16, fp16"),
        ({"precision": "fp16"}, "fp16 needs a GPU"),
        ({"rare_classes": ["dragon"]}, "class 'dragon' is unknown"),
        ({"train": [{"name": "kitti", "root": "camvid"}]}, "data set 'kitti' is unknown"),
        ({"train": [{"name": "camvid", "root": "nowhere"}]}, "nowhere"),
        ({"train": [{"name": "camvid", "root": "camvid", "negatives": "negatives"}]}, "name them in pasting.root"),
        ({"validation": [{"name": "camvid", "root": "nowhere"}]}, "nowhere"),
        ({"validation": [{**VALIDATION, "negatives": "nowhere"}]}, "nowhere"),
    ],
)
def test_a_wrong_recipe_fails_before_the_first_step(
    data: Path, tmp_path: Path, changes: dict, message: str, write_recipe: WriteRecipe, run: Run
) -> None:
    with pytest.raises(SetupError, match=message):
        run(data, write_recipe(tmp_path, **changes), tmp_path / "run")


def test_a_folder_is_not_continued_by_another_recipe(
    data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    run(data, write_recipe(tmp_path, steps=2), tmp_path / "run")
    run(data, write_recipe(tmp_path, steps=2, log_every=1, validate_every=1), tmp_path / "run")
    for changes, named in (
        ({"seed": 9}, "'seed' was 1"),
        ({"steps": 4}, "'steps' was 2"),
        ({"crop": [64, 96]}, "crop"),
    ):
        with pytest.raises(SetupError, match=f"does not continue this run .*{named}"):
            run(data, write_recipe(tmp_path, **{"steps": 2, **changes}), tmp_path / "run")


def test_a_checkpoint_from_before_a_key_existed_is_continued(
    data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    """It was made with what the key's default says; another value of the new key makes another run."""
    started = write_recipe(tmp_path, steps=2)
    run(data, started, tmp_path / "run")
    path = tmp_path / "run" / "checkpoint.pt"
    content = torch.load(path, weights_only=True)
    settings = content["settings"]
    assert settings.pop("rare_evenly") is False
    assert settings.pop("betas") == [0.9, 0.999]
    assert settings["pasting"].pop("box_share") == 0.0
    assert settings["train"][0].pop("known_void") is False
    assert settings.pop("flow")["weights"] is False
    settings["retired"] = 1
    torch.save(content, path)
    weights = tmp_path / "run" / "weights.safetensors"
    before = weights.read_bytes()
    run(data, started, tmp_path / "run")
    assert weights.read_bytes() == before
    for changes, named in (
        ({"betas": [0.8, 0.999]}, r"'betas' was \[0.9, 0.999\] there and is \[0.8, 0.999\] now"),
        ({"pasting": {"box_share": 0.5}}, "'pasting' was"),
        ({"steps": 3}, "'steps' was 2"),
    ):
        with pytest.raises(SetupError, match=f"does not continue this run .*{named}"):
            run(data, write_recipe(tmp_path, **{"steps": 2, **changes}), tmp_path / "run")


def test_a_smoke_run_leaves_nothing_to_the_real_one(
    data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    recipe = write_recipe(tmp_path, steps=3, log_every=1)
    for _ in range(2):  # a second one is no resumed one
        run(data, recipe, tmp_path / "run", "--smoke")
        assert [record["step"] for record in losses(tmp_path / "run" / "smoke") if "loss" in record] == [1, 2]
    assert not (tmp_path / "run" / "checkpoint.pt").exists()
    run(data, recipe, tmp_path / "run")
    run(data, recipe, tmp_path / "fresh")
    assert [record["loss"] for record in losses(tmp_path / "run") if "loss" in record] == [
        record["loss"] for record in losses(tmp_path / "fresh") if "loss" in record
    ]


def test_a_run_that_begins_anew_forgets_what_was_best(
    data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "best.json").write_text('{"deciding": 0.999}')
    run(data, write_recipe(tmp_path, steps=1), out)
    assert json.loads((out / "best.json").read_text())["deciding"] < 0.999
    assert (out / "best.safetensors").is_file()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_bad_picture_is_named_in_one_line(
    data: Path, tmp_path: Path, workers: str, write_recipe: WriteRecipe, run: Run
) -> None:
    spoilt = tmp_path / "data"
    shutil.copytree(data, spoilt)
    for path in (spoilt / "camvid/images/train").iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(SetupError, match=r"images/train/\d\.png") as raised:
        run(spoilt, write_recipe(tmp_path), tmp_path / "run", "--workers", workers)
    assert "\n" not in str(raised.value)
    assert not multiprocessing.active_children()  # Python would wait for them at its end


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_recipe: WriteRecipe, run: Run
) -> None:
    genuine, states = segmenter.initial_state, []

    def poisoned(*given: object) -> RunState:
        state = genuine(*given)
        state.model.logits.conv.weight.register_hook(lambda gradient: gradient * float("nan"))
        states.append(state)
        return state

    monkeypatch.setattr(segmenter, "initial_state", poisoned)
    # as on a terminal, where tqdm does not end what it goes over
    monkeypatch.setattr(loop, "progress_bar", lambda items, shown, **options: tqdm(items, file=StringIO(), **options))
    with pytest.raises(SetupError, match="a gradient is not finite at step 0") as _raised:  # its traceback is kept
        run(data, write_recipe(tmp_path, checkpoint_every=1), tmp_path / "run", "--workers", "1")
    assert not multiprocessing.active_children()
    assert all(torch.isfinite(value).all() for value in states[0].model.state_dict().values())
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_processes_that_a_launcher_started_are_counted(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_recipe: WriteRecipe, run: Run
) -> None:
    """Under torchrun each of them would train by itself, into the same folder."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SetupError, match=r"torchrun started 2 processes, and --processes x --nodes make 1"):
        run(data, write_recipe(tmp_path), tmp_path / "run")


def test_sets_for_evaluation_are_not_trained_on(
    data: Path, tmp_path: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    shutil.copytree(data / "camvid/images/val", tmp_path / "ood/images")
    shutil.copytree(data / "camvid/labels/val", tmp_path / "ood/labels")
    sets = [{"name": "camvid-ood", "root": str(tmp_path / "ood"), "split": ""}]
    with pytest.raises(SetupError, match="'camvid-ood' is for evaluation alone"):
        run(data, write_recipe(tmp_path, train=sets), tmp_path / "run")


def test_weights_of_other_classes_are_no_start(
    data: Path, tmp_path: Path, random_weights: Path, write_recipe: WriteRecipe, run: Run
) -> None:
    model, info = load_weights(random_weights)
    other = tmp_path / "other.safetensors"
    save_weights(other, model, replace(info, classes=info.classes[::-1]))
    with pytest.raises(SetupError, match=r"for bicyclist, .*; the recipe wants ladder_lite0 for sky"):
        run(data, write_recipe(tmp_path), tmp_path / "run", "--start", str(other))
