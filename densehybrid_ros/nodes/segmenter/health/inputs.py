"""How it goes with the topics that a camera hears, for the diagnostics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InputReport:
    """The topics of one camera as the graph shows them."""

    image_topic: str = ""
    image_publishers: int | None = None
    """That are heard; None where images are not taken."""
    image_reliability: str = ""
    """reliable or best_effort, as it is subscribed."""
    silence: str = ""
    """What is known of why no image comes."""
    no_camera_info: str = ""
    """Likewise, of camera_info."""
    misfit: str = ""
    """Why a publisher of one of its topics is not heard; "" where all are."""

    @property
    def remedy(self) -> str:
        """What helps where images are lost on the way."""
        profile = "give its process the Fast DDS profile config/fastdds_large_images.xml"
        if self.image_reliability == "reliable":
            return f"let its publisher keep 5 messages or more (depth), or {profile}"
        return f"let its publisher offer reliable delivery and keep 5 messages (depth), or {profile}"


UNKNOWN_INPUTS = InputReport()
