"""The segmenter node with a segmenter that fails: the first pixel of an image names the fault.

Run as a node. Prints the parts that every step was asked for, as `parts: …`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from densehybrid_ros.core.device_faults import DeviceLost
from densehybrid_ros.core.scenes import Answer, Scene
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.nodes.segmenter.node import main

MARK = (254, 1)
"""First two channels of a pixel that names a fault; the third says which."""
FAULTS = ("out of memory", "device lost", "bug", "slow", "unpublishable", "unpaintable")
SLOWNESS = 1.5
"""s"""


def marked(image: NDArray[np.uint8], fault: str) -> NDArray[np.uint8]:
    """A copy of an RGB image whose first pixel names the fault."""
    copy = image.copy()
    copy[0, 0] = (*MARK, FAULTS.index(fault))
    return copy


def fault_of(pixel: Sequence[float]) -> str:
    """The fault that a pixel names, 0..255; "" = none."""
    red, green, blue = (round(float(value)) for value in pixel)
    return FAULTS[blue] if (red, green) == MARK and blue < len(FAULTS) else ""


class FaultyNetwork(nn.Module):
    """Fails as networks do on devices that fail."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network

    def forward(self, images: Tensor) -> Any:
        faults = {fault_of(pixel) for pixel in (images[:, :, 0, 0] * 255).tolist()}
        if "out of memory" in faults:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
        if "device lost" in faults:
            raise DeviceLost("device cpu is lost: CUDA error: unspecified launch failure")
        if "bug" in faults:
            raise ValueError("a bug")
        if "slow" in faults:
            time.sleep(SLOWNESS)
        return self._network(images)


class FaultyScene(Scene):
    """Its open-set map can only be read so many times: it goes out as a map first, and then as an overlay."""

    def __getattribute__(self, name: str) -> Any:
        if name == "open_set":
            reads = vars(self)["reads"]
            if not reads:
                raise OSError("no room for the message")
            vars(self)["reads"] = reads - 1
        return super().__getattribute__(name)


def faulty_scene(scene: Scene, reads: int) -> FaultyScene:
    made = FaultyScene(*(getattr(scene, entry.name) for entry in fields(Scene)))
    vars(made)["reads"] = reads
    return made


class FaultySegmenter(Segmenter):
    """Prints what it is asked for, and makes scenes that cannot be published."""

    def __init__(self, model: nn.Module, *others: Any) -> None:
        super().__init__(FaultyNetwork(model), *others)

    def batch(
        self,
        images: Sequence[NDArray[np.uint8]],
        threshold: Any = None,
        score: str = "",
        parts: Collection[str] = (),
        at_network_size: bool = False,
    ) -> Answer:
        print(f"parts: {' '.join(sorted(parts))}; images: {len(images)}", flush=True)
        answer = super().batch(images, threshold, score, parts, at_network_size)
        reads = {"unpublishable": 0, "unpaintable": 1}
        faults = [fault_of(image[0, 0]) for image in images]
        scenes = [
            faulty_scene(scene, reads[fault]) if fault in reads else scene
            for scene, fault in zip(answer.scenes, faults, strict=True)
        ]
        return Answer(tuple(scenes), answer.stage_ms)


def load(weights: str, device: str, precision: str, inference_width: int, engine: str) -> Segmenter:
    """By torch: another engine would be made of the file, and not fail."""
    return FaultySegmenter.load(weights, device, precision, inference_width)


if __name__ == "__main__":
    main(load=load)
