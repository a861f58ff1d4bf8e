"""The report of a run: what its last validation says of the weights that it leaves."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.evaluation.evidence.of_set import SetEvidence
from densehybrid_ros.training.evaluation.pictures import report_of
from densehybrid_ros.training.evaluation.validate import Evaluation
from densehybrid_ros.training.reports.comparison import Compared, comparison_table
from densehybrid_ros.training.reports.document import Document, Part
from densehybrid_ros.training.reports.outputs import write_outputs

JSON, PAGE, TABLES = "report.json", "report.html", "report.md"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class ValidatedSet:
    """One of the recipe's validation sets."""

    source: LabelledSource
    evidence: SetEvidence
    """Which saw what was evaluated."""
    result: Evaluation

    def part(self, segmenter: Segmenter) -> Part:
        """Runs the network over the best and the worst pictures once more."""
        more, pictures = self.evidence.figures(segmenter, self.result.points)
        return Part(self.source.name, {**report_of(self.source.name, WEIGHTS, self.result), **more}, pictures)


def is_reported(out: Path) -> bool:
    """Whether the folder of a run holds the whole report."""
    return all((out / name).is_file() for name in (JSON, PAGE, TABLES))


def forget_report(out: Path) -> None:
    """A run that begins anew does not keep what an earlier one left in its folder."""
    for name in (JSON, PAGE, TABLES):
        (out / name).unlink(missing_ok=True)


def write_report(out: Path, step: int, segmenter: Segmenter, validated: Sequence[ValidatedSet]) -> None:
    """Figures, page and tables, those of several sets side by side as well.

    No training fails for lack of a report: what kept it from being written is on stderr.
    """
    if not validated:
        print("no report of the run: its recipe names no validation sets", file=sys.stderr)
        return
    try:
        parts = [each.part(segmenter) for each in validated]
        results = [Compared(WEIGHTS, part.title, part.figures) for part in parts]
        figures = {"step": step, "results": [{"set": part.title, **part.figures} for part in parts]}
        overview = [comparison_table(results)] if len(results) > 1 else []
        document = Document(f"{segmenter.info.architecture} after {step} steps", parts, overview)
        write_outputs(out / JSON, [out / PAGE, out / TABLES], figures, document)
    except Exception as error:  # whatever it is: the weights are there, and days may have gone into them
        print(
            f"warning: no report of the run: {type(error).__name__}: {error}; its weights are whole. The same command "
            f"tries again, and densehybrid evaluate SET --weights {out / WEIGHTS} --report OUT.html reports on any set",
            file=sys.stderr,
        )
