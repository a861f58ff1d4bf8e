"""The node `evaluator`; what `ros2 run` and `python -m densehybrid_ros.nodes.evaluator` start."""

from __future__ import annotations


def main(arguments: list[str] | None = None) -> None:
    """Runs the node until it is told to stop."""
    from densehybrid_ros.nodes.evaluator.node import main as run

    run(arguments)
