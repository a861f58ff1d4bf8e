"""What can be set on the node `evaluator`."""

from __future__ import annotations

from dataclasses import dataclass

from densehybrid_ros.options import setting
from densehybrid_ros.topics import SEGMENTER


@dataclass(frozen=True)
class EvaluatorSettings:
    """The evaluator."""

    node: str = setting(SEGMENTER, "node whose score is judged")
    out: str = setting("", "file for the table at the end: JSON, and beside it the same as .txt; empty = none")
    period: float = setting(5.0, "s between two reports", 0.01, 3600.0)
    frames: int = setting(0, "stop after so many judged frames; 0 = never", 0, 2**31 - 1)
    idle_timeout: float = setting(
        0.0, "s without a message, after the first score, after which to stop; 0 = never", 0.0, 1e6
    )
    sync_tolerance: float = setting(0.01, "s; truth and disparity may be so far from the score's stamp", 0.0, 10.0)
