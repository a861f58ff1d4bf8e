"""The shapes of DenseFlow that have a name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FlowConfig:
    """DenseFlow (Grcić et al., "Densely connected normalizing flows"): blocks of units of invertible steps.

    All tuples have one entry per block. Each block halves the resolution: with three of them an image of side s has its
    last latents at s/8.
    """

    units: tuple[int, ...]
    steps: tuple[int, ...]
    """Steps of each unit: activation norm, invertible 1×1 convolution, affine coupling."""
    growth: int
    """Noise channels that enter between two units (cross-unit coupling); 0 = none."""
    hidden: int
    """Channels inside the coupling networks."""
    depth: int = 7
    """Layers of their dense block."""
    layer_growth: int = 64
    """Channels that each of them adds."""
    landmarks: int = 32
    """Of the Nyström attention; 0 = no attention."""

    @property
    def stride(self) -> int:
        """Sides of images must be multiples of it."""
        return 2 ** len(self.units)


FLOWS: dict[str, FlowConfig] = {
    # the paper gives 45 steps and growth 6; how they are spread over the blocks is our choice
    "denseflow-45-6": FlowConfig(units=(5, 3, 1), steps=(3, 5, 15), growth=6, hidden=48),
    "denseflow-25-6": FlowConfig(units=(3, 2, 1), steps=(3, 4, 8), growth=6, hidden=32),
    "small": FlowConfig(units=(2, 2, 1), steps=(2, 2, 3), growth=4, hidden=24, depth=3, layer_growth=16, landmarks=16),
}
