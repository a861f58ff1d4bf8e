"""What a recording comes to: `summary.json` and the same as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from densehybrid_ros.metrics.ranking import ConfusionMatrix
from densehybrid_ros.metrics.ranking_pool import RankingPool


def summarise(
    frames_in: int,
    latencies_ms: Sequence[float],
    threshold: float | None,
    ranking: RankingPool,
    confusion: ConfusionMatrix,
) -> dict[str, Any]:
    """The content of summary.json; AP, FPR95, AUROC and mIoU in percent, where there was ground truth."""
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
        result = ranking.result()
        summary["ap"] = round(100 * result.ap, 2)
        summary["fpr95"] = round(100 * result.fpr95, 2)
        summary["auroc"] = round(100 * result.auroc, 2)
    if confusion.counts.sum():
        summary["miou"] = round(100 * confusion.mean_iou(), 2)
    return summary


def summary_table(summary: dict[str, Any]) -> str:
    """One line per figure."""
    latency = summary["latency_ms"]
    rows = [
        ("frames in / out / dropped", "{frames_in} / {frames_out} / {frames_dropped}".format(**summary)),
        ("latency p50 / p95", f"{latency['p50']} / {latency['p95']} ms"),
        ("threshold", f"{summary['threshold']}"),
    ]
    names = {"ap": "AP", "fpr95": "FPR95", "auroc": "AUROC", "miou": "mIoU (closed set)"}
    rows += [(text, f"{summary[name]:.2f} %") for name, text in names.items() if name in summary]
    return "\n".join(f"  {text:<28}{value}" for text, value in rows)
