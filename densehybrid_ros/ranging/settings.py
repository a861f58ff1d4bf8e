"""What can be set on the measuring of obstacles."""

from __future__ import annotations

from dataclasses import dataclass

from densehybrid_ros.errors import SetupError
from densehybrid_ros.options import setting

SGBM_MODES = {"sgbm": 0, "hh": 1, "sgbm_3way": 2, "hh4": 3}
"""OpenCV's numbers of the ways to run semi-global matching."""


@dataclass(frozen=True)
class StereoSettings:
    """Stereo matching (OpenCV's semi-global block matching), where ranges come from a rectified pair."""

    stereo_width: int = setting(0, "px at which a stereo pair is matched; 0 = its own width", 0, 16384, live=True)
    sgbm_mode: str = setting("sgbm_3way", "of the stereo matcher", live=True, choices=tuple(SGBM_MODES))
    sgbm_min_disparity: int = setting(0, "px, where the search of disparities begins", -2048, 2048, live=True)
    sgbm_disparity_range: int = setting(128, "px, a multiple of 16: disparities that are searched", 16, 4096, live=True)
    sgbm_correlation_window_size: int = setting(5, "px, odd: side of the block that is matched", 1, 255, live=True)
    sgbm_p1: int = setting(0, "penalty of a change by 1 px; 0 = 8 x window^2", 0, 1_000_000, live=True)
    sgbm_p2: int = setting(0, "penalty of larger changes, above p1; 0 = 32 x window^2", 0, 1_000_000, live=True)
    sgbm_disp12_max_diff: int = setting(1, "px between left and right disparity; -1 = no check", -1, 128, live=True)
    sgbm_prefilter_cap: int = setting(63, "cut-off of the prefiltered gradients", 1, 63, live=True)
    sgbm_uniqueness_ratio: int = setting(10, "% by which the best match must win", 0, 100, live=True)
    sgbm_speckle_size: int = setting(
        100, "px; smaller patches of disparity are removed; 0 = none", 0, 100_000, live=True
    )
    sgbm_speckle_range: int = setting(2, "px of disparity within one patch", 0, 128, live=True)

    def __post_init__(self) -> None:
        if self.sgbm_disparity_range % 16:
            raise SetupError(f"sgbm_disparity_range must be a multiple of 16, not {self.sgbm_disparity_range}")
        if self.sgbm_correlation_window_size % 2 == 0:
            raise SetupError(f"sgbm_correlation_window_size must be odd, not {self.sgbm_correlation_window_size}")
        if self.p1 >= self.p2:
            raise SetupError(f"sgbm_p1 ({self.p1}) must be less than sgbm_p2 ({self.p2}); 0 = by the window's size")

    @property
    def p1(self) -> int:
        """The penalty that is in force."""
        return self.sgbm_p1 or 8 * self.sgbm_correlation_window_size**2

    @property
    def p2(self) -> int:
        """The penalty that is in force."""
        return self.sgbm_p2 or 32 * self.sgbm_correlation_window_size**2


@dataclass(frozen=True)
class RangingSettings(StereoSettings):
    """Obstacles, connected regions of unknown pixels, and their ranges."""

    min_obstacle_area: int = setting(100, "px; smaller unknown regions are no obstacles", 1, 2**31 - 1, live=True)
    road_gate: bool = setting(False, "report only obstacles that touch drivable classes", live=True)
    drivable_classes: tuple[str, ...] = setting(
        ("road", "road line"), "names of the classes that are road; those the weights do not know are passed over"
    )
    min_range: float = setting(0.5, "m; what is nearer is not reported", 0.0, 1000.0, live=True)
    max_range: float = setting(100.0, "m; what is farther is not reported", 0.0, 100_000.0, live=True)
    min_valid_disparity_fraction: float = setting(
        0.1, "share of an obstacle's pixels whose distance must be valid", 0.0, 1.0, live=True
    )
    disparity_error: float = setting(0.5, "px; standard deviation of a disparity", 0.0, 100.0, live=True)
    depth_error: float = setting(0.02, "standard deviation of a depth, share of it", 0.0, 1.0, live=True)
    camera_height: float = setting(
        0.0, "m over the road, for ranges where nothing is measured; 0 = not known", 0.0, 100.0, live=True
    )
    camera_pitch: float = setting(0.0, "rad, positive = looks down; goes with camera_height", -1.5, 1.5, live=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_range >= self.max_range:
            raise SetupError(f"min_range {self.min_range:g} must be less than max_range {self.max_range:g}")
