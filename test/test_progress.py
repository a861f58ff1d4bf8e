"""Progress is for terminals: logs and pipes stay free of it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from densehybrid_ros.progress import progress_bar

ROOT = Path(__file__).parent.parent


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_silent_unless_it_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress_bar([1, 2, 3], desc="check", unit="picture")) == [1, 2, 3]
    with progress_bar(total=3, desc="convert") as bar:
        bar.update()
        bar.set_postfix({"loss": "1"})
    printed = capsys.readouterr()
    assert printed.err + printed.out == ""


def test_on_a_terminal_it_is_drawn_unless_hidden() -> None:
    drawn, hidden = Terminal(), Terminal()
    assert list(progress_bar(range(3), desc="check", file=drawn)) == [0, 1, 2]
    assert list(progress_bar(range(3), shown=False, desc="check", file=hidden)) == [0, 1, 2]
    assert "check: 100%" in drawn.getvalue()
    assert hidden.getvalue() == ""


def test_all_bars_are_made_here() -> None:
    made = re.compile(r"\btqdm\(")
    sources = [*(ROOT / "densehybrid_ros").rglob("*.py"), *(ROOT / "training").rglob("*.py")]
    assert [str(path) for path in sources if path.name != "progress.py" and made.search(path.read_text())] == []
