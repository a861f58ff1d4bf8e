"""Network definitions and weights."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.deeplab_wide_resnet import DeepLabWideResNet
from densehybrid_ros.models.installed import build_installed, installed_networks
from densehybrid_ros.models.ladder_densenet import LadderDenseNet
from densehybrid_ros.models.ladder_lite import ladder_lite0, ladder_lite2

MODELS: dict[str, Callable[[int], nn.Module]] = {
    "ldn121": LadderDenseNet,
    "ladder_lite0": ladder_lite0,
    "ladder_lite2": ladder_lite2,
    "deeplabv3plus_wrn38": DeepLabWideResNet,
}
"""Our own; other packages bring more, see `installed`."""


def build_model(name: str, classes: int) -> nn.Module:
    """A network with fresh weights; its forward takes (B, 3, H, W) RGB in [0, 1].

    It returns `(logits, dataset_logits)` at the network's own stride: (B, K, h, w) and (B, 2, h, w).

    Raises:
        SetupError: no such network, here or in an installed package; or K outside 2..254 (254 leaves room for
            "unknown" = K below 255 = ignore).
    """
    if not 2 <= classes <= 254:
        raise SetupError(f"a model with {classes} classes was asked for; 2 to 254 are possible")
    if name in MODELS:
        return MODELS[name](classes)
    installed = installed_networks()
    if name in installed:
        return build_installed(installed[name], classes)
    raise SetupError(f"model '{name}' is unknown; choose one of {', '.join([*MODELS, *installed])}")
