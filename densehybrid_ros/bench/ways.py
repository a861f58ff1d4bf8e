"""From a picture to maps: as public code does it, and as this package does."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.maps.choice import MapMaker
from densehybrid_ros.core.postprocess import PARTS, open_set_map
from densehybrid_ros.core.scores import SCORES, hybrid
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.core.transfers import to_cpu
from densehybrid_ros.errors import SetupError

Way = Callable[[NDArray[np.uint8]], object]
"""(H, W, 3) RGB in, maps on the CPU out."""
CLOSED_PLAIN = "closed set, plain"
PATIENCE = 600.0
"""s for an engine to be built."""


def ways(segmenter: Segmenter, model: nn.Module, fitted: Fit) -> dict[str, Way]:
    """By name; the first is what the others are compared with.

    Args:
        model: the network of the segmenter, as it was loaded, on its device; fp32.
    """
    threshold = segmenter.info.threshold

    def logits_of(image: NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = torch.from_numpy(fitted.to_network(image)).to(segmenter.device)
        logits, dataset_logits = model(pixels.permute(2, 0, 1)[None].float().contiguous() / 255)
        return logits, dataset_logits

    def enlarged(logits: torch.Tensor) -> torch.Tensor:
        return F.interpolate(logits, fitted.image, mode="bilinear", align_corners=fitted.align_corners)

    @torch.inference_mode()
    def closed_plain(image: NDArray[np.uint8]) -> object:
        return enlarged(logits_of(image)[0]).argmax(1).cpu().numpy()

    @torch.inference_mode()
    def open_plain(image: NDArray[np.uint8]) -> object:
        logits, dataset_logits = map(enlarged, logits_of(image))
        semantic, score = logits.argmax(1).to(torch.uint8), hybrid(logits, dataset_logits)
        unknown_too = open_set_map(semantic, score, threshold, segmenter.classes)
        return [each.cpu().numpy() for each in (semantic, score, unknown_too)]

    return {
        CLOSED_PLAIN: closed_plain,
        "open set, plain": open_plain,
        "closed set": lambda image: segmenter.batch([image], threshold, parts={"semantic"}),
        "open set": open_set(segmenter),
    }


@torch.inference_mode()
def postprocessing(model: nn.Module, segmenter: Segmenter, fitted: Fit) -> dict[str, Callable[[], object]]:
    """From the same logits to maps on the CPU: classes, and with the score; as the node does, and plain.

    Args:
        model: the network of the segmenter, on its device.
    """
    noise = torch.rand(1, 3, *fitted.run, generator=torch.Generator().manual_seed(0))
    logits, dataset_logits = model(noise.to(segmenter.device))
    given = (logits, dataset_logits, fitted, SCORES["hybrid"], 0.0)
    maker = MapMaker()

    def ours(parts: set[str]) -> object:
        maps = maker(*given, parts)
        return to_cpu((maps.semantic, maps.score))

    def plain(score_too: bool) -> object:
        enlarged = fitted.to_image(logits)
        found = [enlarged.argmax(1).to(torch.uint8)]
        if score_too:
            found.append(hybrid(enlarged, fitted.to_image(dataset_logits)))
        return [each.cpu() for each in found]

    return {
        "classes": lambda: ours({"semantic"}),
        "classes and score": lambda: ours({"semantic", "score"}),
        "classes_plain": lambda: plain(False),
        "classes and score_plain": lambda: plain(True),
    }


def open_set(segmenter: Segmenter) -> Way:
    """As the node computes it, by the engine of the segmenter."""
    return lambda image: segmenter.batch([image], segmenter.info.threshold, parts=PARTS)


def wait_for_engine(segmenter: Segmenter, image: NDArray[np.uint8], name: str) -> None:
    """Returns when the engine of that name answers pictures of that size.

    Raises:
        SetupError: it cannot be had.
    """
    end = time.monotonic() + PATIENCE
    while segmenter.engine != name:
        if segmenter.engine.startswith("torch: ") or time.monotonic() > end:
            raise SetupError(f"no engine {name}: {segmenter.engine}")
        if not segmenter.engine.startswith("torch, "):
            segmenter.batch([image])
        time.sleep(0.05)
