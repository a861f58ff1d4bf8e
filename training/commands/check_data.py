"""densehybrid check-data NAME ROOT [--split S]: whether a data set lies as it should, file by file.

Opens every picture and its labels (or every N-th with --every), and names what is missing, cannot be read, differs in
size from its other half, or holds ids that the set does not have. Prints sizes, ids and the share of each class, for
every split below ROOT if none is named. Exit status 1 where there are problems. `ade20k` are the negatives.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.datasets import CHECKABLE
from densehybrid_ros.training.datasets.checking import check_set


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid check-data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=CHECKABLE)
    parser.add_argument("root", type=Path)
    parser.add_argument("--split", help="if not given, every split below ROOT")
    parser.add_argument("--every", type=int, default=1, help="look at every N-th picture")
    arguments = parser.parse_args(argv)
    if arguments.every < 1:
        raise SetupError(f"--every is {arguments.every}; give at least 1")
    problems = check_set(CHECKABLE[arguments.name], arguments.root, arguments.split, arguments.every)
    sys.exit(1 if problems else 0)
