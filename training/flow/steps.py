"""The invertible parts of a unit. Each has `forward(x) -> (z, log|det dz/dx|)` and `inverse(z) -> x`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densehybrid_ros.training.flow.attention import NystromAttention
from densehybrid_ros.training.flow.config import FlowConfig


class ActivationNorm(nn.Module):
    """Scale and shift per channel; the first batch in training sets them so that it comes out standardised (Glow)."""

    initialised: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.register_buffer("initialised", torch.tensor(False))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.training and not self.initialised:
            self._initialise(x.detach())
        z = (x + self.shift) * self.log_scale.exp()
        return z, (self.log_scale.sum() * x.shape[2] * x.shape[3]).expand(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        return z * (-self.log_scale).exp() - self.shift

    @torch.no_grad()
    def _initialise(self, x: Tensor) -> None:
        deviation, mean = torch.std_mean(x, (0, 2, 3), keepdim=True)
        self.shift.copy_(-mean)
        self.log_scale.copy_(-(deviation + 1e-4).log())
        self.initialised.fill_(True)


class InvertibleConvolution(nn.Module):
    """A 1×1 convolution with a square matrix, a rotation at first (Glow)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linalg.qr(torch.randn(channels, channels))[0])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_det = torch.linalg.slogdet(self.weight)[1] * x.shape[2] * x.shape[3]
        return F.conv2d(x, self.weight[..., None, None]), log_det.expand(len(x))

    def inverse(self, z: Tensor) -> Tensor:
        return F.conv2d(z, torch.linalg.inv(self.weight)[..., None, None])


class CouplingNetwork(nn.Module):
    """What one half of the channels tells about the other: a dense block fused with attention; says 0 at first."""

    def __init__(self, channels_in: int, channels_out: int, config: FlowConfig) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, config.hidden, 3, padding=1)
        self.layers = nn.ModuleList()
        width = config.hidden
        for _ in range(config.depth):
            self.layers.append(
                nn.Sequential(
                    nn.Conv2d(width, config.hidden, 1),
                    nn.SiLU(),
                    nn.Conv2d(config.hidden, config.layer_growth, 3, padding=1),
                    nn.SiLU(),
                )
            )
            width += config.layer_growth
        self.attention = NystromAttention(config.hidden, config.landmarks) if config.landmarks else None
        self.last = nn.Conv2d(width, channels_out, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        features = first if self.attention is None else first + self.attention(first)
        for layer in self.layers:
            features = torch.cat([features, layer(features)], 1)
        return self.last(features)


class AffineCoupling(nn.Module):
    """The second half of the channels is scaled and shifted by what the first half tells."""

    def __init__(self, channels: int, config: FlowConfig) -> None:
        super().__init__()
        self.kept = channels - channels // 2
        self.network = CouplingNetwork(self.kept, 2 * (channels // 2), config)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        kept, changed = x[:, : self.kept], x[:, self.kept :]
        shift, log_scale = shift_and_scale(self.network(kept))
        return torch.cat([kept, changed * log_scale.exp() + shift], 1), log_scale.sum((1, 2, 3))

    def inverse(self, z: Tensor) -> Tensor:
        kept, changed = z[:, : self.kept], z[:, self.kept :]
        shift, log_scale = shift_and_scale(self.network(kept))
        return torch.cat([kept, (changed - shift) * (-log_scale).exp()], 1)


def shift_and_scale(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 2C, h, w) → shift and log-scale, the latter within ±2, so that no step explodes."""
    shift, unbounded = parameters.chunk(2, 1)
    return shift, 2 * torch.tanh(unbounded / 2)
