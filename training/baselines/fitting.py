"""Statistics of scores, gathered in one pass over training pictures."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.progress import progress_bar
from densehybrid_ros.taxonomies import TAXONOMIES
from densehybrid_ros.training.baselines.baselines import FITTINGS
from densehybrid_ros.training.baselines.known_image import Extent, KnownImage
from densehybrid_ros.training.baselines.settings import PUBLISHED, ScoreSettings
from densehybrid_ros.training.datasets.class_maps import in_classes
from densehybrid_ros.training.datasets.pairs import LabelledSet, LabelledSource


def in_classes_of(segmenter: Segmenter, source: LabelledSet) -> LabelledSet:
    """The set in the classes of the weights.

    Raises:
        SetupError: they are of no known taxonomy, or no map to it is built in.
    """
    classes = segmenter.info.classes
    if source.classes == classes:
        return source
    wanted = next((name for name, taxonomy in TAXONOMIES.items() if taxonomy.classes == classes), None)
    if wanted is None:
        raise SetupError(
            f"{source.name} has other classes than the weights, whose {len(classes)} are those of no known taxonomy; "
            "give the set that they were trained on"
        )
    return in_classes(source, wanted)


def fitted(
    segmenter: Segmenter,
    sources: Sequence[LabelledSource],
    kinds: Sequence[str],
    pictures: int,
    settings: ScoreSettings = PUBLISHED,
    progress: bool = True,
) -> dict[str, dict[str, Tensor]]:
    """Statistics of these kinds, out of at most so many pictures of each set, evenly spread.

    Args:
        sources: in the classes of the weights.

    Raises:
        SetupError: a picture cannot be read, or what is labelled does not suffice.
    """
    chosen = [(source, number) for source in sources for number in spread(len(source), pictures)]
    extent = Extent(segmenter.classes, len(chosen), settings)
    fittings = {kind: FITTINGS[kind](extent) for kind in kinds}
    for source, number in progress_bar(chosen, progress, desc="fit", unit="picture", leave=False):
        image, truth = source.read(number)
        known = KnownImage(segmenter.see(image), truth)
        for each in fittings.values():
            each.add(known)
    return {kind: each.result() for kind, each in fittings.items()}


def spread(length: int, count: int) -> list[int]:
    """`count` of the numbers below `length`, evenly spread, or all."""
    count = min(length, count)
    return [number * length // count for number in range(count)]
