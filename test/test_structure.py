"""The house: who imports whom, how many stand side by side, how long functions and lines are."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("densehybrid_ros", "models", "training")
"""`densehybrid_ros` holds links to the other two, which `os.walk` does not follow."""
MOST_MODULES = 15
LONGEST_MARKDOWN = 125
MEDIAN, LONG = 8, 21
"""Lines of a function: of the middle one, and of the longest of nine in ten."""


def sources() -> list[Path]:
    folders = [folder for room in ROOMS for folder, _, _ in os.walk(ROOT / room)]
    return [path for folder in folders for path in sorted(Path(folder).glob("*.py"))]


def test_imports_only_go_down_and_never_in_a_circle() -> None:
    """The layers stand in pyproject.toml, with the contract that no files or folders side by side form a circle."""
    pytest.importorskip("importlinter", reason="import-linter is not installed")
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no circle among neighbours, in any room KEPT" in done.stdout


def test_no_folder_has_more_modules_side_by_side_than_can_be_overlooked() -> None:
    folders = [path.parent for path in sources() if not path.stem.startswith("__")]
    crowded = {str(folder.relative_to(ROOT)): folders.count(folder) for folder in set(folders)}
    assert not {folder: count for folder, count in crowded.items() if count > MOST_MODULES}


def test_functions_are_short() -> None:
    functions = [
        node
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lines = [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]
    assert np.median(lines) <= MEDIAN
    assert np.percentile(lines, 90) <= LONG


def test_lines_of_markdown_fit_beside_code() -> None:
    found = [*ROOT.glob("*.md"), *(path for room in ("docs", "models") for path in (ROOT / room).rglob("*.md"))]
    assert len(found) >= 8
    long = [
        f"{path.relative_to(ROOT)}:{number}: {len(line)}"
        for path in found
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LONGEST_MARKDOWN
    ]
    assert not long
