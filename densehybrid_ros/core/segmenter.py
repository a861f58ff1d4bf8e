"""Weights file in, callable out: `uint8 H×W×3` RGB → semantic map, anomaly score, open-set map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.core.postprocess import open_set_map, semantic_and_score
from densehybrid_ros.core.scores import score_named
from densehybrid_ros.models.checkpoint import BUNDLED, WeightsInfo, load_weights

SIZE_MULTIPLE = 32
"""The networks' largest stride: sizes of this multiple keep all rungs of the ladder aligned."""


@dataclass(frozen=True)
class Scene:
    """What the segmenter says of one image, at the image's own size."""

    semantic: NDArray[np.uint8]
    """(H, W), 0..K−1."""
    score: NDArray[np.float32]
    """(H, W), higher = more anomalous; nats for the hybrid score."""
    open_set: NDArray[np.uint8]
    """(H, W), the semantic map with K where score ≥ threshold."""
    threshold: float


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
        self._model = model.to(device, memory_format=torch.channels_last).eval()

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
        chosen = resolve_device(device)
        return cls(model, info, chosen, resolve_precision(precision, chosen), width)

    @property
    def classes(self) -> int:
        """K, the number of inlier classes, and the id of "unknown"."""
        return len(self.info.classes)

    def warm_up(self, height: int, width: int, iterations: int = 3) -> None:
        """Runs black images through, so that the first real one is not the slow one."""
        for _ in range(iterations):
            self(np.zeros((height, width, 3), np.uint8))

    def __call__(self, image: NDArray[np.uint8], threshold: float | None = None, score: str = "hybrid") -> Scene:
        """One RGB image, uint8 (H, W, 3). `threshold` None = the one stored with the weights.

        Raises:
            SetupError: wrong dtype or shape, unknown score.
        """
        return self.batch([image], threshold, score)[0]

    def batch(
        self, images: Sequence[NDArray[np.uint8]], threshold: float | None = None, score: str = "hybrid"
    ) -> list[Scene]:
        """Several RGB images in one step of the network; those of other sizes than the first run by themselves."""
        for image in images:
            check_image(image)
        score_function = score_named(score)
        chosen = self.default_threshold(score) if threshold is None else threshold
        scenes: list[Scene | None] = [None] * len(images)
        for size in dict.fromkeys(image.shape for image in images):
            members = [index for index, image in enumerate(images) if image.shape == size]
            pixels = np.stack([self._resize(images[index]) for index in members])
            with torch.inference_mode():
                logits, dataset_logits = self._forward(pixels)
                semantic, anomaly = semantic_and_score(logits, dataset_logits, size[:2], score_function)
            for index, labels, values in zip(members, semantic.cpu().numpy(), anomaly.cpu().numpy(), strict=True):
                scenes[index] = Scene(labels, values, open_set_map(labels, values, chosen, self.classes), chosen)
        return [scene for scene in scenes if scene is not None]

    def logits(self, image: NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
        """The raw (1, K, h, w) and (1, 2, h, w) logits at the network's stride, float32, for evaluation."""
        check_image(image)
        with torch.inference_mode():
            logits, dataset_logits = self._forward(self._resize(image)[None])
        return logits.float(), dataset_logits.float()

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

    def _resize(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        scale = self.inference_width / width if self.inference_width else 1.0
        target = (nearest_multiple(width * scale), nearest_multiple(height * scale))
        if target == (width, height):
            return image
        shrinks = target[0] < width
        return cv2.resize(image, target, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR).astype(
            np.uint8, copy=False
        )

    def _forward(self, pixels: NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, H, W, 3) uint8 → both logits. The permuted view is already channels_last."""
        images = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).float() / 255
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


def resolve_device(name: str) -> torch.device:
    """The torch device for auto, cpu, cuda or cuda:N.

    Raises:
        SetupError: unknown name, or a CUDA device that is not there. There is no silent fall-back to the CPU.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SetupError(f"device '{name}' is unknown; choose auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SetupError(
            f"device '{name}' was asked for, but torch sees {torch.cuda.device_count()} CUDA devices; "
            "choose device auto or cpu, or install a CUDA build of torch and the driver"
        )
    if device.type not in ("cpu", "cuda"):
        raise SetupError(f"device '{name}' is not supported; choose auto, cpu, cuda or cuda:N")
    return device


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """The torch dtype for auto, fp32, fp16 or bf16 on that device."""
    choices = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if name not in choices:
        raise SetupError(f"precision '{name}' is unknown; choose auto, {', '.join(choices)}")
    return choices[name]
