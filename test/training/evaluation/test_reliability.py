from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.metrics.ranking import operating_points
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.training.datasets import DATASETS
from densehybrid_ros.training.evaluation.pictures import examine_pictures
from densehybrid_ros.training.evaluation.reliability import Promise, promised, rates_at, reached_text
from densehybrid_ros.training.evaluation.task import Task

SCORES = np.array([0, 1, 1, 2, 3, 3, 4, 5], np.float32)
ANOMALOUS = np.array([0, 0, 1, 0, 0, 1, 1, 1], bool)


@pytest.mark.parametrize(
    ("threshold", "rates"),
    [(5.5, (0, 0)), (5, (0.25, 0)), (3.5, (0.5, 0)), (3, (0.75, 0.25)), (1, (1, 0.75)), (-9, (1, 1))],
)
def test_rates_count_all_pixels_at_or_above_the_threshold(threshold: float, rates: tuple[float, float]) -> None:
    assert rates_at(operating_points(SCORES, ANOMALOUS), threshold) == rates


def test_what_comes_is_told_beside_what_is_promised() -> None:
    reached = Promise("hybrid", 0.95, 3.0).on(operating_points(SCORES, ANOMALOUS))
    assert reached_text([reached])[1].split() == ["hybrid", "95.00%", "3.000", "75.00%", "25.00%"]


def test_the_report_has_the_rates_of_the_scores_themselves(tmp_path: Path) -> None:
    segmenter = Segmenter.load()
    write_folder(tmp_path)
    task = Task(DATASETS["folder"], ["hybrid", "posterior"], root=tmp_path, target_tpr=(0.3, 0.8))
    report = examine_pictures(task, RankingPool)
    rows = report.figures["target_tpr"]
    assert [(row["score"], row["target_tpr"]) for row in rows] == [
        ("hybrid", 0.3),
        ("hybrid", 0.8),
        ("posterior", 0.3),
        ("posterior", 0.8),
    ]
    picture = cv2.imread(str(tmp_path / "images" / "1.png"))[..., ::-1]
    mask = cv2.imread(str(tmp_path / "masks" / "1.png"), cv2.IMREAD_GRAYSCALE)
    threshold = segmenter.threshold_for(0.8, "hybrid")
    found = segmenter(picture, threshold=threshold).score >= threshold
    assert rows[1]["threshold"] == threshold
    assert rows[1]["tpr"] == pytest.approx(found[mask == 1].mean(), abs=1e-6)
    assert rows[1]["fpr"] == pytest.approx(found[mask == 0].mean(), abs=1e-6)
    assert report.text.splitlines()[-1].startswith("posterior")


def test_weights_without_calibration_promise_nothing() -> None:
    segmenter = Segmenter.load()
    segmenter.info = replace(segmenter.info, calibration={})
    with pytest.raises(SetupError, match="no calibration of score 'hybrid'"):
        promised(segmenter, ["hybrid"], [0.9])


def write_folder(root: Path) -> None:
    """A grey road with a bright square, which is the anomaly."""
    rng = np.random.default_rng(3)
    picture = rng.integers(80, 120, (96, 160, 3), np.uint8)
    picture[40:70, 60:90] = (20, 200, 250)
    mask = np.zeros((96, 160), np.uint8)
    mask[40:70, 60:90] = 1
    for folder, content in (("images", picture), ("masks", mask)):
        (root / folder).mkdir()
        cv2.imwrite(str(root / folder / "1.png"), content)
