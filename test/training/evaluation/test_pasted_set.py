"""The validation sets of a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.taxonomies import CAMVID_11
from densehybrid_ros.training.evaluation.pasted_set import validation_sets
from densehybrid_ros.training.recipe.recipe import SetSource


def test_validation_sets_of_other_classes_are_refused(tmp_path: Path, make: Callable[..., Any]) -> None:
    split = make(tmp_path, "camvid").split
    entry = SetSource("camvid", str(tmp_path), split)
    assert validation_sets([entry], CAMVID_11.classes)[0].name == f"camvid/{split}"
    with pytest.raises(SetupError, match=f"camvid/{split} has other classes"):
        validation_sets([entry], CAMVID_11.classes[:-1])
