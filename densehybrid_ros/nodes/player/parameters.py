"""The parameters of the node `player`."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

from densehybrid_ros.errors import SetupError

PARAMETERS: dict[str, tuple[Any, str]] = {
    "input": ("roadworld", "roadworld, roadworld:SEED, a folder of pictures, a video, or a rosbag2"),
    "width": (960, "width of Roadworld's pictures, px"),
    "height": (540, "height of Roadworld's pictures, px"),
    "rate": (0.0, "Hz; 0 = as recorded"),
    "frames": (0, "stop after so many; 0 = all"),
    "loop": (False, "begin anew at the end; stamps go on rising"),
    "start_paused": (False, "publish nothing until ~/pause is called with false"),
    "frame_id": ("camera", "frame of the images; of a bag its own frames are kept"),
    "keep_stamps": (True, "of a bag: publish the stamps that it holds; false = move them to now, rising over loops"),
    "stereo": (False, "of Roadworld: also render and publish right/image_raw"),
    "publish_clock": (False, "publish the frames' time on /clock, for nodes with use_sim_time"),
    "wait_for_subscribers": (0, "publish nothing until so many subscribe to image_raw"),
    "wait_timeout": (0.0, "s to wait for them before giving up; 0 = for ever"),
    "linger": (0.0, "s to stay after the last frame, so that its answers find those who listen"),
    "lockstep": ("", "topic of mono8 answers; the next frame waits for the answer with the last frame's stamp"),
    "lockstep_timeout": (20.0, "s to wait for an answer before going on without it"),
}


def declared(node: Node) -> dict[str, Any]:
    """Declares all parameters on the node and returns their values.

    Raises:
        SetupError: a value of another type, or one that is out of range.
    """
    values = {
        name: node.declare_parameter(name, default, ParameterDescriptor(description=text, dynamic_typing=True)).value
        for name, (default, text) in PARAMETERS.items()
    }
    values = _checked(values)
    if values["rate"] < 0 or values["frames"] < 0:
        raise SetupError(f"rate and frames must not be negative, but are {values['rate']} and {values['frames']}")
    return values


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The parameters with the types of their defaults; an integer is taken for a float.

    Raises:
        SetupError: a value of another type.
    """
    for name, (default, _) in PARAMETERS.items():
        wanted, value = type(default), values[name]
        if wanted is float and type(value) is int:
            values[name] = float(value)
        elif type(value) is not wanted:
            raise SetupError(f"parameter {name} must be of type {wanted.__name__}, not {value!r}")
    return values
