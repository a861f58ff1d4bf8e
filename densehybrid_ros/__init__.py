"""Open-set perception for vehicles: a hybrid open-set segmenter, its ROS 2 node and its training.

`from densehybrid_ros import Segmenter, Scene, attach`; nothing of them is imported before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from densehybrid_ros.core.scenes import Scene
    from densehybrid_ros.core.segmenter import Segmenter
    from densehybrid_ros.models.attach import attach

__version__ = "0.1.0"
__all__ = ["Scene", "Segmenter", "attach"]

_ROOMS = {"Scene": "core.scenes", "Segmenter": "core.segmenter", "attach": "models.attach"}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
