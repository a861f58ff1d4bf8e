"""Published checkpoints: every form that is in use, and every way in which one can be wrong."""

from __future__ import annotations

import pickle
import re
import zipfile
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import load_weights
from densehybrid_ros.models.tensor_files import unwrapped
from densehybrid_ros.training.commands.import_weights import main, read_state_dict
from densehybrid_ros.training.flow.flow_file import load_flow


@pytest.fixture(scope="module")
def released() -> dict[str, Tensor]:
    """A state dict of LDN-121 with 19 classes, as the authors publish it."""
    torch.manual_seed(2)
    return dict(build_model("ldn121", 19).state_dict())


def imported(checkpoint: object, folder: Path, *options: str) -> Path:
    path, out = folder / "checkpoint.pt", folder / "out.safetensors"
    torch.save(checkpoint, path)
    main([str(path), "--architecture", "ldn121", "--out", str(out), *options])
    return out


@pytest.mark.parametrize("nested", ["", "model", "state_dict"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_every_published_form_gives_the_same_network(
    released: dict[str, Tensor], tmp_path: Path, nested: str, prefix: str
) -> None:
    renamed = OrderedDict((prefix + name, value) for name, value in released.items())
    checkpoint = {nested: renamed, "epoch": 3, "optimizer": {"state": {}}} if nested else renamed
    model, info = load_weights(imported(checkpoint, tmp_path))
    assert info.classes[0] == "road"
    assert len(info.classes) == 19
    assert all(torch.equal(value, released[name]) for name, value in model.state_dict().items())


def test_a_closed_set_checkpoint_gets_a_fresh_dataset_head(released: dict[str, Tensor], tmp_path: Path) -> None:
    closed = {name: value for name, value in released.items() if not name.startswith("logits_ood.")}
    with pytest.raises(SetupError, match="--dataset-head fresh, and train it"):
        imported(closed, tmp_path)
    model, _ = load_weights(imported(closed, tmp_path, "--dataset-head", "fresh"))
    state = model.state_dict()
    assert torch.equal(state["logits.conv.weight"], released["logits.conv.weight"])
    assert not torch.equal(state["logits_ood.conv.weight"], released["logits_ood.conv.weight"])


@pytest.mark.parametrize("dotted", [True, False])
def test_imagenets_densenet_becomes_the_trunk(released: dict[str, Tensor], tmp_path: Path, dotted: bool) -> None:
    densenet: dict[str, Tensor] = {"classifier.weight": torch.zeros(1000, 1024), "classifier.bias": torch.zeros(1000)}
    densenet |= {"features.norm5.weight": torch.zeros(1024), "features.norm5.running_mean": torch.zeros(1024)}
    for name, value in released.items():
        if not name.startswith("backbone.") or name.endswith("num_batches_tracked"):
            continue
        key = name.removeprefix("backbone.")
        if dotted and "denselayer" in key:
            for part in ("norm1", "norm2", "conv1", "conv2"):
                key = key.replace(f".{part}.", f".{part[:4]}.{part[4]}.")
        densenet[key] = value
    model, _ = load_weights(imported(densenet, tmp_path, "--imagenet"))
    trunk = {name: value for name, value in model.state_dict().items() if name.startswith("backbone.")}
    assert all(torch.equal(value, released[name]) for name, value in trunk.items())


def test_what_does_not_fit_is_named(released: dict[str, Tensor], tmp_path: Path) -> None:
    spoilt = dict(released)
    del spoilt["logits.conv.bias"]
    spoilt["logits.conv.weight"] = torch.zeros(11, 128, 1, 1)
    spoilt["surprise"] = torch.zeros(1)
    with pytest.raises(SetupError) as raised:
        imported(spoilt, tmp_path)
    for part in ("'logits.conv.bias' is missing", "'surprise' is unknown", "11x128x1x1 where 19x128x1x1 is wanted"):
        assert part in str(raised.value)


def test_figures_and_options_beside_the_tensors_are_no_obstacle(released: dict[str, Tensor], tmp_path: Path) -> None:
    """NumPy's scalars, as pickled by its versions 1 and 2, and the options of argparse."""
    content = {"state_dict": released, "mean_iu": np.float64(0.83), "iu": np.float32(0.5), "args": Namespace(lr=0.1)}
    out = imported(content, tmp_path)
    assert torch.equal(load_weights(out)[0].state_dict()["logits.conv.weight"], released["logits.conv.weight"])
    before, after = tmp_path / "numpy1.pt", tmp_path / "checkpoint.pt"
    with zipfile.ZipFile(after) as new, zipfile.ZipFile(before, "w") as old:
        for entry in new.namelist():
            old.writestr(entry, new.read(entry).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert b"numpy.core.multiarray" in before.read_bytes()
    assert read_state_dict(before).keys() == released.keys()


def test_weights_that_are_not_finite_are_refused(released: dict[str, Tensor], tmp_path: Path) -> None:
    spoilt = {**released, "logits.conv.bias": torch.full((19,), float("nan"))}
    with pytest.raises(SetupError, match=r"'logits\.conv\.bias' is not finite"):
        imported(spoilt, tmp_path)


def test_altered_files_end_in_one_line(tmp_path: Path) -> None:
    torch.save({"state_dict": {f"layer{number}.weight": torch.rand(3, 3) for number in range(6)}}, tmp_path / "good.pt")
    good, rng = (tmp_path / "good.pt").read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        spoilt = bytearray(good)
        for place in rng.integers(0, len(good), 12):
            spoilt[place] = rng.integers(256)
        (tmp_path / "bad.pt").write_bytes(spoilt)
        try:
            read_state_dict(tmp_path / "bad.pt")
        except SetupError:
            refused += 1
    assert refused > 50


class Trap:
    """What a pickle can do to those who open it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.path,))


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    torch.save({"model": Trap(sprung)}, tmp_path / "trap.pt")
    with pytest.raises(SetupError, match="could run code"):
        read_state_dict(tmp_path / "trap.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Trap(sprung), protocol=2))
    with pytest.raises(SetupError, match=r"could run code|cannot be read"):
        read_state_dict(tmp_path / "plain.pt")
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "cannot be read"), (b"PK\x03\x04 and no more", "cannot be read"), (None, "does not exist")],
)
def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "file.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SetupError, match=problem):
        read_state_dict(path)


@pytest.mark.parametrize("checkpoint", [{"epoch": 3}, [1, 2], {"model": {"epoch": 1}}, {}])
def test_a_checkpoint_without_tensors_is_refused(tmp_path: Path, checkpoint: object) -> None:
    torch.save(checkpoint, tmp_path / "empty.pt")
    with pytest.raises(SetupError, match="holds no state dict"):
        read_state_dict(tmp_path / "empty.pt")


def test_wrong_names_list_the_choices(released: dict[str, Tensor], tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="choose one of cityscapes"):
        imported(released, tmp_path, "--classes", "kitti")
    densenet = [str(tmp_path / "checkpoint.pt"), "--architecture", "ladder_lite0", "--imagenet"]
    with pytest.raises(SetupError, match="trunk of ldn121"):
        main([*densenet, "--out", str(tmp_path / "x.safetensors")])


@pytest.mark.parametrize("prefix", ["module.module.", "_orig_mod.", "_orig_mod.module.", "model.", "net._orig_mod."])
def test_names_of_wrappers_are_taken_off_however_often(prefix: str) -> None:
    tensors = {f"{prefix}model.weight": torch.zeros(1), f"{prefix}bias": torch.zeros(1)}
    assert unwrapped(tensors, ["model.weight", "bias"]).keys() == {"model.weight", "bias"}


def test_prefixes_in_safetensors_are_taken_off_too(released: dict[str, Tensor], tmp_path: Path) -> None:
    path, out = tmp_path / "wrapped.safetensors", tmp_path / "out.safetensors"
    save_file({f"module.module.{name}": value.clone() for name, value in released.items()}, path)
    main([str(path), "--architecture", "ldn121", "--out", str(out)])
    assert torch.equal(load_weights(out)[0].state_dict()["logits.conv.weight"], released["logits.conv.weight"])


def test_prefixes_that_nobody_knows_are_named(released: dict[str, Tensor], tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"'student\.\S+' is unknown"):
        imported({f"student.{name}": value for name, value in released.items()}, tmp_path)


def test_two_tensors_for_one_name_are_reported_and_none_is_chosen(released: dict[str, Tensor], tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"1 tensors differ: 'model\.logits\.conv\.bias' is unknown"):
        imported({**released, "model.logits.conv.bias": torch.ones(19)}, tmp_path)


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_a_git_lfs_pointer_is_called_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 83000000\n")
    for read in (read_state_dict, load_weights, load_flow):
        with pytest.raises(SetupError, match=f"{name} is a Git LFS pointer.*git lfs pull"):
            read(tmp_path / name)


def test_no_advice_of_torch_to_load_without_protection_is_passed_on(tmp_path: Path) -> None:
    whole, script = tmp_path / "whole.pt", tmp_path / "script.pt"
    torch.save(torch.nn.Linear(2, 2), whole)
    torch.jit.script(torch.nn.Linear(2, 2)).save(script)
    for path in (whole, script):
        with pytest.raises(SetupError, match="state_dict alone") as raised:
            read_state_dict(path)
        assert not re.search(r"weights_only|trust|\x1b|\n", str(raised.value)), raised.value
    with pytest.raises(SetupError, match=r"torch\.nn\.modules\.linear\.Linear for one"):
        read_state_dict(whole)


def test_a_tensor_that_claims_more_than_memory_is_refused_by_its_shape(
    released: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number, read again and again: 40 GB for whoever looks at each."""
    claimed = torch.zeros(1).expand(100_000, 100_000)
    looked_at: list[int] = []
    isfinite = torch.isfinite
    monkeypatch.setattr(torch, "isfinite", lambda value: looked_at.append(value.numel()) or isfinite(value))
    with pytest.raises(SetupError, match=r"'logits\.conv\.weight' is 100000x100000 where"):
        imported({**released, "logits.conv.weight": claimed}, tmp_path)
    assert max(looked_at) < 10**8


def test_tensors_that_are_no_plain_numbers_are_refused(released: dict[str, Tensor], tmp_path: Path) -> None:
    for odd in (released["logits.conv.weight"].to_sparse(), released["logits.conv.weight"].to(torch.complex64)):
        with pytest.raises(SetupError, match=r"'logits\.conv\.weight' is sparse, quantised, or of odd numbers"):
            imported({**released, "logits.conv.weight": odd}, tmp_path)


def test_a_checkpoint_that_unpacks_to_more_than_it_has_is_not_opened(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.pt", tmp_path / "packed.pt"
    torch.save({"a": torch.zeros(100_000)}, plain)
    with zipfile.ZipFile(plain) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as small:
        for name in archive.namelist():
            small.writestr(name, archive.read(name))
    assert packed.stat().st_size < plain.stat().st_size / 50
    with pytest.raises(SetupError, match=r"an archive of \d+ bytes that unpacks to 40\d+\); copy it anew"):
        read_state_dict(packed)
    assert read_state_dict(plain).keys() == {"a"}
