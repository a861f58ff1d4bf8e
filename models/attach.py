"""The hybrid head on any segmenter: `attach(model, classifier="decode_head.classifier")`.

The dataset head reads what the last classifier reads. Both answers are taken where the classifier gives its own, before
whatever the model does with it afterwards: upsampling, a dictionary, an output class.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.hybrid_head import dataset_head

SEGMENTER = "segmenter."
"""Before the names of the tensors of the model that got the head."""


class HybridSegmenter(nn.Module):
    """A segmenter of any make, as the training and the engine here want one.

    Its weights are those of the model, under `segmenter.`, and of the dataset head, `logits_ood.`, as everywhere here.
    """

    def __init__(
        self,
        segmenter: nn.Module,
        classifier: str,
        classes: int,
        channels: int,
        mean: Tensor,
        deviation: Tensor,
        align_corners: bool,
    ) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.classifier, self.classes = classifier, classes
        self.class_convolution = f"{SEGMENTER}{classifier}"
        self.align_corners = align_corners
        self.logits_ood = dataset_head(channels)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("deviation", deviation, persistent=False)
        self.normalisation = (
            f"inside the model: mean {mean.flatten().tolist()}, deviation {deviation.flatten().tolist()}"
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) RGB in [0, 1] → logits (B, K, h, w) and dataset logits (B, 2, h, w), at the classifier's stride.

        Raises:
            SetupError: the classifier was not called exactly once, or not with features of shape (B, C, h, w).
        """
        seen: list[tuple[Tensor, Tensor]] = []

        def catch(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Tensor) -> Tensor:
            seen.append(([*inputs, *named.values()][0], output))
            return output.clone()  # the model may go on to change its own in place

        # a hook of this call alone: nothing is kept between calls, and calls within calls do not meet
        handle = self.segmenter.get_submodule(self.classifier).register_forward_hook(catch, with_kwargs=True)
        try:
            self.segmenter((images - self.mean) / self.deviation)  # type: ignore[operator]
        finally:
            handle.remove()
        if len(seen) != 1:
            raise SetupError(
                f"classifier '{self.classifier}' is called {len(seen)} times in one pass; name one that is once"
            )
        features, logits = seen[0]
        if features.ndim != 4 or logits.ndim != 4:
            raise SetupError(
                f"classifier '{self.classifier}' turns {tuple(features.shape)} into {tuple(logits.shape)}; name the "
                "convolution that turns (B, C, h, w) into (B, K, h, w)"
            )
        return logits, self.logits_ood(features)

    def trunk_parameters(self) -> list[nn.Parameter]:
        """All that was there before: recipes train it with a smaller learning rate."""
        own = set(self.segmenter.get_submodule(self.classifier).parameters())
        return [parameter for parameter in self.segmenter.parameters() if parameter not in own]

    def early_layers(self) -> list[nn.Module]:
        """None is known; a recipe's `freeze_early` changes nothing."""
        return []

    @property
    def stride(self) -> int:
        """Of the logits, as a picture of 256×256 shows it."""
        modes = {module: module.training for module in self.modules()}
        parameter = next(self.parameters())
        with torch.no_grad():
            logits, _ = self.eval()(torch.zeros(1, 3, 256, 256, device=parameter.device, dtype=parameter.dtype))
        for module, training in modes.items():
            module.training = training
        return round(256 / logits.shape[2])


def attach(
    model: nn.Module,
    classifier: str,
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0),
    align_corners: bool = False,
) -> HybridSegmenter:
    """Gives a segmenter the dataset head (DenseHybrid, Fig. 2).

    Args:
        model: takes (B, 3, H, W); what it returns does not matter.
        classifier: dotted path of its last convolution, the one whose output channels are the classes.
        mean, deviation: the normalisation that the model wants of RGB in [0, 1].
        align_corners: how the model upsamples its logits.

    Returns:
        a segmenter that takes RGB in [0, 1] and shares the weights of `model`.

    Raises:
        SetupError: no such module, or one that is no convolution.
    """
    modules = dict(model.named_modules())
    if classifier not in modules:
        convolutions = [name for name, module in modules.items() if isinstance(module, nn.Conv2d)]
        similar = get_close_matches(classifier, convolutions, 3, 0.3) or convolutions[-3:]
        raise SetupError(
            f"the model has no module '{classifier}'; its convolutions are {', '.join(similar)}, and others"
        )
    last = modules[classifier]
    if not isinstance(last, nn.Conv2d):
        inside = [name for name, module in last.named_modules() if isinstance(module, nn.Conv2d)]
        hint = f"; name its convolution, '{classifier}.{inside[-1]}'" if inside else ""
        raise SetupError(f"'{classifier}' is a {type(last).__name__} and no convolution{hint}")
    if not 2 <= last.out_channels <= 254:
        raise SetupError(f"'{classifier}' has {last.out_channels} output channels; 2 to 254 classes are possible")
    shape = (1, 3, 1, 1)
    return HybridSegmenter(
        model,
        classifier,
        last.out_channels,
        last.in_channels,
        torch.tensor(mean).view(shape),
        torch.tensor(deviation).view(shape),
        align_corners,
    )
