"""Batch norm as part of the convolutions before it: for inference alone, where it is a constant scale and offset.

A module says in `folds` which of its convolutions is read by which batch norm, and by nothing else, as pairs of names.
A batch norm before a convolution stays: what it leaves is cut off at zero first, or read by others as well.
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Changes the network itself, and gives it: with other tensors, and the same answers but for rounding.

    Raises:
        ValueError: it is in training mode, in which a batch norm depends on the batch.
    """
    if network.training:
        raise ValueError("a network is folded for inference; put it into evaluation mode first")
    for module in list(network.modules()):
        for convolution, norm in getattr(module, "folds", ()):
            before: Any = module.get_submodule(convolution)
            after: Any = module.get_submodule(norm)
            _replace(module, convolution, fuse_conv_bn_eval(before, after))
            _replace(module, norm, nn.Identity())
    return network


def _replace(module: nn.Module, name: str, other: nn.Module) -> None:
    holder, _, own = name.rpartition(".")
    setattr(module.get_submodule(holder), own, other)
