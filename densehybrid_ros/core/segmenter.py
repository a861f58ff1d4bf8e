"""Weights file in, callable out: `uint8 H×W×3` RGB → semantic map, anomaly score, open-set map."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from densehybrid_ros.camera import MAX_IMAGE_PIXELS
from densehybrid_ros.core.device_faults import device_fault
from densehybrid_ros.core.devices import placed, resolve_device, resolve_precision
from densehybrid_ros.core.postprocess import PARTS, maps_of
from densehybrid_ros.core.scores import SCORES, Score
from densehybrid_ros.core.stages import StageClock
from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.models.checkpoint import BUNDLED, WeightsInfo, load_weights

SIZE_MULTIPLE = 32
"""The networks' largest stride: sizes of this multiple keep all rungs of the ladder aligned."""


@dataclass(frozen=True)
class Scene:
    """What the segmenter says of one image, at the image's own size. Parts that were not asked for are (0, 0)."""

    semantic: NDArray[np.uint8]
    """(H, W), 0..K−1."""
    score: NDArray[np.float32]
    """(H, W), higher = more anomalous; nats for the hybrid score."""
    open_set: NDArray[np.uint8]
    """(H, W), the semantic map with K where score ≥ threshold."""
    threshold: float


NOTHING = Scene(np.empty((0, 0), np.uint8), np.empty((0, 0), np.float32), np.empty((0, 0), np.uint8), 0.0)
"""A scene of which no part was asked for."""


@dataclass(frozen=True)
class Answer:
    """What the segmenter says of a batch."""

    scenes: tuple[Scene, ...]
    """One for each image, in their order."""
    stage_ms: Mapping[str, float]
    """Time that upload, infer and postprocess took, ms; empty where no part was asked for."""


