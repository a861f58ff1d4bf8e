"""What the first pages tell people to type exists, and so does what they link to."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from densehybrid_ros import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
FIRST = [ROOT / "docs" / f"{name}.md" for name in ("getting_started", "troubleshooting", "security")]
LINK = re.compile(r"\]\(([^)\s]+)\)")
LARGEST = 150_000
"""Bytes of a picture."""


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        if name.startswith("http"):
            continue
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def commands(page: Path) -> list[list[str]]:
    text = page.read_text(encoding="utf-8")
    lines = [
        line.partition("  #")[0] for block in re.findall(r"(?s)```bash\n(.*?)```", text) for line in block.splitlines()
    ]
    return [shlex.split(line) for line in lines if line.startswith("densehybrid ")]


def test_commands_of_the_first_pages_have_the_options_that_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    found = [words for page in FIRST for words in commands(page)]
    assert len(found) >= 5
    for _, name, *words in found:
        with pytest.raises(SystemExit):
            cli.main([name, "--help"])
        text = capsys.readouterr().out
        for word in words:
            assert not word.startswith("--") or word in text, (name, word)


def test_pictures_are_small_and_each_is_shown() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    pictures = list((ROOT / "docs" / "images").glob("*.*"))
    assert len(pictures) >= 7
    for path in pictures:
        assert path.stat().st_size < LARGEST
        assert f"images/{path.name}" in text
