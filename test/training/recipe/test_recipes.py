"""The recipes that we ship say what the paper's table says, and schedules do what the recipes say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

pytest.importorskip("lightning_fabric", reason="the training packages are not installed")
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import build_model
from densehybrid_ros.training.commands import train
from densehybrid_ros.training.losses.hybrid import HybridLossWeights
from densehybrid_ros.training.recipe.reading import read_recipe
from densehybrid_ros.training.recipe.recipe import ASKED, Recipe
from densehybrid_ros.training.run.optimizing.optimizer import make_optimizer
from densehybrid_ros.training.run.optimizing.schedule import learning_rate, number_of_steps, set_learning_rate

RECIPES = Path(train.__file__).parents[1] / "recipes"
PAPER: dict[str, tuple[str, float, int, int, float, float, float]] = {
    "cityscapes_deeplab": ("deeplabv3plus_wrn38", 10, 12, 512, 1e-6, 1e-6, 1.0),
    "cityscapes_deeplab_synthetic": ("deeplabv3plus_wrn38", 10, 16, 512, 1e-6, 1e-6, 1.0),
    "streethazards_closed": ("ldn121", 120, 16, 768, 4e-4, 1e-7, 0.25),
    "streethazards_open": ("ldn121", 40, 12, 768, 1e-5, 1e-7, 0.25),
    "streethazards_synthetic": ("ldn121", 40, 12, 768, 1e-5, 1e-7, 0.25),
    "smiyc_ldn121": ("ldn121", 10, 12, 768, 1e-5, 1e-7, 0.25),
    "smiyc_ldn121_synthetic": ("ldn121", 10, 12, 768, 1e-5, 1e-7, 0.25),
}
"""Network, epochs, batch, crop, learning rate from and to, and the trunk's share of it."""


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_recipes_hold_the_papers_numbers(name: str) -> None:
    recipe = read_recipe(RECIPES / f"{name}.yaml")
    crop = recipe.crop[0]
    found = (recipe.architecture, recipe.epochs, recipe.batch, crop, recipe.learning_rate, recipe.learning_rate_min)
    assert (*found, recipe.trunk_factor) == PAPER[name]
    assert recipe.crop == [crop, crop]
    assert recipe.scale == [0.5, 2.0]
    assert (recipe.optimizer, recipe.betas, recipe.epsilon, recipe.weight_decay) == ("adam", [0.9, 0.999], 1e-7, 0)
    assert (recipe.steps, recipe.warm_up, recipe.jitter, recipe.average) == (0, 0, "released", 0)
    assert recipe.open_set == (not name.endswith("_closed"))
    synthetic, real = bool(recipe.flow.weights), bool(recipe.pasting.root)
    assert (synthetic, real) == (name.endswith("_synthetic"), recipe.open_set and not synthetic)
    if real:
        assert recipe.pasting.patch == (192 if recipe.architecture.startswith("deeplab") else 384)
        assert recipe.pasting.style == "released"
    if synthetic:
        assert (recipe.flow.boundary, recipe.flow.learning_rate, recipe.flow.decay) == (0.03, 1e-5, 0.99)
        assert (recipe.flow.sides, recipe.flow.style) == ([16, 216], "released")
    if recipe.open_set:
        assert (recipe.loss.dataset, recipe.loss.likelihood, recipe.loss.likelihood_form) == (0.3, 0.03, "mean")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_valid_and_chooses_weights_on_other_data_than_results_are_reported_on(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.steps > 0 or recipe.epochs > 0
    reported = ("camvid-ood", "fishyscapes", "smiyc", "lostandfound", "roadanomaly")
    assert not recipe.validation[0].name.startswith(reported)
    assert recipe.validation[0].split not in ("test", "t5", "t6")


@pytest.mark.parametrize(
    ("real", "others"),
    [
        ("camvid_real", ("camvid_synthetic", "camvid_both")),
        ("roads_short", ("roads_short_synthetic", "roads_short_both")),
    ],
)
def test_recipes_of_real_and_synthetic_negatives_differ_in_their_negatives_alone(
    real: str, others: tuple[str, str]
) -> None:
    expected = read_recipe(RECIPES / f"{real}.yaml")
    for name in others:
        recipe = read_recipe(RECIPES / f"{name}.yaml")
        assert bool(recipe.flow.weights)
        assert bool(recipe.pasting.root) == name.endswith("both")
        assert (
            replace(
                recipe,
                pasting=expected.pasting,
                flow=expected.flow,
                training_data=expected.training_data,
                validation=expected.validation,
            )
            == expected
        )


def test_the_learning_rate_falls_from_one_end_to_the_other() -> None:
    recipe = Recipe("ldn121", [], learning_rate=4e-4, learning_rate_min=1e-7, warm_up=0)
    assert learning_rate(recipe, 0, 1000) == pytest.approx(4e-4)
    assert learning_rate(recipe, 500, 1000) == pytest.approx((4e-4 + 1e-7) / 2)
    assert learning_rate(recipe, 250, 1000) == pytest.approx(1e-7 + (4e-4 - 1e-7) * (1 + 2**-0.5) / 2)
    assert learning_rate(recipe, 1000, 1000) == pytest.approx(1e-7)
    constant = Recipe("ldn121", [], learning_rate=1e-6, learning_rate_min=1e-6, warm_up=0)
    assert {learning_rate(constant, step, 100) for step in range(100)} == {1e-6}
    warm = Recipe("ldn121", [], learning_rate=1e-3, learning_rate_min=1e-3, warm_up=4)
    assert [learning_rate(warm, step, 100) for step in (0, 1, 3, 9)] == pytest.approx([2.5e-4, 5e-4, 1e-3, 1e-3])


def test_the_trunk_learns_at_its_own_rate() -> None:
    recipe = Recipe("ladder_lite0", [], trunk_factor=0.25)
    model = build_model("ladder_lite0", 5)
    optimizer = make_optimizer(recipe, model)
    set_learning_rate(optimizer, 1e-3)
    rates = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    assert len(rates) == len(list(model.parameters()))
    assert {rates[id(parameter)] for parameter in model.trunk_parameters()} == {2.5e-4}
    heads = [*model.logits.parameters(), *model.logits_ood.parameters(), *model.upsample.parameters()]
    assert {rates[id(parameter)] for parameter in heads} == {1e-3}
    assert isinstance(optimizer, torch.optim.AdamW)
    assert type(make_optimizer(Recipe("ladder_lite0", [], optimizer="adam"), model)) is torch.optim.Adam


def test_steps_of_epochs() -> None:
    assert number_of_steps(Recipe("ldn121", [], epochs=10, batch=12), 2975) == 2479
    assert number_of_steps(Recipe("ldn121", [], steps=7, epochs=10), 2975) == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": -1.0}, r"line 2: learning_rate must be at least 1e-12, not -1\.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be at least 1e-12, not nan"),
        ({"learning_rate": "fast"}, "line 2: learning_rate must be of type float, not 'fast'"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"betas": [0.9]}, "betas"),
        ({"betas": [0.9, 1.5]}, "betas"),
        ({"epsilon": 0}, "epsilon"),
        ({"loss_stride": 0}, "loss_stride must be at least 1, not 0"),
        ({"loss_stride": 100, "crop": [64, 64]}, "loss_stride is 100"),
        ({"validation_stride": 0}, "validation_stride must be at least 1, not 0"),
        ({"average": 1.5}, "average must be from 0 to 0.999999, not 1.5"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"photometric": -1}, "photometric"),
        ({"inference_width": -5}, "inference_width"),
        ({"jitter": "wild"}, "jitter 'wild' is unknown; choose natural or released"),
        ({"pasting": {"max_negatives": 0}}, "max_"),
        ({"pasting": {"made_share": 2}}, "line 3: pasting.made_share must be from 0 to 1, not 2.0"),
        ({"flow": {"weights": "x", "sides": [72, 216]}, "crop": [64, 64]}, "flow.sides begins at 72, the crop has 64"),
        ({"train": [{"name": "camvid"}]}, r"line 4: 'train\[0\]\.root' is missing"),
    ],
)
def test_values_that_make_no_run_are_named(tmp_path: Path, changes: dict, message: str) -> None:
    content = {"architecture": "ladder_lite0", "train": [{"name": "camvid", "root": "x"}], "steps": 1, **changes}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(SetupError, match=message):
        read_recipe(path)