class Segmenter:
    """A loaded network on its device. Thread-compatible: one caller at a time."""

    def __init__(
        self, model: nn.Module, info: WeightsInfo, device: torch.device, precision: torch.dtype, inference_width: int
    ) -> None:
        self.info = info
        self.device = device
        self.precision = precision
        self.inference_width = inference_width
        """Pixels; 0 = the image's own width."""
        self._model = placed(model, device).eval()

    @classmethod
    def load(
        cls, weights: str | Path = "", device: str = "auto", precision: str = "auto", inference_width: int = 0
    ) -> Segmenter:
        """Reads a weights file and puts the network on its device.

        Args:
            weights: a .safetensors file of this project; "" = the bundled weights.
            device: auto (cuda:0 if there, else cpu), cpu, cuda, cuda:N.
            precision: auto (fp16 on CUDA, fp32 on the CPU), fp32, fp16, bf16.
            inference_width: px; 0 = what the weights recommend, −1 = the image's own.

        Raises:
            SetupError: unusable file, device or precision.
        """
        model, info = load_weights(Path(weights) if weights else BUNDLED)
        if inference_width < -1:
            raise SetupError(f"inference_width is {inference_width}; give 0 (recommended), -1 (native) or pixels")
        width = info.inference_width if inference_width == 0 else max(inference_width, 0)
        target = resolve_device(device)
        return cls(model, info, target, resolve_precision(precision, target), width)

    @property
    def classes(self) -> int:
        """K, the number of inlier classes, and the id of "unknown"."""
        return len(self.info.classes)

    def warm_up(self, height: int, width: int, iterations: int = 3, images: int = 1) -> None:
        """Runs batches of black images through, so that the first real one is not the slow one."""
        for _ in range(iterations):
            self.batch([np.zeros((height, width, 3), np.uint8)] * images)

    def __call__(self, image: NDArray[np.uint8], threshold: float | None = None, score: str = "hybrid") -> Scene:
        """One RGB image, uint8 (H, W, 3). `threshold` None = the one stored with the weights.

        Raises:
            SetupError: wrong dtype or shape, unknown score.
        """
        return self.batch([image], threshold, score).scenes[0]

    def batch(
        self,
        images: Sequence[NDArray[np.uint8]],
        threshold: float | None = None,
        score: str = "hybrid",
        parts: Collection[str] = PARTS,
    ) -> Answer:
        """Several RGB images in one step of the network; those of another size than the first run by themselves.

        Args:
            parts: what is wanted of PARTS; all else stays empty in the scenes.

        Raises:
            SetupError: wrong dtype or shape, unknown score.
            OutOfDeviceMemory, DeviceLost: the device failed.
        """
        for image in images:
            check_image(image)
        if not parts:
            return Answer((NOTHING,) * len(images), {})
        score_function = chosen("score", score, SCORES)
        used = self.default_threshold(score) if threshold is None else threshold
        clock = StageClock(self.device)
        scenes: dict[int, Scene] = {}
        try:
            for size in dict.fromkeys(image.shape for image in images):
                members = [index for index, image in enumerate(images) if image.shape == size]
                answered = self._step([images[index] for index in members], score_function, used, parts, clock)
                scenes |= zip(members, answered, strict=True)
            return Answer(tuple(scenes[index] for index in range(len(images))), clock.milliseconds())
        except (RuntimeError, MemoryError) as error:
            fault = device_fault(error, self.device)
            if fault is None:
                raise
            raise fault from error

    def _step(
        self,
        images: Sequence[NDArray[np.uint8]],
        score: Score,
        threshold: float,
        parts: Collection[str],
        clock: StageClock,
    ) -> list[Scene]:
        """Images of one size through the network together."""
        with torch.inference_mode():
            pixels = torch.from_numpy(np.stack([self._resize(image) for image in images])).to(self.device)
            clock.mark("upload")
            logits, dataset_logits = self._forward(pixels)
            clock.mark("infer")
            maps = maps_of(logits, dataset_logits, images[0].shape[:2], score, threshold, parts)
            semantic, values, open_set = (each.cpu().numpy() for each in (maps.semantic, maps.score, maps.open_set))
        clock.mark("postprocess")
        return [Scene(*each, threshold) for each in zip(semantic, values, open_set, strict=True)]

    def logits(self, image: NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
        """The raw (1, K, h, w) and (1, 2, h, w) logits at the network's stride, float32, for evaluation."""
        check_image(image)
        with torch.inference_mode():
            logits, dataset_logits = self._forward(torch.from_numpy(self._resize(image)[None]).to(self.device))
        return logits.float(), dataset_logits.float()

    def threshold_for(self, true_positive_rate: float, score: str) -> float:
        """The threshold on `score` that finds that share (0..1) of unknown pixels, by the stored calibration.

        Raises:
            SetupError: the weights hold no calibration of that score.
        """
        curve = self.info.calibration.get(score)
        if curve is None:
            stored = ", ".join(self.info.calibration) or "no score"
            raise SetupError(f"the weights hold no calibration of score '{score}', only of {stored}; set a threshold")
        return curve.threshold_at(true_positive_rate)

    def default_threshold(self, score: str) -> float:
        """The threshold used where none is given: that of the weights for the hybrid score.

        For another score it is the one with the same true-positive rate in the stored calibration.
        """
        curve = self.info.calibration.get(score)
        hybrid = self.info.calibration.get("hybrid")
        if score == "hybrid" or curve is None or hybrid is None:
            return self.info.threshold
        reached = np.interp(-self.info.threshold, -np.array(hybrid.thresholds), hybrid.true_positive_rate)
        return curve.threshold_at(float(reached))

    def inference_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width, px, at which the network runs on an image of that size.

        Raises:
            SetupError: a narrow image would be blown up beyond all memory.
        """
        scale = self.inference_width / width if self.inference_width else 1.0
        size = nearest_multiple(height * scale), nearest_multiple(width * scale)
        if size[0] * size[1] > MAX_IMAGE_PIXELS:
            raise SetupError(
                f"an image of {width}x{height} would run at {size[1]}x{size[0]}, more than {MAX_IMAGE_PIXELS} "
                "pixels; crop it, or set a smaller inference_width"
            )
        return size

    def _resize(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        rows, columns = self.inference_size(height, width)
        if (rows, columns) == (height, width):
            return image
        reading = cv2.INTER_AREA if columns < width else cv2.INTER_LINEAR
        return cv2.resize(image, (columns, rows), interpolation=reading)

    def _forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, H, W, 3) uint8 on the device → both logits. The permuted view is already channels_last."""
        images = pixels.permute(0, 3, 1, 2).float() / 255
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            return self._model(images)


def nearest_multiple(size: float) -> int:
    """The multiple of SIZE_MULTIPLE that is nearest, at least one."""
    return max(SIZE_MULTIPLE, round(size / SIZE_MULTIPLE) * SIZE_MULTIPLE)


def check_image(image: NDArray[np.uint8]) -> None:
    """Raises SetupError unless `image` is a non-empty uint8 (H, W, 3) array."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise SetupError(f"an image must be uint8 RGB of shape (H, W, 3); this one is {found}")
    if image.size == 0:
        raise SetupError(f"the image is empty: shape {image.shape}; give at least one pixel")
