"""How a network samples a picture: two properties that may stand in its class, and what holds where they do not."""

from __future__ import annotations

from torch import nn


def size_multiple(network: nn.Module) -> int:
    """Heights and widths, px, of which it keeps all its levels aligned: `size_multiple`, else 32."""
    return getattr(network, "size_multiple", 32)


def aligns_corners(network: nn.Module) -> bool:
    """Whether its logits lie on the corner pixels of the picture, as its training had it: `align_corners`, else False.

    Else a logit lies in the middle of the pixels that it stands for.
    """
    return getattr(network, "align_corners", False)
