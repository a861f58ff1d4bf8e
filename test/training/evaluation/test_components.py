from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.metrics.components import Components, ComponentSizes, component_overlaps
from densehybrid_ros.metrics.ranking import best_f1, operating_points
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.training.datasets import DATASETS
from densehybrid_ros.training.evaluation.pictures import examine_pictures
from densehybrid_ros.training.evaluation.task import Task


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Noise with a coloured square, which is the anomaly."""
    picture = np.random.default_rng(3).integers(80, 120, (96, 160, 3), np.uint8)
    mask = np.zeros((96, 160), np.uint8)
    picture[40:70, 60:90], mask[40:70, 60:90] = (20, 200, 250), 1
    for folder, content in (("images", picture), ("masks", mask)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "1.png"), content)
    return tmp_path


def test_things_are_judged_at_the_threshold_with_the_best_f1_and_the_sizes_of_the_set(root: Path) -> None:
    sizes = ComponentSizes(predicted=40, truth=5)
    task = Task(replace(DATASETS["folder"], components=sizes), ["hybrid", "msp"], root=root, components=True)
    report = examine_pictures(task, RankingPool)
    picture = cv2.imread(str(root / "images" / "1.png"))[..., ::-1]
    mask = cv2.imread(str(root / "masks" / "1.png"), cv2.IMREAD_GRAYSCALE)
    segmenter = Segmenter.load()
    for name in ("hybrid", "msp"):
        score = segmenter.scored(picture, [name]).scores[name]
        f1, threshold = best_f1(operating_points(score.ravel(), mask.ravel() == 1))
        wanted = Components.of(component_overlaps(score >= threshold, mask, sizes))
        found = report.figures["components"][name]
        assert found == {"pixel_f1": round(100 * f1, 2), "threshold": threshold, **wanted.percents()}
    assert report.text.splitlines()[-1].startswith("msp")
