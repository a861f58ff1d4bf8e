"""What can be set on the node `tuner`."""

from __future__ import annotations

from dataclasses import dataclass

from densehybrid_ros.options import setting
from densehybrid_ros.topics import SEGMENTER

HISTORY_WIDTH = 960
"""px; larger pictures are made smaller."""


@dataclass(frozen=True)
class TunerSettings:
    """The tuner."""

    node: str = setting(SEGMENTER, "segmenter that is tuned")
    host: str = setting(
        "127.0.0.1", "address to serve the page at; any but this machine's own loopback needs a token to open it"
    )
    port: int = setting(8787, "port of the page; 0 = any that is free", 0, 65535)
    names: tuple[str, ...] = setting(
        ("",), "further names by which browsers may call this machine, beside its own and plain addresses"
    )
    rate: float = setting(10.0, "Hz; pictures shown a second at most, of each camera", 0.1, 60.0)
    width: int = setting(HISTORY_WIDTH, "px; wider pictures are made smaller before they are kept and shown", 64, 4096)
    history: int = setting(30, "frames of each camera that are kept, to step back over and for the histogram", 1, 1000)
    niceness: int = setting(
        10, "by how much it gives way to other processes, so that a page takes no time from the segmenter", 0, 19
    )
    quality: int = setting(80, "of the JPEG pictures that are shown", 10, 100)
