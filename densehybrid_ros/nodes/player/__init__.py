"""The node `player`; what `ros2 run` and `python -m densehybrid_ros.nodes.player` start."""

from __future__ import annotations


def main(arguments: list[str] | None = None) -> None:
    """Runs the node until it is told to stop."""
    from densehybrid_ros.nodes.player.node import main as run

    run(arguments)
