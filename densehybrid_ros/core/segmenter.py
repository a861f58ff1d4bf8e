"""Weights file in, callable out: `uint8 H×W×3` RGB → semantic map, anomaly score, open-set map."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from densehybrid_ros.camera import MAX_IMAGE_PIXELS
from densehybrid_ros.core.cuda_graphs import Graphs
from densehybrid_ros.core.device_faults import device_fault
from densehybrid_ros.core.devices import placed, resolve_device, resolve_precision
from densehybrid_ros.core.fit import Fit, fit
from densehybrid_ros.core.maps.choice import MapMaker
from densehybrid_ros.core.postprocess import PARTS
from densehybrid_ros.core.scenes import NOTHING, Answer, Scene, ScoredImage
from densehybrid_ros.core.scores import SCORES, Score, live_score
from densehybrid_ros.core.seen_image import ImageScore, SeenImage
from densehybrid_ros.core.stages import StageClock
from densehybrid_ros.core.transfers import to_cpu, to_device
from densehybrid_ros.engines.choice import Choice, choose
from densehybrid_ros.engines.engine import OnnxEngine
from densehybrid_ros.engines.key import origin_of
from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.models.checkpoint import BUNDLED, WeightsInfo, load_network
from densehybrid_ros.models.folding import fold_batch_norm
from densehybrid_ros.models.pre_logits import class_convolution, look_inside
from densehybrid_ros.models.sampling import aligns_corners, size_multiple


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
        self.logit_scores: dict[str, Score] = {}
        """What `scored` gives beside SCORES: of every pixel by its logits, with statistics or settings bound in."""
        self.image_scores: dict[str, ImageScore] = {}
        """What it gives by looking into the network."""
        self._model = placed(model, device).eval()
        self._choice = Choice()
        self._engine: OnnxEngine | None = None
        self._graphs: Graphs | None = None
        self._maps = MapMaker()

    @classmethod
    def load(
        cls,
        weights: str | Path = "",
        device: str = "auto",
        precision: str = "auto",
        inference_width: int = 0,
        engine: str = "torch",
        patient: bool = False,
    ) -> Segmenter:
        """Reads a weights file and puts the network on its device.

        Args:
            weights: a .safetensors file of this project; "" = the bundled weights.
            device: auto (cuda:0 if there, else cpu), cpu, cuda, cuda:N.
            precision: auto (fp16 on CUDA, fp32 on the CPU), fp32, fp16, bf16.
            inference_width: px; 0 = what the weights recommend, −1 = the image's own.
            engine: of ENGINES. All but torch build files in a cache folder when a size is first needed, in a process
                of their own that ends with the segmenter.
            patient: whether answers wait for that; else torch gives the first ones, which it rounds otherwise.

        Raises:
            SetupError: unusable file, device, precision or engine.
        """
        path = Path(weights) if weights else BUNDLED
        model, info = load_network(path)
        if inference_width < -1:
            raise SetupError(f"inference_width is {inference_width}; give 0 (recommended), -1 (native) or pixels")
        width = info.inference_width if inference_width == 0 else max(inference_width, 0)
        target = resolve_device(device)
        kind = resolve_precision(precision, target)
        choice = choose(engine, target, kind)
        # of the network as the file has it: folded it has other tensors
        origin = None if choice.name == "torch" else origin_of(model, info.architecture)
        segmenter = cls(fold_batch_norm(model), info, target, kind, width)
        segmenter._choice = choice
        if target.type == "cuda":  # not of networks that somebody still trains or changes
            segmenter._graphs = Graphs(segmenter._eagerly)
        if origin is not None:
            segmenter._engine = OnnxEngine(choice.name, segmenter._model, origin, path, target, kind, patient)
        return segmenter

    @property
    def engine(self) -> str:
        """What ran the network last, and what a faster one waits for or lacks: "torch, building onnxruntime 64x32"."""
        if self._engine is not None:
            return self._engine.text
        return f"torch: {self._choice.reason}" if self._choice.reason else "torch"

    @property
    def engine_warnings(self) -> tuple[str, ...]:
        """Why a faster engine or post-processing is not used, or not kept, each to be said once."""
        found = () if self._engine is None else self._engine.warnings
        if self._choice.warning:
            found += (f"engine: {self._choice.warning}",)
        if self._graphs is not None and self._graphs.trouble:
            found += (f"engine: torch without CUDA graphs: {self._graphs.trouble}",)
        if self._maps.trouble:
            found += (f"post-processing: plain torch, several times slower: {self._maps.trouble}",)
        return found

    def close(self) -> None:
        """Ends the build of an engine, if one goes on; as soon as nobody uses the segmenter that happens by itself."""
        if self._engine is not None:
            self._engine.close()

    @property
    def classes(self) -> int:
        """K, the number of inlier classes, and the id of "unknown"."""
        return len(self.info.classes)

    @property
    def pre_logit_channels(self) -> int:
        """C of what the last class convolution reads.

        Raises:
            SetupError: the network does not name that convolution.
        """
        return class_convolution(self._model).get_parameter("weight").shape[1]

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
        at_network_size: bool = False,
    ) -> Answer:
        """Several RGB images in one step of the network; those of another size than the first run by themselves.

        Args:
            parts: what is wanted of PARTS; all else stays empty in the scenes.
            at_network_size: scenes of the size at which the network sees the image, where that is smaller.

        Raises:
            SetupError: wrong dtype or shape, unknown score.
            OutOfDeviceMemory, DeviceLost: the device failed.
        """
        for image in images:
            check_image(image)
        if not parts:
            return Answer((NOTHING,) * len(images), {})
        score_function = live_score(score)
        used = self.default_threshold(score) if threshold is None else threshold
        clock = StageClock(self.device)
        scenes: dict[int, Scene] = {}
        try:
            for size in dict.fromkeys(image.shape for image in images):
                members = [index for index, image in enumerate(images) if image.shape == size]
                fitted = self.fit(*size[:2])
                shown = fitted.at_network_size() if at_network_size else fitted
                pixels = np.stack([fitted.to_network(images[index]) for index in members])
                answered = self._step(pixels, shown, score_function, used, parts, clock)
                scenes |= zip(members, answered, strict=True)
            return Answer(tuple(scenes[index] for index in range(len(images))), clock.milliseconds())
        except (RuntimeError, MemoryError) as error:
            fault = device_fault(error, self.device)
            if fault is None:
                raise
            raise fault from error

    def _step(
        self,
        pixels: NDArray[np.uint8],
        fitted: Fit,
        score: Score,
        threshold: float,
        parts: Collection[str],
        clock: StageClock,
    ) -> list[Scene]:
        """Images of one size through the network together.

        Args:
            pixels: (B, H, W, 3) as the network sees them.
            fitted: how its answer comes to the size of the scenes.
        """
        with torch.inference_mode():
            on_device = to_device(pixels, self.device)
            clock.mark("upload")
            logits, dataset_logits = self._forward(on_device)
            clock.mark("infer")
            maps = self._maps(logits, dataset_logits, fitted, score, threshold, parts)
            semantic, values, open_set = to_cpu((maps.semantic, maps.score, maps.open_set))
        clock.mark("postprocess")
        return [Scene(*each, threshold) for each in zip(semantic, values, open_set, strict=True)]

    def scored(self, image: NDArray[np.uint8], scores: Collection[str], semantic: bool = False) -> ScoredImage:
        """Several scores: of SCORES, out of one forward pass, the very numbers that `batch` gives.

        Raises:
            SetupError: wrong dtype or shape, unknown score, or as `see`.
        """
        check_image(image)
        fitted = self.fit(*image.shape[:2])
        within = {name: self.image_scores[name] for name in scores if name in self.image_scores}
        known = {**SCORES, **self.logit_scores}
        functions = {name: chosen("score", name, known) for name in scores if name not in within}
        if not within:
            with torch.inference_mode():
                return self._scored(self._answer(image, fitted), fitted, functions, semantic)
        seen = self.see(image)
        answers = seen.inside.logits, seen.inside.dataset_logits
        with torch.no_grad():  # gradients are for scores that ask for them
            scored = self._scored(answers, fitted, functions, semantic)
            found = {name: score(seen)[0].cpu().numpy() for name, score in within.items()}
        return ScoredImage({**scored.scores, **found}, scored.semantic)

    def see(self, image: NDArray[np.uint8]) -> SeenImage:
        """What the network makes of one image, its pre-logits included, for evaluation.

        Raises:
            SetupError: wrong dtype or shape, an engine or a network that does not show its pre-logits.
        """
        check_image(image)
        if self._engine is not None:
            raise SetupError(f"engine {self._engine.name} does not show what lies behind the logits; use engine torch")
        fitted = self.fit(*image.shape[:2])
        pixels = in_unit_range(to_device(fitted.to_network(image)[None], self.device))
        with torch.no_grad(), self._autocast():
            return SeenImage(self._model, pixels, look_inside(self._model, pixels), fitted)

    def _scored(
        self, answers: tuple[torch.Tensor, torch.Tensor], fitted: Fit, functions: Mapping[str, Score], semantic: bool
    ) -> ScoredImage:
        """Of the network's own logits."""
        maps = self._maps.scores(*answers, fitted, functions, semantic)
        found = {name: each[0].cpu().numpy() for name, each in maps.items()}
        return ScoredImage(found, found.pop("", np.empty((0, 0), np.uint8)))

    def logits(self, image: NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
        """The (1, K, H, W) and (1, 2, H, W) logits at the image's size, float32, for evaluation."""
        check_image(image)
        fitted = self.fit(*image.shape[:2])
        with torch.inference_mode():
            logits, dataset_logits = map(fitted.to_image, self._answer(image, fitted))
            return logits, dataset_logits

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
        """The threshold used where none is given."""
        return threshold_of(self.info, score)

    def fit(self, height: int, width: int) -> Fit:
        """How an image of that size comes into the network, and its answer back.

        Raises:
            SetupError: a narrow image would be blown up beyond all memory.
        """
        fitted = fit((height, width), self.inference_width, size_multiple(self._model), aligns_corners(self._model))
        rows, columns = fitted.run
        if rows * columns > MAX_IMAGE_PIXELS:
            raise SetupError(
                f"an image of {width}x{height} would run at {columns}x{rows}, more than {MAX_IMAGE_PIXELS} "
                "pixels; crop it, or set a smaller inference_width"
            )
        return fitted

    def _answer(self, image: NDArray[np.uint8], fitted: Fit) -> tuple[torch.Tensor, torch.Tensor]:
        """Both logits of one image, as the network gives them."""
        return self._forward(to_device(fitted.to_network(image)[None], self.device))

    def _forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, H, W, 3) uint8 on the device → both logits."""
        images = in_unit_range(pixels)
        return self._by_torch(images) if self._engine is None else self._engine(images, self._by_torch)

    def _by_torch(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self._eagerly(images) if self._graphs is None else self._graphs(images)

    def _eagerly(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with self._autocast():
            return self._model(images)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32)


def in_unit_range(pixels: torch.Tensor) -> torch.Tensor:
    """(B, H, W, 3) uint8 → (B, 3, H, W) float32 in [0, 1].

    On a CPU plane by plane, ten times faster than by the permuted view, and as ONNX Runtime wants them; on CUDA by that
    view, which is channels_last already.
    """
    if pixels.device.type == "cpu":
        return torch.stack(pixels.unbind(3), 1).float().div_(255)
    return pixels.permute(0, 3, 1, 2).float() / 255


def threshold_of(info: WeightsInfo, score: str) -> float:
    """The threshold used where none is given: that of the weights for the hybrid score.

    For another score it is the one with the same true-positive rate in the stored calibration.
    """
    curve, hybrid = info.calibration.get(score), info.calibration.get("hybrid")
    if score == "hybrid" or curve is None or hybrid is None:
        return info.threshold
    reached = np.interp(-info.threshold, -np.array(hybrid.thresholds), hybrid.true_positive_rate)
    return curve.threshold_at(float(reached))


def check_image(image: NDArray[np.uint8]) -> None:
    """Raises SetupError unless `image` is a non-empty uint8 (H, W, 3) array."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise SetupError(f"an image must be uint8 RGB of shape (H, W, 3); this one is {found}")
    if image.size == 0:
        raise SetupError(f"the image is empty: shape {image.shape}; give at least one pixel")
