"""Procedural road scenes with exact truth, in the CamVid taxonomy. NumPy and OpenCV only; no assets."""

from densehybrid_ros.roadworld.world import Frame, Roadworld

__all__ = ["Frame", "Roadworld"]
