"""Networks that other installed Python packages bring.

A package names them in the group `densehybrid_ros.networks` of its entry points: `name = "module:function"`, where
`function(classes)` gives a segmenter with the hybrid head, which `attach` makes of any. Only what is installed is
imported: a weights file can name a network, and cannot bring code along.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from torch import nn

from densehybrid_ros.errors import SetupError

GROUP = "densehybrid_ros.networks"


class Trainable(Protocol):
    """What training asks of a network, beside its forward."""

    normalisation: str

    def trunk_parameters(self) -> list[nn.Parameter]: ...
    def early_layers(self) -> list[nn.Module]: ...


NEEDED = ("trunk_parameters", "early_layers", "normalisation")


def installed_networks() -> dict[str, EntryPoint]:
    """By name, not imported yet."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def build_installed(entry: EntryPoint, classes: int) -> nn.Module:
    """Calls the package's function.

    Raises:
        SetupError: the function cannot be imported, or gives something else than a segmenter with the hybrid head.
    """
    try:
        function = entry.load()
    except (ImportError, AttributeError) as error:
        raise SetupError(f"network '{entry.name}' cannot be imported from '{entry.value}': {error}") from error
    model = function(classes)
    if not isinstance(model, nn.Module) or any(not hasattr(model, name) for name in NEEDED):
        raise SetupError(
            f"network '{entry.name}': {entry.value} gives a {type(model).__name__} without the hybrid head; let it "
            "return densehybrid_ros.models.attach.attach(model, classifier)"
        )
    return model
