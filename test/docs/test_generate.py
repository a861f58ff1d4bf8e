"""What docs/generate.py writes is as the code has it."""

from __future__ import annotations

from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import yaml

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_that_is_generated_is_stale(generate: ModuleType) -> None:
    stale = [path.name for path, text in generate.generated().items() if path.read_text() != text]
    assert not stale, f"{', '.join(stale)} must be renewed: python docs/generate.py"


def test_layouts_follow_when_a_topic_gets_another_name(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "_shown", lambda topic: f"other/{topic.under('densehybrid')}")
    for path, written, images in (
        (generate.RVIZ, generate.rviz_layout(), generate.IMAGES),
        (generate.FOXGLOVE, generate.foxglove_layout(), generate.FOXGLOVE_IMAGES),
    ):
        expected = path.read_text()
        for topic in [*images.values(), *generate.OBSTACLES.values()]:
            name = topic.under("densehybrid")
            assert expected.count(name) == 1
            expected = expected.replace(name, f"other/{name}")
        assert written == expected


def test_every_table_stands_in_one_page(generate: ModuleType) -> None:
    places = Counter(found[1] for page in DOCS.glob("*.md") for found in generate.PLACE.finditer(page.read_text()))
    assert places == Counter(list(generate.TABLES))


def test_lines_of_tables_are_short(generate: ModuleType) -> None:
    assert max(len(line) for table in generate.TABLES.values() for line in table().splitlines()) <= 125


def test_the_parameter_file_says_what_is_live(generate: ModuleType) -> None:
    lines = generate.parameter_file().splitlines()
    assert lines[lines.index('    device: "auto"') - 1].startswith("    # auto")
    assert lines[lines.index("    overlay_alpha: 0.45") - 1].startswith("    # (live) weight")
    assert yaml.safe_load("\n".join(lines))["/**"]["ros__parameters"]["score"] == "hybrid"
