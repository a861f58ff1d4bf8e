"""The node's settings: the whole set is valid or the change is refused."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.segmenter.settings import LIVE, Settings
from densehybrid_ros.options import changed, settings_of


def test_every_setting_is_described_and_numbers_have_a_range() -> None:
    assert {entry.name for entry in settings_of(Settings)} == {entry.name for entry in fields(Settings)}
    for entry in settings_of(Settings):
        assert len(entry.description) > 10
        if entry.kind in (int, float):
            assert entry.low is not None
            assert entry.high is not None
            assert entry.low < entry.high


def test_the_threshold_is_unset_until_somebody_sets_it() -> None:
    assert math.isnan(Settings().threshold)
    assert "threshold" in LIVE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": 5000.0}, "from -1000.0 to 1000.0"),
        ({"threshold": math.nan}, "from -1000.0"),
        ({"score": "nonsense"}, "score 'nonsense' is unknown; choose one of hybrid, likelihood"),
        (
            {"score": "sml"},
            "score 'sml' needs statistics of training pixels: it is for densehybrid evaluate alone; choose",
        ),
        ({"image_transport": "theora"}, "choose raw or compressed"),
        ({"range_source": "sonar"}, "range_source"),
        ({"range_source": "ground"}, "camera_height"),
        ({"min_range": 60.0, "max_range": 50.0}, "less than max_range"),
        ({"cameras": []}, "at least one"),
        ({"cameras": ["a", "a"]}, "different names"),
        ({"cameras": ["a b"]}, "cannot be part of a topic"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_the_reason(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        changed(Settings(), changes)
