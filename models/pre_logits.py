"""What lies behind the logits: the features that a network's last class convolution reads, its pre-logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from densehybrid_ros.errors import SetupError


@dataclass(frozen=True)
class Inside:
    """One pass of a network."""

    pre_logits: Tensor
    """(B, C, h, w), what the class convolution reads; of several scales, at that of the picture itself."""
    logits: Tensor
    """(B, K, h, w)."""
    dataset_logits: Tensor
    """(B, 2, h, w)."""


def class_convolution(network: nn.Module) -> nn.Module:
    """Turns pre-logits into logits, (B, C, h, w) → (B, K, h, w); its path is the network's `class_convolution`.

    Raises:
        SetupError: the network does not name it.
    """
    path = getattr(network, "class_convolution", None)
    if path is None:
        raise SetupError(
            f"network {type(network).__name__} does not name its last convolution; let it have class_convolution, "
            "the dotted path to it, or make it by densehybrid_ros.attach"
        )
    return network.get_submodule(path)


def look_inside(network: nn.Module, images: Tensor) -> Inside:
    """One pass; `images` (B, 3, H, W) RGB in [0, 1].

    Raises:
        SetupError: as `class_convolution`.
    """
    read: list[Tensor] = []

    def catch(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        read.append([*inputs, *named.values()][0])

    handle = class_convolution(network).register_forward_pre_hook(catch, with_kwargs=True)
    try:
        logits, dataset_logits = network(images)
    finally:
        handle.remove()
    return Inside(read[0], logits, dataset_logits)
