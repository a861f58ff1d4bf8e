"""What can be set on the node `player`."""

from __future__ import annotations

from dataclasses import dataclass

from densehybrid_ros.options import setting
from densehybrid_ros.playback.played import BagTopics
from densehybrid_ros.topics import ANOMALY_TRUTH, CLOCK, IMAGE, PAUSE, RIGHT_IMAGE

MOST = 2**31 - 1
LONGEST = 1e6
"""s"""


@dataclass(frozen=True)
class PlayerSettings(BagTopics):
    """The player."""

    input: str = setting("roadworld", "roadworld, roadworld:SEED, a folder of pictures, a picture, a video, or a bag")
    width: int = setting(960, "px, of Roadworld's pictures", 16, 16384)
    height: int = setting(540, "px, of Roadworld's pictures", 16, 16384)
    rate: float = setting(0.0, "Hz; 0 = as recorded", 0.0, 1000.0)
    frames: int = setting(0, "stop after so many; 0 = all", 0, MOST)
    loop: bool = setting(False, "begin anew at the end, until stopped; stamps go on rising")
    start_paused: bool = setting(False, f"play nothing until {PAUSE} is called with false")
    frame_id: str = setting("camera", "frame of the images; of a bag its own frames are kept")
    keep_stamps: bool = setting(True, "of a bag: the stamps that it holds; false = moved to now, rising over loops")
    stereo: bool = setting(False, f"of Roadworld: also render and publish {RIGHT_IMAGE.name}")
    publish_clock: bool = setting(False, f"publish the frames' time on {CLOCK.name}, for nodes with use_sim_time")
    wait_for_subscribers: int = setting(0, f"publish nothing until so many subscribe to {IMAGE.name}", 0, 1000)
    wait_for_evaluator: bool = setting(
        False, f"publish nothing until one subscribes to {ANOMALY_TRUTH.name}, where the input has it"
    )
    wait_timeout: float = setting(0.0, "s to wait for them before giving up; 0 = for ever", 0.0, LONGEST)
    linger: float = setting(0.0, "s to stay after the last frame, so that its answers find listeners", 0.0, LONGEST)
    lockstep: str = setting("", "topic of mono8 answers; the next frame waits for the answer to the last one's stamp")
    lockstep_timeout: float = setting(20.0, "s to wait for an answer before going on without it", 0.0, LONGEST)
