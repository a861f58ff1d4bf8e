"""Open-set perception for vehicles: a hybrid open-set segmenter, its ROS 2 node and its training.

`from densehybrid_ros import Segmenter, Scene, attach`; nothing of them is imported before it is asked for.
"""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from densehybrid_ros.core.scenes import Scene
    from densehybrid_ros.core.segmenter import Segmenter
    from densehybrid_ros.models.attach import attach

    __version__: str

__all__ = ["Scene", "Segmenter", "__version__", "attach"]

_ROOMS = {"Scene": "core.scenes", "Segmenter": "core.segmenter", "attach": "models.attach"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _ROOMS:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def _version() -> str:
    """As package.xml of the checkout says, which may not be installed; else that of the installation."""
    beside = Path(__file__).parents[1] / "package.xml"
    if not beside.is_file():
        return version(__name__)
    found = re.search(r"<version>(.+)</version>", beside.read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
