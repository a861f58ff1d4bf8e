"""What is slow in configuring: the weights are read and the device gets ready, for a thread beside the executor's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from densehybrid_ros.core.devices import use_threads
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.nodes.segmenter.settings import Settings

Loader: TypeAlias = Callable[[str, str, str, int, str], Segmenter]
"""Gives the segmenter for a weights file, a device, a precision, an inference width and an engine."""


def loaded(load: Loader, settings: Settings) -> Segmenter:
    """The network on its device, ready for the first image.

    Raises:
        SetupError: unusable file, device, precision or engine.
        OutOfDeviceMemory, DeviceLost: the device failed.
    """
    use_threads(settings.num_threads)
    segmenter = load(
        settings.model_path, settings.device, settings.precision, settings.inference_width, settings.engine
    )
    if segmenter.device.type == "cuda":  # on a CPU the first image is no slower than the next: 2.2 s of 2.2, 1.7, 2.2
        width = segmenter.inference_width or 640
        segmenter.warm_up(width * 3 // 4, width, settings.warmup_iterations, len(settings.cameras))
    return segmenter
