"""What a recording comes to: `summary.json` and the same as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.segmentation import ConfusionMatrix, Segmentation
from densehybrid_ros.metrics.table import percent_text, table_lines


def summarise(
    frames_in: int,
    latencies_ms: Sequence[float],
    threshold: float | None,
    ranking: RankingPool,
    confusion: ConfusionMatrix,
) -> dict[str, Any]:
    """The content of summary.json; figures of ranking and segmentation in percent, where there was ground truth."""
    summary: dict[str, Any] = {
        "frames_in": frames_in,
        "frames_out": len(latencies_ms),
        "frames_dropped": frames_in - len(latencies_ms),
        "latency_ms": {
            "p50": round(float(np.percentile(latencies_ms, 50)), 1) if latencies_ms else None,
            "p95": round(float(np.percentile(latencies_ms, 95)), 1) if latencies_ms else None,
        },
        "threshold": threshold,
    }
    if ranking.has_both_kinds():
        summary |= ranking.result().percents()
    if confusion.counts.any():
        summary |= Segmentation.of(confusion).percents()
    return summary


def summary_table(summary: dict[str, Any]) -> str:
    """One line per figure."""
    latency = summary["latency_ms"]
    rows = [
        ("frames in / out / dropped", "{frames_in} / {frames_out} / {frames_dropped}".format(**summary)),
        ("latency p50 / p95", f"{latency['p50']} / {latency['p95']} ms"),
        ("threshold", f"{summary['threshold']}"),
    ]
    titles = Ranking.titles() | Segmentation.titles()
    rows += [(title, f"{percent_text(summary[name])} %") for name, title in titles.items() if name in summary]
    return "\n".join(f"  {line}" for line in table_lines(rows))
