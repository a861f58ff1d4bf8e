"""YAML from strangers: plain values within bounds, and one kind of error for all else."""

from __future__ import annotations

from pathlib import Path

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.formats.yaml_files import DEEPEST, read_yaml, yaml_value
from densehybrid_ros.training.recipe.reading import read_recipe

REFERENCES = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
"""2^40 values in a kilobyte."""
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))
FAULTY = {
    "references": REFERENCES,
    "merges": MERGES,
    "deep lists": "[" * 5000,
    "deep mappings": "{a: " * 5000,
    "itself": "a: &a [*a]",
    "a tag": "!!python/object/apply:os.system [date]",
    "a date": "a: 2001-13-45",
    "no bool": "!!bool maybe",
    "no time": "!!timestamp soon",
    "no number": "!!float x",
    "many digits": "9" * 5000,
    "a key that is none": "{[]: 1}",
    "control characters": "a: \x01",
    "an unknown reference": "*a",
}


@pytest.mark.parametrize("text", FAULTY.values(), ids=FAULTY.keys())
def test_what_cannot_be_used_is_one_error_with_a_short_reason(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        yaml_value(text)
    assert len(str(caught.value)) <= 300
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(SetupError, match=r"recipe\.yaml"):
        read_recipe(path)


def test_a_value_of_a_recipe_that_cannot_be_made_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    for value in ("!!timestamp soon", "!!bool maybe", "2001-13-45", "9" * 5000):
        path.write_text(f"architecture: ladder_lite0\nsteps: {value}\ntrain: []\nvalidation: []\n")
        with pytest.raises(SetupError, match=r"line 2: steps"):
            read_recipe(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SetupError, match=r"no valid YAML"):
        read_recipe(path)


def test_what_is_within_bounds_is_read_as_yaml_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: &x {k: 1}\nb: {<<: *x, l: [1.5, yes, null]}\n", encoding="utf-8")
    assert read_yaml(path) == {"a": {"k": 1}, "b": {"k": 1, "l": [1.5, True, None]}}
    deep = "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1)
    assert yaml_value(deep)
