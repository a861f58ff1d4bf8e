"""densehybrid import-weights FILE.pt --architecture NAME --classes TAXONOMY --out OUT.safetensors

Turns a published checkpoint into a weights file of this project: a plain state dict, or one under "model" or
"state_dict", with or without "module.", "_orig_mod.", "model." or "net." before its keys. The
classes are those of a taxonomy (cityscapes,
streethazards, camvid). FILE can be a .safetensors, too. A checkpoint without the dataset head is taken with
--dataset-head fresh: to be trained then. A network of another package (docs/training.md) so takes the checkpoint of the
model that it gave the head to. ImageNet weights of DenseNet-121 (torchvision's, or the older dotted names) become a
start for ldn121 with --imagenet. Nothing in the file is executed. The threshold is 0: `densehybrid export` calibrates
it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.models import MODELS, build_model
from densehybrid_ros.models.attach import SEGMENTER, HybridSegmenter
from densehybrid_ros.models.checkpoint import WeightsInfo, save_weights
from densehybrid_ros.models.tensor_files import is_plain, read_pickled, read_safetensors, unwrapped
from densehybrid_ros.taxonomies import TAXONOMIES

NESTED_UNDER = ("model", "state_dict", "model_state_dict", "net")
DATASET_HEAD = "logits_ood."
WRAPPED, PERHAPS_WRAPPED = re.compile(r"^((module|_orig_mod)\.)+"), re.compile(r"^((module|_orig_mod|model|net)\.)+")
"""Names of wrappers, and with those that networks have for parts of theirs, too."""
OLD_DENSENET = re.compile(r"(denselayer\d+)\.(norm|relu|conv)\.(\d)\.")
"""Keys of torchvision's older DenseNets: denselayer1.norm.1.weight is denselayer1.norm1.weight now."""
INERT: list[Any] = [
    argparse.Namespace,
    np.dtype,
    *(type(np.dtype(name)) for name in ("float64", "float32", "int64", "int32", "bool")),
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
]
"""What checkpoints hold beside tensors, options and figures: reading it runs nothing."""
NO_TRUNK = ("classifier.", "features.norm5.")
"""What LDN's trunk leaves out of DenseNet-121."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid import-weights", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="a checkpoint of torch.save, or a .safetensors")
    parser.add_argument("--architecture", required=True, help=", ".join(MODELS))
    parser.add_argument("--classes", default="cityscapes", help=", ".join(TAXONOMIES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dataset-head", choices=["stored", "fresh"], default="stored")
    parser.add_argument("--imagenet", action="store_true", help="FILE holds ImageNet's DenseNet-121: import its trunk")
    parser.add_argument("--training-data", default="", help="what the weights were trained on, for the record")
    parser.add_argument("--licence", default="", help="under which terms they may be used")
    arguments = parser.parse_args(argv)
    tensors = read_state_dict(arguments.file)
    taxonomy = chosen("taxonomy", arguments.classes, TAXONOMIES)
    model = build_model(arguments.architecture, len(taxonomy.classes))
    if arguments.imagenet:
        load_densenet_trunk(model, arguments.architecture, tensors, arguments.file)
    else:
        tensors = with_attached_names(model, tensors)
        load_strictly(model, tensors, arguments.file, arguments.dataset_head == "fresh")
    info = WeightsInfo(
        architecture=arguments.architecture,
        classes=taxonomy.classes,
        palette=taxonomy.palette,
        normalisation=str(model.normalisation),
        inference_width=0,
        threshold=0.0,
        training_data=arguments.training_data,
        licence=arguments.licence,
        recipe=f"imported from {arguments.file.name}",
    )
    save_weights(arguments.out, model, info, half=False)
    print(
        f"{arguments.out}: {arguments.architecture} with {len(taxonomy.classes)} classes, {len(tensors)} tensors read"
    )


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint, wherever they are nested, without the names of wrappers that no network has.

    Raises:
        SetupError: no such file, not one of torch.save, with more in it than tensors and plain values, or no state
            dict.
    """
    if path.suffix == ".safetensors":
        content: Any = read_safetensors(path, "checkpoint")[1]
    else:
        content = read_pickled(path, "checkpoint", INERT)
    for name in NESTED_UNDER:
        if isinstance(content, Mapping) and name in content:
            content = content[name]
    if not isinstance(content, Mapping) or not content or not any(isinstance(v, Tensor) for v in content.values()):
        raise SetupError(f"checkpoint {path} holds no state dict, plain or under {', '.join(NESTED_UNDER)}")
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    return unwrapped(tensors, {WRAPPED.sub("", name) for name in tensors})


