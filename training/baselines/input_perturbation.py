"""ODIN (Liang et al., 2018): the greatest tempered posterior after a small step of the input that raises it."""

from __future__ import annotations

import torch
from torch import Tensor

from densehybrid_ros.core.seen_image import SeenImage


def odin(seen: SeenImage, temperature: float, step: float) -> Tensor:
    """−max_k softmax_k(s(x̃)/T), in [−1, −1/K], with x̃ = x − ε·sign(−∇ₓ ln S(x)) (eq. 1, 2); (1, H, W).

    A picture has many answers: ln S is summed over all cells of the logits.

    Args:
        temperature: T.
        step: ε, of RGB in [0, 1]; x̃ may leave that range.
    """
    pixels = perturbed(seen, temperature, step) if step else seen.pixels
    logits = seen.fitted.to_image(seen.network(pixels)[0])
    return -(logits / temperature).softmax(1).amax(1)


def perturbed(seen: SeenImage, temperature: float, step: float) -> Tensor:
    """x̃, (1, 3, H, W)."""
    with torch.enable_grad():
        pixels = seen.pixels.detach().clone().requires_grad_()
        confidence = (seen.network(pixels)[0] / temperature).log_softmax(1).amax(1).sum()
        (gradient,) = torch.autograd.grad(confidence, pixels)
    return seen.pixels + step * gradient.sign()
