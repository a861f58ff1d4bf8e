"""Muon: momentum, made orthogonal, as the step of weight matrices (Jordan et al., 2024); the other weights by AdamW.

All directions of a matrix move alike, where Adam follows those few that dominate its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

import torch
from torch import Tensor, nn
from torch.optim import AdamW

MOMENTUM = 0.95
ITERATIONS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of x, x³ and x⁵ that bring singular values near 1 within five iterations."""
LIKE_ADAM = 0.2
"""Root mean square of AdamW's steps in learning rates, to which those of matrices are scaled (Liu et al., 2025)."""
MATRICES = "matrices"
"""Key of a group of parameters that holds weight matrices."""
Loss = TypeVar("Loss")


class Muon(AdamW):
    """AdamW, but for the groups marked by `MATRICES`; learning rate and weight decay mean the same in both."""

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], Loss]) -> Loss: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step, after `closure`, whose value it returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        done: list[tuple[nn.Parameter, Tensor]] = []
        for group in self.param_groups:
            for weight in group["params"] if group.get(MATRICES) else ():
                if weight.grad is not None:
                    self._step_matrix(weight, group["lr"], group["weight_decay"])
                    done.append((weight, weight.grad))
                    weight.grad = None  # so that AdamW leaves it alone
        super().step()
        for weight, gradient in done:
            weight.grad = gradient
        return loss

    def _step_matrix(self, weight: nn.Parameter, rate: float, decay: float) -> None:
        gradient, state = weight.grad, self.state[weight]
        assert gradient is not None
        if not state:
            state["step"] = torch.tensor(0.0)  # AdamW looks for it in what is loaded
            state["momentum"] = torch.zeros_like(gradient)
        state["step"] += 1
        momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        ahead = gradient.lerp(momentum, MOMENTUM)  # Nesterov's
        direction = orthogonalised(ahead.flatten(1))
        weight.mul_(1 - rate * decay)
        scale = LIKE_ADAM * max(direction.shape) ** 0.5
        weight.add_(direction.reshape(weight.shape), alpha=-rate * scale)


def orthogonalised(matrix: Tensor) -> Tensor:
    """About U Vᵀ of a matrix U S Vᵀ, by Newton and Schulz's iteration in bf16; singular values come to 0.7 to 1.2."""
    linear, cubic, quintic = QUINTIC
    wide = matrix.shape[0] <= matrix.shape[1]
    x = (matrix if wide else matrix.T).bfloat16()
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=cubic, alpha=quintic), x, beta=linear)
    return (x if wide else x.T).to(matrix.dtype)


def matrix_weights(model: nn.Module) -> list[Tensor]:
    """Weights of the full convolutions and linear layers inside a network.

    Not those with a bias, which no normalisation follows: most end in logits. Depthwise ones are no matrices.
    """
    convolutions = (each for each in model.modules() if isinstance(each, nn.Conv2d) and each.groups == 1)
    linear = (each for each in model.modules() if isinstance(each, nn.Linear))
    return [each.weight for each in (*convolutions, *linear) if each.bias is None]


def with_matrices_apart(group: Mapping[str, Any], model: nn.Module) -> list[dict[str, Any]]:
    """A group of parameters as two: the weight matrices of `model` among them, marked, and the others."""
    matrices = {id(weight) for weight in matrix_weights(model)}
    return [
        {**group, "params": [each for each in group["params"] if (id(each) in matrices) is wanted], MATRICES: wanted}
        for wanted in (True, False)
    ]
