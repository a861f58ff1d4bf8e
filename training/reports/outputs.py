"""Where the figures of a command go: JSON, and reports as a page or as Markdown."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from densehybrid_ros.errors import chosen
from densehybrid_ros.files import refuse_unwritable, write_whole
from densehybrid_ros.training.reports.document import Document, markdown_of
from densehybrid_ros.training.reports.page import page_of

FORMS: dict[str, Callable[[Document], str]] = {".html": page_of, ".md": markdown_of}
"""Ending of a file → the report as its contents."""


def add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument(
        "--report",
        type=Path,
        action="append",
        default=[],
        metavar="OUT.html",
        help="also write a page with tables, curves and pictures, or its tables as OUT.md; repeatable",
    )


def refuse_outputs(json_file: Path | None, reports: list[Path]) -> None:
    """To be called before the work.

    Raises:
        SetupError: a file cannot be written, or its ending is none of FORMS.
    """
    for path in reports:
        chosen("ending of a report,", path.suffix, FORMS)
    for path in [*reports, *filter(None, [json_file])]:
        refuse_unwritable(path)


def write_outputs(json_file: Path | None, reports: list[Path], figures: Mapping[str, Any], document: Document) -> None:
    """
    Raises:
        SetupError: a file cannot be written.
    """
    if json_file:
        write_whole(json_file, json.dumps(figures, indent=2) + "\n")
    for path in reports:
        write_whole(path, FORMS[path.suffix](document))
