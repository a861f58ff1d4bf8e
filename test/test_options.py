"""Settings: the whole set is valid or the change is refused."""

from __future__ import annotations

import math

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.options import LIVE, Settings, changed_settings, setting_fields


def test_every_setting_is_described_and_numbers_have_a_range() -> None:
    for entry in setting_fields():
        assert len(entry.metadata["description"]) > 10
        if isinstance(entry.default, (int, float)) and not isinstance(entry.default, bool):
            assert entry.metadata["low"] < entry.metadata["high"]


def test_the_threshold_is_unset_until_somebody_sets_it() -> None:
    assert math.isnan(Settings().threshold)
    assert "threshold" in LIVE


def test_an_integer_is_taken_for_a_float() -> None:
    changed = changed_settings(Settings(), {"threshold": 1})
    assert changed.threshold == 1.0
    assert isinstance(changed.threshold, float)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": "high"}, "threshold must be of type float"),
        ({"threshold": True}, "threshold must be of type float"),
        ({"threshold": 5000.0}, "from -1000.0 to 1000.0"),
        ({"threshold": math.nan}, "from -1000.0"),
        ({"overlay_alpha": 1.5}, "overlay_alpha must be from 0.0 to 1.0"),
        ({"warmup_iterations": 1.5}, "of type int"),
        ({"score": "nonsense"}, "hybrid, likelihood"),
        ({"colour": 1}, "unknown"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(changes: dict, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        changed_settings(Settings(), changes)
