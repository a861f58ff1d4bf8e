"""Mixed-content batches, a pure function of (recipe, step), so that a resumed run sees what it would have seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.batches.geometry import jittered_crop
from densehybrid_ros.training.batches.negatives import Frame, Surroundings, negatives_of
from densehybrid_ros.training.batches.photometric import photometric_change
from densehybrid_ros.training.batches.sample import Sample, sample_from_truth
from densehybrid_ros.training.datasets import DATASETS, labelled_set
from densehybrid_ros.training.datasets.cache import CachedSet
from densehybrid_ros.training.datasets.holding import pictures_by_class
from densehybrid_ros.training.datasets.pairs import LabelledSet
from densehybrid_ros.training.recipe.recipe import Recipe, SetSource

Batch = tuple[Tensor, Tensor, Tensor]
"""images (B, 3, H, W) uint8, labels (B, H, W) uint8, dataset labels (B, H, W) uint8."""
RARE = 0.5
"""Share of the crops that are centred on a rare class."""
FRAME_STREAM = 1
"""Of random numbers, beside that of the crop: neighbours in a batch must agree on each other's frame."""


@dataclass(frozen=True)
class Drawn:
    """What a crop is to be taken out of."""

    source: int
    picture: int
    wanted: int | None = None
    """Class on a pixel of which it is centred."""


class Batches(Dataset[Batch]):
    """Item i is the share that one of `processes` has in the batch of step i."""

    def __init__(self, recipe: Recipe, process: int = 0, processes: int = 1, cache: Path | None = None) -> None:
        """
        Args:
            cache: folder for decoded pictures; None = decode them anew each time.
        """
        if recipe.batch % (processes * recipe.accumulate):
            raise SetupError(
                f"batch {recipe.batch} is no multiple of {processes} processes x accumulate {recipe.accumulate}"
            )
        if recipe.batch // (processes * recipe.accumulate) < 2 and not recipe.freeze_batch_norm:
            raise SetupError(
                f"batch {recipe.batch} over {processes} processes x accumulate {recipe.accumulate} leaves one crop at "
                "a time, and batch norm needs two; enlarge it, or set freeze_batch_norm: true"
            )
        self.recipe = recipe
        self.indices = range(process * recipe.batch // processes, (process + 1) * recipe.batch // processes)
        self.sets = [_opened(source) for source in recipe.train]
        self._readers = self.sets if cache is None else [CachedSet(each, cache) for each in self.sets]
        shares = np.array([source.weight for source in recipe.train])
        self.shares = shares / shares.sum()
        self.classes = self.sets[0].classes
        for source in recipe.train:
            if not DATASETS[source.name].trainable:
                raise SetupError(f"data set '{source.name}' is for evaluation alone; take it out of the train sets")
        if any(each.classes != self.classes for each in self.sets):
            raise SetupError(
                "the train sets have different classes; read them in those of one taxonomy by the key 'classes' of each"
            )
        self.rare = class_mask(recipe.rare_classes, self.classes)
        self.holding = [pictures_by_class(each, self.rare) if recipe.rare_evenly else {} for each in self.sets]
        """For each set: a rare class → the pictures that hold it."""
        self.ground = class_mask(recipe.ground_classes, self.classes)
        self.negatives = negatives_of(recipe.pasting, len(self.classes))
        self._frames: dict[tuple[int, int], Frame] = {}

    def __getitem__(self, step: int) -> Batch:
        samples = [self.sample(step, index) for index in self.indices]
        images = np.stack([sample.image.transpose(2, 0, 1) for sample in samples])
        labels = np.stack([sample.labels for sample in samples])
        dataset_labels = np.stack([sample.dataset_labels for sample in samples])
        return torch.from_numpy(images), torch.from_numpy(labels), torch.from_numpy(dataset_labels)

    def sample(self, step: int, index: int) -> Sample:
        """One finished crop: jittered, pasted into, photometrically changed."""
        recipe, rng = self.recipe, np.random.default_rng([self.recipe.seed, step, index])
        image, truth = self._crop(*self._frame(step, index), rng, self._drawn(step, index).wanted)
        sample = sample_from_truth(image, truth, len(self.classes))
        around = Surroundings(self.ground, partial(self._frame, step, index ^ 1))
        for source in self.negatives:
            sample = source.paste_into(sample, around, rng)
        return Sample(photometric_change(sample.image, rng, recipe.photometric), sample.labels, sample.dataset_labels)

    def _frame(self, step: int, index: int) -> Frame:
        """The picture out of which a crop is taken. Its neighbour in the batch takes inlier segments from it.

        The last two are kept, so that every crop costs one picture to decode.
        """
        if (step, index) not in self._frames:
            drawn = self._drawn(step, index)
            while len(self._frames) >= 2:
                self._frames.pop(next(iter(self._frames)))
            self._frames[step, index] = self._readers[drawn.source].read(drawn.picture)
        return self._frames[step, index]

    def _drawn(self, step: int, index: int) -> Drawn:
        """Which picture, and which rare class of it the crop is to show."""
        rng = np.random.default_rng([self.recipe.seed, step, index, FRAME_STREAM])
        source = int(rng.choice(len(self.sets), p=self.shares))
        holding = self.holding[source]
        if holding and rng.random() < RARE:
            wanted = int(rng.choice(list(holding)))
            return Drawn(source, int(rng.choice(holding[wanted])), wanted)
        return Drawn(source, int(rng.integers(len(self.sets[source]))))

    def _crop(
        self, image: NDArray[np.uint8], truth: NDArray[np.uint8], rng: np.random.Generator, wanted: int | None = None
    ) -> Frame:
        rare, probability = self.rare, RARE
        if self.recipe.rare_evenly:
            rare, probability = np.arange(256) == wanted, 1.0
        height = truth.shape[0]
        relative = (self.recipe.reference_height or height) / height
        low, high = self.recipe.scale
        size = (self.recipe.crop[0], self.recipe.crop[1])
        scale = low * relative, high * relative
        return jittered_crop(image, truth, size, scale, rng, rare, self.recipe.jitter, probability)


def _opened(source: SetSource) -> LabelledSet:
    return labelled_set(source.name, Path(source.root), source.split, source.classes, source.known_void)


def class_mask(names: list[str], classes: list[str]) -> NDArray[np.bool_]:
    """(256,) True at the ids of those classes.

    Raises:
        SetupError: a name that is no class.
    """
    mask = np.zeros(256, bool)
    for name in names:
        if name not in classes:
            raise SetupError(f"class '{name}' is unknown; the data set has {', '.join(classes)}")
        mask[classes.index(name)] = True
    return mask


def class_weights(sets: list[LabelledSet], exponent: float, pictures: int = 60) -> NDArray[np.float32]:
    """(K,) frequency^−exponent with mean 1, from an even choice of pictures of the first set."""
    source = sets[0]
    counts = np.zeros(256, np.int64)
    for index in np.linspace(0, len(source) - 1, min(pictures, len(source))).astype(int):
        counts += np.bincount(source.read(int(index))[1].ravel(), minlength=256)
    frequency = np.maximum(counts[: len(source.classes)], 1) / counts[: len(source.classes)].sum()
    weights = frequency**-exponent
    return (weights / weights.mean()).astype(np.float32)
