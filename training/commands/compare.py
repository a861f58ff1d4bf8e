"""densehybrid compare --weights FILE … --set NAME [ROOT [SPLIT]]: all scores of several weights on several sets, in
one table.

Every --set is one more data set, as `densehybrid evaluate NAME --root ROOT --split SPLIT` takes it; without --weights
the bundled ones are taken. The network runs once over a set for all scores of one weights file. All other options are
those of `densehybrid evaluate`: --scores, --components, --negatives, --device and so on. --statistics takes those of
several weights.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.metrics.table import table_lines
from densehybrid_ros.models.checkpoint import BUNDLED
from densehybrid_ros.training.baselines.statistics_file import statistics_of_each
from densehybrid_ros.training.commands.evaluate import evaluate_parser, examined, task_of
from densehybrid_ros.training.reports.comparison import FIGURES, Compared, comparison_table, distinct_names
from densehybrid_ros.training.reports.document import Document, Part
from densehybrid_ros.training.reports.outputs import add_outputs, refuse_outputs, write_outputs
from densehybrid_ros.training.reports.tables import Table

GIVEN_BY_SET = ("--root", "--split")
SET_WORDS = 3
"""At most: NAME, ROOT and SPLIT."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="densehybrid compare", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--set", nargs="+", action="append", required=True, metavar=("NAME", "ROOT"), help="a data set; repeatable"
    )
    add_weights(parser)
    parser.add_argument(
        "--figures",
        type=_figures,
        default=list(FIGURES),
        help=f"of the table, joined by commas, as in ap,fpr95: {', '.join(FIGURES)}; default: those there are",
    )
    add_outputs(parser)
    options, others = parser.parse_known_args(argv)
    if given := [each for each in others if each.partition("=")[0] in GIVEN_BY_SET]:
        parser.error(f"{given[0]} stands with each set: --set NAME ROOT SPLIT")
    if long := [each for each in options.set if len(each) > SET_WORDS]:
        parser.error(f"--set takes NAME ROOT SPLIT, not {' '.join(long[0])}")
    results = compared(options, options.set, others)
    show([comparison_table(results, options.figures)], results, options)


def _figures(text: str) -> list[str]:
    """Names of FIGURES; SetupError where one is unknown."""
    for name in (names := text.split(",")):
        chosen("figure", name, FIGURES)
    return names


def add_weights(parser: argparse.ArgumentParser) -> None:
    """And what belongs to each of them."""
    parser.add_argument("--weights", nargs="+", default=[""], metavar="FILE", help=".safetensors; default: the bundled")
    parser.add_argument(
        "--statistics",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="of fit-score, in any order: each says of which weights it is; else what lies beside these",
    )


def compared(options: argparse.Namespace, sets: Sequence[Sequence[str]], others: Sequence[str]) -> list[Compared]:
    """All weights on all sets.

    Args:
        options: weights ("" = the bundled ones), statistics of some of them, and outputs.
        sets: name, and root and split where they are given.
        others: arguments of `densehybrid evaluate`.

    Raises:
        SetupError: a weights file or a set is named twice, a file cannot be written, or as `statistics_of_each` and the
            protocols.
    """
    for what, given in (("weights file", options.weights), ("set", [" ".join(each) for each in sets])):
        if len(set(given)) < len(given):
            raise SetupError(f"a {what} is named twice; name each once")
    refuse_outputs(options.json, options.report)
    files = [Path(each) if each else BUNDLED for each in options.weights]
    names, statistics = distinct_names(list(map(str, files))), statistics_of_each(options.statistics, files)
    wanted = [(title, evaluate_options(given, others)) for title, given in zip(set_titles(sets), sets, strict=True)]
    results: list[Compared] = []
    for title, asked in wanted:
        for name, path, fitted in zip(names, options.weights, statistics, strict=True):
            resume = asked["resume"] and asked["resume"] / folder_name(title) / folder_name(name)
            own = {"weights": path, "statistics": fitted, "resume": resume}
            report = examined(task_of({**asked, **own, "report": options.report}))
            results.append(Compared(name, title, report.figures, report.pictures))
    return results


def folder_name(title: str) -> str:
    """As in "camvid_val" of "camvid/val"."""
    return re.sub(r"[^\w.-]+", "_", title).lstrip(".") or "_"


def evaluate_options(given: Sequence[str], others: Sequence[str]) -> dict[str, Any]:
    """Of name, root and split of a set, and of other arguments of evaluate."""
    name, *place = given
    placed = [word for option, value in zip(GIVEN_BY_SET, place, strict=False) for word in (option, value)]
    return vars(evaluate_parser("densehybrid compare").parse_args([name, *others, *placed]))


def set_titles(sets: Sequence[Sequence[str]]) -> list[str]:
    """Names as readers see them: with the split, and with the folder where these are the same."""
    titles = ["/".join([given[0], *given[2:]]) for given in sets]
    return [title if titles.count(title) == 1 else " ".join(given) for title, given in zip(titles, sets, strict=True)]


def show(overview: Sequence[Table], results: Sequence[Compared], options: argparse.Namespace) -> None:
    """On the terminal, and in the files that are asked for."""
    print("\n\n".join("\n".join(table_lines(table.rows)) for table in overview))
    figures = [{"set": each.dataset, "name": each.weights, **each.figures} for each in results]
    parts = [Part(f"{each.dataset}: {each.weights}", each.figures, each.pictures) for each in results]
    document = Document("Scores compared", parts, overview)
    write_outputs(options.json, options.report, {"results": figures}, document)
