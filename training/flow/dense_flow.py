"""DenseFlow: exact changes of variables from images, and noise, to standard normal latents, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densehybrid_ros.training.flow.config import FlowConfig
from densehybrid_ros.training.flow.steps import (
    ActivationNorm,
    AffineCoupling,
    InvertibleConvolution,
    shift_and_scale,
)

LEVELS = 256
"""Of an 8-bit channel."""


class Unit(nn.Module):
    """Glow-like steps, one after the other."""

    def __init__(self, channels: int, steps: int, config: FlowConfig) -> None:
        super().__init__()
        self.parts = nn.ModuleList()
        for _ in range(steps):
            self.parts += [ActivationNorm(channels), InvertibleConvolution(channels), AffineCoupling(channels, config)]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_det = x.new_zeros(len(x))
        for part in self.parts:
            x, change = part(x)
            log_det = log_det + change
        return x, log_det

    def inverse(self, z: Tensor) -> Tensor:
        for part in reversed(self.parts):
            z = part.inverse(z)  # type: ignore[operator]
        return z


class CrossUnitCoupling(nn.Module):
    """New channels between two units: noise, moved and scaled by what entered all earlier units of the block."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(channels, 4 * growth, 3, padding=1), nn.SiLU(), nn.Conv2d(4 * growth, 2 * growth, 1)
        )
        for parameter in self.network[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, earlier: Sequence[Tensor], noise: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = shift_and_scale(self.network(torch.cat(list(earlier), 1)))
        return noise * log_scale.exp() + shift, log_scale.sum((1, 2, 3))


class DenseBlock(nn.Module):
    """Units that see more channels one after the other: (B, C, h, w) → (B, C + (units − 1)·growth, h, w)."""

    def __init__(self, channels: int, units: int, steps: int, config: FlowConfig) -> None:
        super().__init__()
        self.growth = config.growth if units > 1 else 0
        widths = [channels + index * self.growth for index in range(units)]
        self.units = nn.ModuleList(Unit(width, steps, config) for width in widths)
        entering = range(1, units if self.growth else 1)
        self.couplings = nn.ModuleList(CrossUnitCoupling(sum(widths[:index]), self.growth) for index in entering)
        self.channels_out = widths[-1]

    @property
    def noise_channels(self) -> int:
        return self.growth * len(self.couplings)

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """
        Args:
            noise: (B, noise_channels, h, w), standard normal.
        """
        entered: list[Tensor] = []
        log_det = x.new_zeros(len(x))
        shares = noise.split(self.growth, 1) if self.growth else ()
        for index, unit in enumerate(self.units):
            if index and self.growth:
                added, change = self.couplings[index - 1](entered, shares[index - 1])
                x, log_det = torch.cat([x, added], 1), log_det + change
            entered.append(x)
            x, change = unit(x)
            log_det = log_det + change
        return x, log_det

    def inverse(self, z: Tensor) -> Tensor:
        """What entered; the noise is left out on the way."""
        for index in reversed(range(len(self.units))):
            z = self.units[index].inverse(z)  # type: ignore[operator]
            if index and self.growth:
                z = z[:, : -self.growth]
        return z


class DenseFlow(nn.Module):
    """A density over 8-bit RGB images of any size whose sides are multiples of `config.stride`.

    Between two blocks half of the channels leave the flow as latents.
    """

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList()
        channels = 3
        for units, steps in zip(config.units, config.steps, strict=True):
            block = DenseBlock(4 * channels, units, steps, config)
            self.blocks.append(block)
            channels = block.channels_out - block.channels_out // 2

    def forward(self, x: Tensor, noise: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """The change of variables.

        Args:
            x: (B, 3, H, W) images within ±0.5.
            noise: as `draw_noise` gives it.

        Returns:
            latents, as many values as x and the noise have; and (B,) log|det| of their derivatives by x and the noise.
        """
        latents: list[Tensor] = []
        log_det = x.new_zeros(len(x))
        for block, added in zip(self.blocks, noise, strict=True):
            x, change = block(F.pixel_unshuffle(x, 2), added)
            log_det = log_det + change
            if block is not self.blocks[-1]:
                leaving = x.shape[1] // 2
                latents.append(x[:, -leaving:])
                x = x[:, :-leaving]
        return [*latents, x], log_det

    def inverse(self, latents: Sequence[Tensor]) -> Tensor:
        """The images, (B, 3, H, W) within about ±0.5, with gradients to latents and parameters."""
        x = latents[-1]
        for index in reversed(range(len(self.blocks))):
            x = F.pixel_shuffle(self.blocks[index].inverse(x), 2)  # type: ignore[operator]
            if index:
                x = torch.cat([x, latents[index - 1]], 1)
        return x

    def latent_shapes(self, size: tuple[int, int]) -> list[tuple[int, int, int]]:
        """(C, h, w) of all latents of an image of `size` (H, W)."""
        self._check(size)
        shapes: list[tuple[int, int, int]] = []
        for index, block in enumerate(self.blocks):
            place = (size[0] >> (index + 1), size[1] >> (index + 1))
            channels: int = block.channels_out  # type: ignore[assignment]
            shapes.append((channels if block is self.blocks[-1] else channels // 2, *place))
        return shapes

    def draw_noise(self, count: int, size: tuple[int, int], generator: torch.Generator | None = None) -> list[Tensor]:
        """Standard normal values for the cross-unit couplings of `count` images of `size` (H, W)."""
        channels: list[int] = [block.noise_channels for block in self.blocks]  # type: ignore[misc]
        shapes = [(each, size[0] >> (index + 1), size[1] >> (index + 1)) for index, each in enumerate(channels)]
        return self._normal(count, shapes, generator)

    def log_likelihood(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """ln P of 8-bit images, in nats: a lower bound, by one draw of the dequantisation and of the noise.

        Without cross-unit coupling (growth 0) the density of the dequantised image is exact; with it, it is bounded
        through the noise that was drawn (DenseFlow, eq. 6–9).

        Args:
            images: (B, 3, H, W) in [0, 1].

        Returns:
            (B,)
        """
        size = (images.shape[2], images.shape[3])
        self._check(size)
        uniform = torch.rand(images.shape, generator=generator, device=images.device)
        x = ((images * (LEVELS - 1)).round() + uniform) / LEVELS - 0.5
        noise = self.draw_noise(len(images), size, generator)
        latents, log_det = self(x, noise)
        scaling = images[0].numel() * math.log(LEVELS)
        return normal_log_density(latents) + log_det - normal_log_density(noise) - scaling

    def sample(self, count: int, size: tuple[int, int], generator: torch.Generator | None = None) -> Tensor:
        """(count, 3, H, W) in [0, 1], with gradients to the parameters: nothing is rounded to 8 bits.

        Raises:
            ValueError: a side that is no multiple of the stride.
        """
        latents = self._normal(count, self.latent_shapes(size), generator)
        # the inverse of x = (v + u)/256 − 0.5 at the middle of u; clipped values keep a gradient of 0
        return ((self.inverse(latents) + 0.5) * LEVELS - 0.5).div(LEVELS - 1).clamp(0, 1)

    def _normal(
        self, count: int, shapes: Sequence[tuple[int, int, int]], generator: torch.Generator | None
    ) -> list[Tensor]:
        device = next(self.parameters()).device
        return [torch.randn((count, *shape), generator=generator, device=device) for shape in shapes]

    def _check(self, size: tuple[int, int]) -> None:
        if any(side < self.config.stride or side % self.config.stride for side in size):
            raise ValueError(f"images of {size[1]}x{size[0]} cannot be divided by {self.config.stride}")


def normal_log_density(parts: Sequence[Tensor]) -> Tensor:
    """ln N(0, 1) of all values of each image: (B, …) parts → (B,)."""
    return sum(
        (-0.5 * (part**2 + math.log(2 * math.pi)).flatten(1).sum(1) for part in parts[1:]),
        start=-0.5 * (parts[0] ** 2 + math.log(2 * math.pi)).flatten(1).sum(1),
    )


def bits_per_dimension(log_likelihood: Tensor, size: tuple[int, int]) -> Tensor:
    """Nats of RGB images of `size` (H, W) → bits per channel of a pixel."""
    return -log_likelihood / (math.log(2) * 3 * size[0] * size[1])
