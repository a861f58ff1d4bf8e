"""The confusion matrix and its mean IoU against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from densehybrid_ros.metrics.segmentation import ConfusionMatrix, Segmentation, class_iou, mean_iou


def test_mean_iou_equals_the_confusion_matrix_of_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    truth = rng.choice([0, 1, 2, 4, 255], (50, 60)).astype(np.uint8)
    predicted = rng.integers(0, 3, (50, 60)).astype(np.uint8)
    matrix = ConfusionMatrix(3)
    matrix.add(predicted, truth)
    known = truth < 3
    reference = confusion_matrix(truth[known], predicted[known])
    np.testing.assert_array_equal(matrix.counts, np.pad(reference, ((0, 0), (0, 1))))
    hits = np.diag(reference)
    expected = np.mean(hits / (reference.sum(0) + reference.sum(1) - hits))
    assert mean_iou(matrix) == pytest.approx(expected)
    assert Segmentation.of(matrix) == Segmentation(mean_iou(matrix))


def test_a_class_that_does_not_occur_has_no_part_in_the_mean() -> None:
    matrix = ConfusionMatrix(4)
    assert np.isnan(mean_iou(matrix))
    assert Segmentation.of(matrix).percents() == {"miou": None}
    matrix.add(np.array([[0, 1, 1]], np.uint8), np.array([[0, 0, 1]], np.uint8))
    assert class_iou(matrix)[:2].tolist() == [0.5, 0.5]
    assert np.isnan(class_iou(matrix)[2:]).all()
    assert mean_iou(matrix) == 0.5


def test_a_prediction_that_is_no_class_misses_and_hits_nothing() -> None:
    matrix = ConfusionMatrix(2)
    matrix.add(np.array([[0, 255, 1, 2]], np.uint8), np.array([[0, 0, 1, 1]], np.uint8))
    assert matrix.counts.tolist() == [[1, 0, 1], [0, 1, 1]]
    np.testing.assert_allclose(class_iou(matrix), [1 / 2, 1 / 2])


@pytest.mark.parametrize("classes", [1, 11, 15, 16, 19, 255])
def test_pairs_of_many_classes_stay_apart(classes: int) -> None:
    """In whatever integers they are counted: 15 classes are the most whose pairs have one byte."""
    rng = np.random.default_rng(classes)
    truth, predicted = rng.integers(0, 256, (2, 40, 50)).astype(np.uint8)
    expected = np.zeros((classes, classes + 1), np.int64)
    known = truth < classes
    np.add.at(expected, (truth[known], np.minimum(predicted[known], classes)), 1)
    for kind in (np.uint8, np.int32, np.int64):
        matrix = ConfusionMatrix(classes)
        matrix.add(predicted.astype(kind), truth.astype(kind))
        np.testing.assert_array_equal(matrix.counts, expected)