def with_attached_names(model: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by their names in `model`: those of the segmenter alone, where `attach` has given it the head."""
    if not isinstance(model, HybridSegmenter) or any(name.startswith(SEGMENTER) for name in tensors):
        return tensors
    inner = [name.removeprefix(SEGMENTER) for name in model.state_dict()]
    return {SEGMENTER + name: value for name, value in unwrapped(tensors, inner).items()}


def load_strictly(model: nn.Module, tensors: Mapping[str, Tensor], path: Path, fresh_dataset_head: bool) -> None:
    """Loads all tensors into the model, in place; with `fresh_dataset_head` those of the dataset head stay as they are.

    Raises:
        SetupError: a key is missing, unknown, or of another shape.
    """
    expected = model.state_dict()
    found = unwrapped(tensors, expected)
    if fresh_dataset_head:
        found = {name: value for name, value in found.items() if not name.startswith(DATASET_HEAD)}
        found |= {name: value for name, value in expected.items() if name.startswith(DATASET_HEAD)}
    # checkpoints from before torch 0.4.1 do not count batches
    found |= {
        name: value for name, value in expected.items() if name.endswith("num_batches_tracked") and name not in found
    }
    # of others the size may be a claim: a few bytes stand for as many numbers as a file likes
    fitting = [name for name, value in expected.items() if name in found and found[name].shape == value.shape]
    kinds = [
        [f"'{name}' is missing" for name in expected if name not in found],
        [f"'{name}' is unknown" for name in found if name not in expected],
        [
            f"'{name}' is {_shape(found[name])} where {_shape(value)} is wanted"
            for name, value in expected.items()
            if name in found and found[name].shape != value.shape
        ],
        [f"'{name}' is sparse, quantised, or of odd numbers" for name in fitting if not is_plain(found[name])],
        [f"'{name}' is not finite" for name in fitting if is_plain(found[name]) and not _finite(found[name])],
    ]
    problems = [problem for kind in kinds for problem in kind]
    if problems:
        shown = "; ".join(problem for kind in kinds for problem in kind[:2])
        hint = ""
        if all(problem.startswith(f"'{DATASET_HEAD}") for problem in problems):
            hint = "; the dataset head is not in it: give --dataset-head fresh, and train it"
        raise SetupError(f"checkpoint {path} does not fit: {len(problems)} tensors differ: {shown}{hint}")
    model.load_state_dict({name: value.to(expected[name].dtype) for name, value in found.items()})


def load_densenet_trunk(model: nn.Module, architecture: str, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Loads ImageNet's DenseNet-121 into the trunk of ldn121, in place.

    Raises:
        SetupError: another network, or the tensors are not those of DenseNet-121.
    """
    if architecture != "ldn121":
        raise SetupError(f"ImageNet's DenseNet-121 is the trunk of ldn121, not of {architecture}")
    names = {name: PERHAPS_WRAPPED.sub("", name) for name in tensors}
    renamed = {OLD_DENSENET.sub(r"\1.\2\3.", names[name]): value for name, value in tensors.items()}
    trunk = {name: value for name, value in renamed.items() if not name.startswith(NO_TRUNK)}
    load_strictly(model.get_submodule("backbone"), trunk, path, fresh_dataset_head=False)


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value).all())


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "scalar"
