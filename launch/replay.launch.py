"""A recorded drive through the node: ros2 launch densehybrid_ros replay.launch.py input:=/data/drive rate:=10

`input` is a folder of pictures, a video, a rosbag2, or roadworld. For a bag that `ros2 bag play` plays, take
camera.launch.py with use_sim_time:=true instead.
"""

from launch.actions import EmitEvent, IncludeLaunchDescription, RegisterEventHandler
from launch.conditions import UnlessCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from densehybrid_ros.launching import SEGMENTER_ARGUMENTS, declarations, large_image_profile, shared_file, typed
from launch import LaunchDescription

PLAYER_ARGUMENTS = {
    "input": ("roadworld", "roadworld, roadworld:SEED, a folder of pictures, a video, or a rosbag2"),
    "rate": ("0.0", "Hz; 0 = as recorded"),
    "loop": ("false", "begin anew at the end, until stopped"),
    "start_paused": ("false", "play nothing until ~/pause of the player is called with false"),
}
SIMULATED_TIME = "the player publishes the frames' time on /clock, and all nodes take it from there"
CAMERA_ARGUMENTS = {
    name: SEGMENTER_ARGUMENTS[name] for name in ("namespace", "model_path", "device", "respawn", "log_level")
} | {"use_sim_time": ("false", SIMULATED_TIME), "use_rviz": ("false", "show the outputs in RViz")}
"""Passed on to camera.launch.py."""


def generate_launch_description() -> LaunchDescription:
    segmenter = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(shared_file("launch", "camera.launch.py")),
        launch_arguments=[(name, LaunchConfiguration(name)) for name in [*CAMERA_ARGUMENTS, "params_file"]],
    )
    kinds = {"input": str, "rate": float, "loop": bool, "start_paused": bool}
    parameters = {name: typed(name, kind) for name, kind in kinds.items()}
    player = Node(
        package="densehybrid_ros",
        executable="player",
        name="player",
        namespace=LaunchConfiguration("namespace"),
        parameters=[{**parameters, "publish_clock": typed("use_sim_time", bool), "wait_for_subscribers": 1}],
        output="screen",
        emulate_tty=True,
    )
    ended = RegisterEventHandler(
        OnProcessExit(target_action=player, on_exit=[EmitEvent(event=Shutdown(reason="the player has ended"))]),
        condition=UnlessCondition(LaunchConfiguration("loop")),
    )
    # the player needs the profile as well as the segmenter
    return LaunchDescription(
        [*declarations(PLAYER_ARGUMENTS | CAMERA_ARGUMENTS), large_image_profile(), segmenter, player, ended]
    )
