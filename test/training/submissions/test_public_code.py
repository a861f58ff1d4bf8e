"""What `densehybrid submit` writes is worth to the benchmarks' public code what it is worth here.

The golden figures were computed once by that code, unchanged, on the set made here, from files written by `submit`'s
own savers: road_anomaly_benchmark at 1c7804e (`metric PixBinaryClass` and `SegEval-…Track` with --limit-length 2) and
fishyscapes at d78502b (`eval.py`). None of it is part of the project. The scores take few values, so that the 768
quantiles at which road_anomaly_benchmark cuts the scores of a picture leave none out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from densehybrid_ros.core.scenes import ScoredImage
from densehybrid_ros.metrics.components import ComponentOverlaps, Components, component_overlaps
from densehybrid_ros.metrics.ranking import Ranking, best_f1
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.training.datasets.anomalies import SMIYC_ANOMALY, SMIYC_OBSTACLE
from densehybrid_ros.training.submissions.benchmarks import Result, save_fishyscapes, save_hdf5

ROWS, COLUMNS = 96, 160
THINGS = (
    [(10, 20, 36, 52), (50, 90, 58, 100), (70, 20, 73, 23), (40, 120, 64, 150)],
    [(12, 30, 40, 70), (44, 60, 52, 110), (60, 8, 66, 14)],
)
"""Top, left, bottom and right of the anomalies of both pictures: 9 to 1,120 px."""
SEEN = (
    [(14, 24, 40, 60), (50, 92, 60, 98), (44, 116, 60, 140), (72, 60, 84, 100), (4, 100, 10, 104)],
    [(8, 34, 50, 76), (46, 100, 54, 130), (60, 6, 66, 12)],
)
"""Where the score is high."""


def picture(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Score, of multiples of a quarter, and truth: 0 inlier, 1 anomaly, 255 ignored."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    score = (5 * (row // 6) + 3 * (column // 8) + 2 * number) % 8 / 4 - 3
    truth = np.zeros((ROWS, COLUMNS), np.uint8)
    for top, left, bottom, right in THINGS[number]:
        truth[top:bottom, left:right] = 1
    for top, left, bottom, right in SEEN[number]:
        score[top:bottom, left:right] += 1.25 + number / 4
    truth[88:] = 255
    truth[:, 46:48] = 255
    return score.astype(np.float32), truth


SCORES, TRUTHS = zip(*map(picture, range(len(THINGS))), strict=True)


def result(number: int) -> Result:
    classes = np.where(TRUTHS[number] == 1, 13, 0).astype(np.uint8)
    return Result(f"validation{number:04d}", ScoredImage({"hybrid": SCORES[number]}, classes), SCORES[number])


def ranking_pool(scores: list[np.ndarray]) -> RankingPool:
    pool = RankingPool()
    for score, truth in zip(scores, TRUTHS, strict=True):
        pool.add(score, truth)
    return pool


RANKING = Ranking(ap=0.315632633530338, fpr95=0.887050447024556, auroc=0.7520007630997403)
"""area_PRC, tpr95_fpr and area_ROC of PixBinaryClass; AP, FPR@95%TPR and auroc of eval.py."""
BEST_F1 = (0.47752709184579856, -1.0)
"""best_f1 and best_f1_threshold of PixBinaryClass."""
COMPONENTS = {
    "SegEval-AnomalyTrack": (0.0805697650239135, 0.5879120879120879, 0.10389610389610389),
    "SegEval-ObstacleTrack": (0.1734162459785043, 0.49975287010890723, 0.08857808857808856),
}
"""sIoU_gt, prec_pred and f1_mean."""
SIZES = {"SegEval-AnomalyTrack": SMIYC_ANOMALY.components, "SegEval-ObstacleTrack": SMIYC_OBSTACLE.components}


def of_hdf5(folder: Path) -> list[np.ndarray]:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    for number in range(len(SCORES)):
        save_hdf5("AnomalyTrack-all", folder, "Ours", result(number))
    scores: list[np.ndarray] = []
    for path in sorted((folder / "anomaly_p/Ours/AnomalyTrack-all").glob("validation*.hdf5")):
        with h5py.File(path) as file:
            scores.append(file["value"][:])
    return scores


def of_npy(folder: Path) -> list[np.ndarray]:
    for number in range(len(SCORES)):
        save_fishyscapes(folder, "Ours", result(number))
    return [np.load(path) for path in sorted(folder.glob("*_anomaly.npy"))]


@pytest.mark.parametrize("written", [of_hdf5, of_npy])
def test_written_scores_rank_as_the_public_code_ranks_them(
    written: Callable[[Path], list[np.ndarray]], tmp_path: Path
) -> None:
    scores = [each.astype(np.float32) for each in written(tmp_path)]
    assert len(scores) == len(SCORES)
    pool = ranking_pool(scores)
    found = pool.result()
    assert (found.ap, found.fpr95, found.auroc) == pytest.approx((RANKING.ap, RANKING.fpr95, RANKING.auroc), abs=1e-12)
    assert best_f1(pool.points()) == pytest.approx(BEST_F1, abs=1e-12)


@pytest.mark.parametrize("metric", COMPONENTS)
def test_whole_things_are_counted_as_the_public_code_counts_them(metric: str) -> None:
    """Which takes a score above the threshold for found, not one that equals it."""
    overlaps = [
        component_overlaps(score > BEST_F1[1], truth, SIZES[metric])
        for score, truth in zip(SCORES, TRUTHS, strict=True)
    ]
    things = Components.of(ComponentOverlaps.together(overlaps))
    assert (things.siou, things.ppv, things.f1) == pytest.approx(COMPONENTS[metric], abs=1e-12)
