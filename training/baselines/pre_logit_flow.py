"""A small normalizing flow over pre-logits, without labels: the baseline of DenseHybrid's Table 5 (bottom).

The pre-logits are whitened; then affine couplings (RealNVP, Dinh et al., 2017), with a fixed rotation before each, turn
them into standard normal latents. Couplings change nothing at first: training begins at the Gaussian of the pre-logits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from densehybrid_ros.core.seen_image import SeenImage
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.densities import whitening
from densehybrid_ros.training.baselines.known_image import PreLogitSample
from densehybrid_ros.training.flow.steps import shift_and_scale

HELD_OUT = 0.1
"""Share of the samples by which the flow is judged while it is trained."""
HIDDEN = 128
"""Features between the two layers of a coupling's network."""
BATCH, LEARNING_RATE, JUDGED_EVERY = 256, 1e-3, 100


@dataclass(frozen=True)
class PreLogitFlow:
    """Its tensors, for C channels and L couplings; `vars` of it are its statistics."""

    mean: Tensor
    """(C,)."""
    whitening: Tensor
    """(C, C), lower triangular."""
    rotations: Tensor
    """(L, C, C), orthogonal."""
    inner: Tensor
    """(L, HIDDEN, C − C//2), of the first C − C//2 channels, which a coupling keeps."""
    inner_bias: Tensor
    """(L, HIDDEN)."""
    outer: Tensor
    """(L, 2·(C//2), HIDDEN): shifts, then log-scales, of the channels that it changes."""
    outer_bias: Tensor
    """(L, 2·(C//2))."""

    def latents(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C) → latents (N, C), and ln|det| of their derivative (N,)."""
        latents = (vectors - self.mean) @ self.whitening.T
        log_det = self.whitening.diagonal().log().sum().expand(len(vectors))
        layers = zip(self.rotations, self.inner, self.inner_bias, self.outer, self.outer_bias, strict=True)
        for rotation, inner, inner_bias, outer, outer_bias in layers:
            kept, changed = (latents @ rotation.T).split([inner.shape[1], len(outer_bias) // 2], 1)
            shift, log_scale = shift_and_scale(linear(linear(kept, inner, inner_bias).relu(), outer, outer_bias))
            latents = torch.cat([kept, changed * log_scale.exp() + shift], 1)
            log_det = log_det + log_scale.sum(1)
        return latents, log_det

    def log_density(self, vectors: Tensor) -> Tensor:
        """ln p(z) = ln N(f(z); 0, 1) + ln|det ∂f/∂z|, in nats; (N, C) → (N,)."""
        latents, log_det = self.latents(vectors)
        return log_det - (latents.square().sum(1) + vectors.shape[1] * math.log(2 * math.pi)) / 2


class PreLogitFlowFit(PreLogitSample):
    """A flow over a sample."""

    def result(self) -> dict[str, Tensor]:
        """Those of a `PreLogitFlow`."""
        vectors, settings = self.vectors(), self._extent.settings
        if len(vectors) <= 2 * vectors.shape[1]:
            raise SetupError(
                f"{len(vectors)} labelled places for a flow over {vectors.shape[1]} channels; give more --pictures"
            )
        return vars(fitted_flow(vectors, settings.flow_couplings, settings.flow_steps, self._generator))


def fitted_flow(vectors: Tensor, couplings: int, steps: int, generator: torch.Generator) -> PreLogitFlow:
    """By maximum likelihood on (N, C) float32 vectors; of all that were tried, what is best on those held out."""
    shuffled = vectors[torch.randperm(len(vectors), generator=generator)]
    count = max(1, round(HELD_OUT * len(vectors)))
    held_out, training = shuffled[:count], shuffled[count:]
    flow = gaussian_flow(training, couplings, generator)
    trained = [each.requires_grad_() for each in (flow.inner, flow.inner_bias, flow.outer, flow.outer_bias)]
    optimizer = Adam(trained, LEARNING_RATE)
    schedule = CosineAnnealingLR(optimizer, steps)
    best, best_likelihood = _copied(flow), _mean_log_density(flow, held_out)
    for step in range(1, steps + 1):
        batch = training[torch.randint(len(training), (BATCH,), generator=generator)]
        loss = -flow.log_density(batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % JUDGED_EVERY == 0 or step == steps:
            likelihood = _mean_log_density(flow, held_out)
            if likelihood > best_likelihood:
                best, best_likelihood = _copied(flow), likelihood
    return best


def gaussian_flow(vectors: Tensor, couplings: int, generator: torch.Generator) -> PreLogitFlow:
    """The Gaussian of (N, C) float32 vectors, with couplings that change nothing yet."""
    channels = vectors.shape[1]
    changed = channels // 2
    exact = vectors.double()
    covariance = (exact - exact.mean(0)).T @ (exact - exact.mean(0)) / len(exact)
    directions = torch.randn(couplings, channels, channels, generator=generator)
    inner = torch.randn(couplings, HIDDEN, channels - changed, generator=generator)
    return PreLogitFlow(
        mean=exact.mean(0).float(),
        whitening=whitening(covariance[None])[0].float(),
        rotations=torch.linalg.qr(directions)[0],
        inner=inner * math.sqrt(2 / (channels - changed)),
        inner_bias=torch.zeros(couplings, HIDDEN),
        outer=torch.zeros(couplings, 2 * changed, HIDDEN),
        outer_bias=torch.zeros(couplings, 2 * changed),
    )


def flow_score(seen: SeenImage, flow: PreLogitFlow) -> Tensor:
    """−ln p(z), in nats, unbounded; (1, H, W), bilinear between cells."""
    return seen.of_cells(-flow.log_density(seen.vectors()))


def _copied(flow: PreLogitFlow) -> PreLogitFlow:
    return replace(flow, **{name: value.detach().clone() for name, value in vars(flow).items()})


@torch.no_grad()
def _mean_log_density(flow: PreLogitFlow, vectors: Tensor) -> float:
    return flow.log_density(vectors).mean().item()
