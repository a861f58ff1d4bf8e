"""ODIN (Liang et al., 2018): the greatest tempered posterior after a small step of the input that raises it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from densehybrid_ros.core.seen_image import SeenImage


def odin(seen: SeenImage, temperature: float, step: float) -> Tensor:
    """−max_k softmax_k(s(x̃)/T), in [−1, −1/K], with x̃ = x − ε·sign(−∇ₓ ln S(x)) (eq. 1, 2); (1, H, W).

    A picture has many answers: ln S is summed over all cells of the logits.

    Args:
        temperature: T.
        step: ε, of RGB in [0, 1]; x̃ may leave that range.
    """
    pixels = perturbed(seen, temperature, step) if step else seen.pixels
    return seen.of_logits(seen.network(pixels)[0], lambda logits: -(logits / temperature).softmax(1).amax(1))


def perturbed(seen: SeenImage, temperature: float, step: float) -> Tensor:
    """x̃, (1, 3, H, W)."""
    with torch.enable_grad(), little_kept(seen.network):
        pixels = seen.pixels.detach().clone().requires_grad_()
        confidence = (seen.network(pixels)[0] / temperature).log_softmax(1).amax(1).sum()
        (gradient,) = torch.autograd.grad(confidence, pixels)
    return seen.pixels + step * gradient.sign()


@contextmanager
def little_kept(network: nn.Module) -> Iterator[None]:
    """A pass keeps the inputs of blocks alone for the gradient of its input, and computes what is inside them anew.

    A block is a module all of whose children are layers. Weights have no gradient, for which layers would keep inputs.
    """
    needed = [weights for weights in network.parameters() if weights.requires_grad]
    blocks = [each for each in network.modules() if _is_block(each) and "forward" not in vars(each)]
    try:
        for weights in needed:
            weights.requires_grad_(False)
        for block in blocks:
            again = partial(checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False)
            block.forward = again  # type: ignore[method-assign] - of this instance alone, until the block ends
        yield
    finally:
        for block in blocks:
            vars(block).pop("forward", None)
        for weights in needed:
            weights.requires_grad_(True)


def _is_block(module: nn.Module) -> bool:
    children = list(module.children())
    return len(children) > 1 and not any(list(each.children()) for each in children)
