"""Which label belongs to which cell of the pre-logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from densehybrid_ros.core.fit import fit
from densehybrid_ros.core.seen_image import SeenImage, cell_rows
from densehybrid_ros.labels import CLASSLESS, IGNORE
from densehybrid_ros.models.pre_logits import Inside
from densehybrid_ros.training.baselines.known_image import Extent, KnownImage


def test_a_cell_has_the_label_in_its_middle() -> None:
    """An image of 8 rows in cells of 4 px: the middles are the borders before rows 2 and 6."""
    assert cell_rows(fit((8, 16), 0, 4, False), (2, 4), 0).tolist() == [2, 6]
    assert cell_rows(fit((8, 16), 0, 4, False), (2, 4), 1).tolist() == [2, 6, 10, 14]


def test_cells_beyond_the_image_have_none() -> None:
    """10 rows are continued to 16: the middle of the third cell, 10, lies just beyond."""
    assert cell_rows(fit((10, 16), 0, 16, False), (4, 4), 0).tolist() == [2, 6, -1, -1]


def test_cells_of_a_scaled_image_lie_in_its_own_pixels() -> None:
    """16x32 is seen as 8x16: a cell covers 8 px of the image."""
    fitted = fit((16, 32), 16, 8, False)
    assert (fitted.scaled, fitted.run) == ((8, 16), (8, 16))
    assert cell_rows(fitted, (2, 4), 0).tolist() == [4, 12]


def test_cells_whose_corners_are_aligned_lie_on_the_corner_pixels() -> None:
    fitted = fit((9, 17), 0, 1, True)
    assert cell_rows(fitted, (3, 5), 0).tolist() == [0, 4, 8]
    assert cell_rows(fitted, (3, 5), 1).tolist() == [0, 4, 8, 12, 16]


def test_every_cell_finds_what_lies_under_it() -> None:
    """Pre-logits that are the middles of their cells, in an image that is scaled and continued, against its labels."""
    fitted = fit((50, 90), 45, 32, False)  # seen as 25x45, run as 32x64
    rows, columns = torch.arange(8.0) * 4 + 2, torch.arange(16.0) * 4 + 2  # px of `run`
    pre_logits = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]
    inside = Inside(pre_logits, torch.zeros(1, 250, 8, 16), torch.zeros(1, 2, 8, 16))
    seen = SeenImage(torch.nn.Identity(), torch.zeros(1, 3, *fitted.run), inside, fitted)
    for axis in (0, 1):
        truth = np.broadcast_to(np.arange(50)[:, None] if axis == 0 else np.arange(90), (50, 90)).astype(np.uint8)
        cells = KnownImage(seen, truth).cells()
        np.testing.assert_allclose(cells.labels.numpy(), cells.pre_logits[:, axis].numpy() * 2, atol=1)
        assert len(cells.labels) == 6 * 11


def test_cells_without_a_class_are_left_out_and_inliers_without_one_are_known(known: Any) -> None:
    image = known(torch.arange(10.0).view(2, 1, 5), [[0, 1, 2, CLASSLESS, IGNORE]])  # 2 = K is unknown
    cells = image.cells()
    assert cells.labels.tolist() == [0, 1]
    assert cells.pre_logits.tolist() == [[0, 5], [1, 6]]
    assert image.inliers().tolist() == [[True, True, False, True, False]]
    assert cells.only(cells.labels == 1).logits.tolist() == [[1, 6]]


def test_each_picture_gives_its_share(known: Any) -> None:
    assert Extent(classes=2, pictures=3).share(10) == 4
    cells = known(torch.rand(2, 4, 4), np.zeros((4, 4))).cells()
    sampled = cells.sample(5, torch.Generator().manual_seed(1))
    assert len({tuple(each) for each in sampled.logits.tolist()}) == 5
    assert len(cells.sample(99, torch.Generator().manual_seed(1)).labels) == 16
