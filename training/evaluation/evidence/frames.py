"""The pictures that a score ranks best and worst, drawn small: what is found, and the score itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.drawing.draw import OUTLINE_COLOUR, overlay
from densehybrid_ros.core.scenes import Scene, ScoredImage
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.labels import IGNORE, OUTLIER, binary_truth
from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.ranking_pool import RankingPool

SHOWN = 3
"""Best pictures, and as many worst ones."""
WIDTH = 480
"""px, of a drawn picture at most."""
QUALITY = 72
"""Of the JPEG."""
SCALE = ((20, 24, 60), (30, 110, 140), (120, 190, 110), (250, 230, 70))
"""RGB from the lowest score to the highest."""


@dataclass(frozen=True)
class RankedPicture:
    """How well one picture is ranked by itself."""

    index: int
    """In the set."""
    name: str
    ranking: Ranking


@dataclass(frozen=True)
class DrawnPicture:
    """For a report."""

    picture: RankedPicture
    among: str
    """best or worst."""
    found: bytes
    """JPEG: the open-set map over the picture, true anomalies outlined."""
    score: bytes
    """JPEG: the score, bright = anomalous."""

    @property
    def figures(self) -> dict[str, Any]:
        """As they are written to --json."""
        return {"name": self.picture.name, "among": self.among, **self.picture.ranking.percents()}


class PictureRanks:
    """Ranks the pixels of every picture that holds both kinds by themselves, while the set is gone through."""

    def __init__(self, score: str, classes: int) -> None:
        """`score` "": pictures are counted alone."""
        self.score = score
        self.pictures = 0
        """All that there were."""
        self._classes = classes
        self._ranked: list[RankedPicture] = []

    def add(self, index: int, name: str, found: ScoredImage, truth: NDArray[np.uint8]) -> None:
        """One picture with its open-set truth (H, W)."""
        self.pictures += 1
        if not self.score:
            return
        pool = RankingPool()
        pool.add(found.scores[self.score], binary_truth(truth, self._classes))
        if pool.has_both_kinds():
            self._ranked.append(RankedPicture(index, name, pool.result()))

    def best_and_worst(self) -> list[tuple[str, RankedPicture]]:
        """By AP: the best ones first, then the worst ones, the worst of all first; none twice."""
        falling = sorted(self._ranked, key=lambda each: -each.ranking.ap)
        best = falling[: min(SHOWN, (len(falling) + 1) // 2)]
        worst = falling[len(best) :][-SHOWN:][::-1]
        return [*(("best", each) for each in best), *(("worst", each) for each in worst)]


def drawn(
    segmenter: Segmenter,
    picture: RankedPicture,
    among: str,
    image: NDArray[np.uint8],
    anomalies: NDArray[np.uint8],
    score: str,
    threshold: float,
) -> DrawnPicture:
    """Runs the network once more.

    Args:
        image: (H, W, 3) RGB.
        anomalies: (H, W), 0 inlier, 1 anomaly, 255 ignored.
    """
    found = segmenter.scored(image, [score], semantic=True)
    values = found.scores[score]
    open_set = np.where(values >= threshold, np.uint8(segmenter.classes), found.semantic)
    scene = Scene(found.semantic, values, open_set, threshold)
    seen = _outlined(_small(overlay(image, scene, segmenter.info.palette)), anomalies)
    heat = _outlined(_small(heat_map(values, anomalies)), anomalies)
    return DrawnPicture(picture, among, _jpeg(seen), _jpeg(heat))


def heat_map(score: NDArray[np.float32], anomalies: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB, from the 1st percentile of the pixels that count to the 99th; dark where truth is ignored."""
    counted = score[anomalies != IGNORE]
    low, high = np.percentile(counted if counted.size else score, (1, 99))
    steps = np.clip((score - low) / max(float(high - low), 1e-9) * 255, 0, 255).astype(np.uint8)
    places = np.linspace(0, 255, len(SCALE))
    table = np.stack([np.interp(np.arange(256), places, channel) for channel in zip(*SCALE, strict=True)], 1)
    coloured = cv2.applyColorMap(steps, np.rint(table).astype(np.uint8)[:, None])
    coloured[anomalies == IGNORE] //= 3
    return coloured


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if width <= WIDTH:
        return picture
    return cv2.resize(picture, (WIDTH, max(1, round(height * WIDTH / width))), interpolation=cv2.INTER_AREA)


def _outlined(picture: NDArray[np.uint8], anomalies: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With the true anomalies outlined."""
    size = picture.shape[1], picture.shape[0]
    mask = cv2.resize((anomalies == OUTLIER).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, contours, -1, OUTLINE_COLOUR, 1, cv2.LINE_AA)
    return picture


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    written, content = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    assert written
    return content.tobytes()