MINIMAL = "architecture: ldn121\nsteps: 1\ntrain:\n- {name: camvid, root: x}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "learning_rat: 3", "line 5: unknown key 'learning_rat'; did you mean 'learning_rate'?"),
        (MINIMAL + "velocity: 3", "line 5: unknown key 'velocity'; known are architecture, train,"),
        (MINIMAL + "steps: 2", "line 5: 'steps' is given twice"),
        (MINIMAL + "loss:\n  by_set: true\n  by_set: false", "line 7: 'loss.by_set' is given twice"),
        (MINIMAL + "loss: {}\npasting:\n  max_negatives: many", "line 7: pasting.max_negatives must be of type int"),
        (MINIMAL + "- {name: camvid, rot: x}", "line 5: unknown key 'train[1].rot'; did you mean 'root'?"),
        (MINIMAL + "loss: 3", "line 5: loss must be a mapping of keys to values"),
        (MINIMAL + "validation: 3", "line 5: validation must be a list of mappings"),
        (MINIMAL + "crop: [64, wide]", "line 5: crop[1] must be of type int, not 'wide'"),
        (MINIMAL + "open_set: 1", "line 5: open_set must be of type bool, not 1"),
        (MINIMAL + "batch: 4.0", "line 5: batch must be of type int, not 4.0"),
        (MINIMAL + "[x]: 3", "line 5: a key must be a word"),
        (MINIMAL + "<<:", "line 5: what << merges in is no mapping"),
        (MINIMAL + "<<: [3]", "line 5: what << merges in is no mapping"),
        (MINIMAL + "<<: {[x]: 3}", "line 5: a key that is merged in must be a word"),
        ("steps: 1", "line 1: 'architecture' is missing"),
        ("- steps", "must be a mapping of keys to values"),
        ("steps: [", "is no valid YAML"),
    ],
)
def test_an_error_names_line_key_and_what_is_wanted(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(SetupError, match=re.escape(message)):
        read_recipe(path)


def test_a_value_of_the_command_line_is_checked_as_one_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(MINIMAL)
    assert read_recipe(path, overrides={"steps": 7}).steps == 7
    with pytest.raises(SetupError, match="steps must be at least 0, not -3"):
        read_recipe(path, overrides={"steps": -3})


def test_keys_can_be_shared_within_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("architecture: ldn121\nsteps: 1\ntrain:\n- &x {name: camvid, root: x}\n- {<<: *x, root: y}\n")
    assert [(source.name, source.root) for source in read_recipe(path).train] == [("camvid", "x"), ("camvid", "y")]


def test_numbers_may_be_written_as_engineers_do(tmp_path: Path) -> None:
    """YAML 1.1 takes 1e-3 for text."""
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "{architecture: ldn121, train: [{name: camvid, root: x}], steps: 1, learning_rate: 1e-3, betas: [9e-1, 0]}"
    )
    recipe = read_recipe(path)
    assert recipe.learning_rate == 1e-3
    assert recipe.betas == [0.9, 0]


