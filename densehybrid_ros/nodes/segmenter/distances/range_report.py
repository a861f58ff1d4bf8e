"""How it goes with the ranges of one camera, for the diagnostics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from densehybrid_ros.ranging.obstacles import Obstacle


@dataclass(frozen=True)
class RangeReport:
    """How it went with the last frame."""

    source: str = ""
    """disparity, depth, stereo or ground; "" = nothing tells distances."""
    trouble: str = ""
    """Why its obstacles have no range although something should tell it; "" where all is well."""
    obstacles: int = 0
    without_range: int = 0
    nearest: float | None = None
    """m"""
    delay: float | None = None
    """s by which its distances came after the image; None where none came."""
    no_scan: str = ""
    """Why ~/obstacles/scan, which is wanted, could not be made."""

    @property
    def status(self) -> str:
        return self.trouble or self.source or "off"


NO_RANGES = RangeReport()


def report_of(
    source: str, trouble: str, obstacles: Sequence[Obstacle], delay: float | None, no_scan: str = ""
) -> RangeReport:
    """The report of one frame; where nothing tells distances, that is no trouble."""
    ranges = [obstacle.range for obstacle in obstacles if obstacle.range is not None]
    return RangeReport(
        source=source,
        trouble=trouble if source else "",
        obstacles=len(obstacles),
        without_range=len(obstacles) - len(ranges),
        nearest=min(ranges, default=None),
        delay=delay,
        no_scan=no_scan,
    )


def worst_of(reports: Sequence[RangeReport]) -> RangeReport:
    """All cameras as one: obstacles are summed, the first trouble, the nearest obstacle and the longest delay count."""
    troubled = [report for report in reports if report.trouble]
    sourced = [report for report in reports if report.source]
    shown = (troubled or sourced or [NO_RANGES])[0]
    return RangeReport(
        source=shown.source,
        trouble=shown.trouble,
        obstacles=sum(report.obstacles for report in reports),
        without_range=sum(report.without_range for report in reports),
        nearest=min((report.nearest for report in reports if report.nearest is not None), default=None),
        delay=max((report.delay for report in reports if report.delay is not None), default=None),
        no_scan=next((report.no_scan for report in reports if report.no_scan), ""),
    )
