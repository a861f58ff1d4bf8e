"""The only list of what can be set on the node; its ROS parameters are made from it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from densehybrid_ros.camera import MAX_IMAGE_PIXELS
from densehybrid_ros.core.scores import NOT_LIVE, SCORES
from densehybrid_ros.engines.choice import ENGINES
from densehybrid_ros.errors import SetupError
from densehybrid_ros.options import live_names, setting
from densehybrid_ros.ranging.settings import RangingSettings

CAMERA_NAME = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*_?")
"""A ROS topic token without a double underscore."""


@dataclass(frozen=True)
class Settings(RangingSettings):
    """Cameras, network, what counts as unknown, and what is reported.

    A whole, valid set; changed only by replacing it whole.
    """

    cameras: tuple[str, ...] = setting(
        ("",), "names of the cameras, which prefix their topics, in and out; [''] = one without name"
    )
    image_transport: str = setting("raw", "how images come, compressed as JPEG or PNG", choices=("raw", "compressed"))
    lazy: bool = setting(True, "take images only while somebody listens to an output of their camera", live=True)
    model_path: str = setting("", "weights file (.safetensors); empty = the bundled weights")
    device: str = setting("auto", "auto (cuda:0 if there, else cpu), cpu, cuda, cuda:N")
    precision: str = setting("auto", "auto (fp16 on CUDA, fp32 on the CPU), fp32, fp16, bf16")
    engine: str = setting(
        "auto",
        "what runs the network, where auto takes onnxruntime, or openvino in bf16, on CPUs that have it, once it "
        "answers as torch does",
        choices=tuple(ENGINES),
    )
    inference_width: int = setting(
        0, "width in px at which the network runs; 0 = what the weights recommend, -1 = native", -1, 16384
    )
    max_image_pixels: int = setting(
        MAX_IMAGE_PIXELS, "larger images are dropped before they reach the device", 1, 2**31 - 1
    )
    warmup_iterations: int = setting(
        3, "runs on black images while configuring, on CUDA; a CPU is as quick at once", 0, 100
    )
    num_threads: int = setting(
        0,
        "threads of the network on the CPU; 0 = torch's own default, which is one for each core, or OMP_NUM_THREADS",
        0,
        1024,
    )
    score: str = setting("hybrid", "anomaly score", live=True, choices=tuple(SCORES), elsewhere=NOT_LIVE)
    threshold: float = setting(
        math.nan,
        "pixels whose score is at least this are unknown; unset = the value stored with the weights for the score",
        -1000.0,
        1000.0,
        live=True,
    )
    target_tpr: float = setting(
        0.0, "share of unknown pixels to find, by the calibration stored with the weights; 0 = off", 0.0, 1.0, live=True
    )
    output_size: str = setting(
        "image",
        "size of the maps, where network is that at which the network sees the image, if that is smaller",
        live=True,
        choices=("image", "network"),
    )
    overlay_alpha: float = setting(0.45, "weight of the colours in the overlay", 0.0, 1.0, live=True)
    max_frame_age: float = setting(
        0.0, "s; frames whose stamp is older, by the node's clock, are dropped; 0 = off", 0.0, 3600.0, live=True
    )
    camera_timeout: float = setting(
        2.0, "s without a frame after which a camera is reported STALE, on the steady clock", 0.05, 3600.0, live=True
    )
    range_source: str = setting(
        "auto",
        "where ranges come from, where auto takes the first that comes",
        choices=("auto", "disparity", "depth", "stereo", "ground", "off"),
    )
    sync_tolerance: float = setting(
        0.01, "s; disparity, depth or right image may be so far from the image's stamp", 0.0, 10.0, live=True
    )
    rectified: bool = setting(
        False,
        "the images are rectified, whatever D and R of camera_info say; rect in the name of their topic says so too",
        live=True,
    )
    range_wait: float = setting(
        0.5,
        "s that obstacles wait for distances of their image after the masks, which never wait",
        0.0,
        10.0,
        live=True,
    )
    track_timeout: float = setting(
        1.0, "s after which an obstacle that is not seen any more loses its number", 0.0, 60.0, live=True
    )
    min_hits: int = setting(
        1,
        "frames in which an obstacle must be seen before it is reported, each within track_timeout of the last; "
        "more than 1 passes over flicker, and needs more than one frame a second",
        1,
        100,
        live=True,
    )
    target_frame: str = setting("", "frame of the obstacles, by TF; empty = the image's own frame, without TF")
    transform_wait: float = setting(
        0.2, "s that obstacles wait for TF to know target_frame after the masks, which never wait", 0.0, 10.0, live=True
    )
    autostart: bool = setting(True, "configure and activate without being asked")
    must_start: bool = setting(False, "where autostart fails, end with exit status 2 instead of waiting, unconfigured")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.range_source == "ground" and self.camera_height == 0:
            raise SetupError("range_source ground needs camera_height, m over the road, and camera_pitch")
        if not self.cameras or len(set(self.cameras)) != len(self.cameras):
            raise SetupError(f"cameras must be different names, at least one, not {list(self.cameras)}")
        wrong = [name for name in self.cameras if not CAMERA_NAME.fullmatch(name) and self.cameras != ("",)]
        if wrong:
            raise SetupError(
                f"camera name {wrong[0]!r} cannot be part of a topic; "
                "use letters, digits and _, beginning with a letter"
            )


LIVE = live_names(Settings)