def test_a_recipe_that_continues_other_training_asks_for_its_start(tmp_path: Path) -> None:
    command = [str(RECIPES / "camvid_open.yaml"), "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    with pytest.raises(SetupError, match="give them with --start"):
        train.main(command)
    named = {path for path in RECIPES.glob("*.yaml") if "--start" in path.read_text()}
    assert named == {path for path in RECIPES.glob("*.yaml") if read_recipe(path).start == ASKED}


def test_a_folder_of_data_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"data folder .*/nowhere does not exist; give the folder above those"):
        read_recipe(RECIPES / "camvid_closed.yaml", [tmp_path, tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("outlier_head", HybridLossWeights(dataset=1.0, likelihood=0.0, outlier=0.5)),
        ("exposure", HybridLossWeights(dataset=0.0, likelihood=0.5, likelihood_form="exposure")),
        ("outlier_class", HybridLossWeights(dataset=0.0, likelihood=1.0, likelihood_form="outlier_class")),
        (
            "energy",
            HybridLossWeights(
                dataset=0.0, likelihood=0.1, likelihood_form="squared", inlier_margin=15.0, negative_margin=5.0
            ),
        ),
    ],
)
def test_the_recipes_of_other_losses_differ_in_the_loss_alone(name: str, loss: HybridLossWeights) -> None:
    recipe, real = read_recipe(RECIPES / f"roads_short_{name}.yaml"), read_recipe(RECIPES / "roads_short.yaml")
    assert recipe.loss == loss
    assert replace(recipe, loss=real.loss) == real


def test_a_recipe_says_only_what_it_changes_of_the_one_that_it_is_like(tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text(MINIMAL + "loss: {dataset: 0.5, likelihood: 0.1}\nseed: 3\n")
    (tmp_path / "second.yaml").write_text("like: first.yaml\nloss: {dataset: 0.25}\nseed: 4\n")
    (tmp_path / "third.yaml").write_text("seed: 5\nlike: second.yaml\n")
    first, third = read_recipe(tmp_path / "first.yaml"), read_recipe(tmp_path / "third.yaml")
    assert third == replace(first, loss=HybridLossWeights(dataset=0.25), seed=5)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("like: nowhere.yaml", "", r"first\.yaml, line 1: 'like' names .*nowhere\.yaml, which does not exist"),
        ("like: first.yaml", "", r"first\.yaml, line 1: 'like' leads back to .*first\.yaml"),
        ("like: second.yaml", "seed: 1\nlike: ./first.yaml", r"second\.yaml, line 2: 'like' leads back to"),
        ("like: second.yaml", MINIMAL + "sped: 3", r"second\.yaml, line 5: unknown key 'sped'"),
        ("like: second.yaml\nseed: x", MINIMAL, r"first\.yaml, line 2: seed must be"),
        ("like: second.yaml", "[1]", r"second\.yaml must be a mapping"),
        ("like: [second.yaml]", "", r"line 1: 'like' names"),
    ],
)
def test_what_is_wrong_between_two_recipes_is_said_of_the_right_file(
    tmp_path: Path, first: str, second: str, message: str
) -> None:
    (tmp_path / "first.yaml").write_text(first)
    (tmp_path / "second.yaml").write_text(second)
    with pytest.raises(SetupError, match=message):
        read_recipe(tmp_path / "first.yaml")


@pytest.mark.parametrize("value", ["!unknown x", "{[1]: 2}"])
def test_a_value_that_yaml_cannot_make_is_named_with_its_line(value: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"train: []\narchitecture: {value}\n")
    with pytest.raises(SetupError, match=r"recipe\.yaml, line 2: architecture is no value: "):
        read_recipe(path)
