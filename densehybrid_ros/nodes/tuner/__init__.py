"""The node `tuner`; what `ros2 run` and `python -m densehybrid_ros.nodes.tuner` start."""

from __future__ import annotations

from densehybrid_ros.packages import needed_packages
from densehybrid_ros.stopping import end_at_once


def main(arguments: list[str] | None = None) -> None:
    """Runs the node until it is told to stop."""
    end_at_once()
    with needed_packages():
        from densehybrid_ros.nodes.tuner.node import main as run

    run(arguments)
