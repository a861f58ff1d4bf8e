"""The segmenter node with faults injected at the engine's boundary: the first pixel of an image names the fault.

Run as a node. Prints the parts that every step was asked for, as `parts: …`.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from densehybrid_ros.core import device_faults
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.nodes.segmenter import node as segmenter
from densehybrid_ros.nodes.segmenter.outputs import camera_outputs

MARK = (254, 1)
"""First two channels of a pixel that names a fault; the third says which."""
FAULTS = ("out of memory", "device lost", "bug", "slow", "unpublishable")
SLOWNESS = 1.5
"""s"""


def marked(image: Any, fault: str) -> Any:
    """A copy of an RGB image whose first pixel names the fault."""
    copy = image.copy()
    copy[0, 0] = (*MARK, FAULTS.index(fault))
    return copy


def faults_of(images: list[Any]) -> set[str]:
    pixels = [tuple(int(value) for value in image[0, 0]) for image in images]
    return {FAULTS[pixel[2]] for pixel in pixels if pixel[:2] == MARK and pixel[2] < len(FAULTS)}


def main() -> None:
    true_step, true_overlay = Segmenter._step, camera_outputs.overlay

    def step(self: Segmenter, images: list[Any], score: Any, threshold: float, parts: Any, clock: Any) -> Any:
        print(f"parts: {' '.join(sorted(parts))}; images: {len(images)}", flush=True)
        faults = faults_of(images)
        if "out of memory" in faults:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
        if "device lost" in faults:
            device_faults.answers = lambda device: False
            raise RuntimeError("CUDA error: unspecified launch failure")
        if "bug" in faults:
            raise ValueError("a bug")
        if "slow" in faults:
            time.sleep(SLOWNESS)
        return true_step(self, images, score, threshold, parts, clock)

    def overlay(image: Any, *others: Any) -> Any:
        if "unpublishable" in faults_of([image]):
            raise OSError("no room for the message")
        return true_overlay(image, *others)

    Segmenter._step = step  # type: ignore[method-assign]
    camera_outputs.overlay = overlay
    segmenter.main()


if __name__ == "__main__":
    main()
