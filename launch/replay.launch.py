"""A recorded drive through the node: ros2 launch densehybrid_ros replay.launch.py bag:=lostandfound.mcap evaluate:=true

`bag` is a bag, as `densehybrid convert` or a recorder writes it: played with its disparity, depth, ground truth and
stamps; `image_topic:=…` chooses the pictures.
`input` is that, or a folder of pictures, a video, or roadworld. For a bag that `ros2 bag play` plays, take
camera.launch.py with use_sim_time:=true instead. Ends with status 0 when all is played, with another when a node fails.
"""

from launch.actions import EmitEvent, GroupAction, IncludeLaunchDescription, OpaqueFunction, RegisterEventHandler
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from densehybrid_ros.launching import (
    RVIZ_ARGUMENTS,
    SEGMENTER_ARGUMENTS,
    TUNER_ARGUMENTS,
    declarations,
    described,
    failure,
    shared_file,
    text,
    typed,
)
from densehybrid_ros.nodes.player.settings import PlayerSettings
from densehybrid_ros.options import settings_of
from densehybrid_ros.playback.played import LONGEST_PAUSE, BagTopics
from densehybrid_ros.topics import CLOCK, IMAGE, OPEN_SET
from launch import LaunchDescription

TOPICS = tuple(entry.name for entry in settings_of(BagTopics))
PLAYER_ARGUMENTS = {
    **described(PlayerSettings, "input", "rate", "loop", "start_paused", *TOPICS),
    "bag": ("", "a bag (folder, .mcap, .db3, the same with .zstd, .bag of ROS 1); goes before input"),
    "every_frame": ("false", "wait for the answer to each frame, so that none is dropped however slow the machine is"),
}
EVALUATOR_ARGUMENTS = {
    "evaluate": ("false", "compare with the ground truth of the input: AP and FPR95, overall and by range"),
    "table": ("", "file for the table at the end: JSON, and beside it the same as .txt; empty = none"),
}
SIMULATED_TIME = f"the player publishes the frames' time on {CLOCK.name}, and all nodes take it from there"
CAMERA_ARGUMENTS = {
    name: SEGMENTER_ARGUMENTS[name] for name in ("name", "namespace", "model_path", "device", "log_level")
} | {
    "use_sim_time": ("false", SIMULATED_TIME),
    **RVIZ_ARGUMENTS,
    **TUNER_ARGUMENTS,
    "respawn": ("false", "start the segmenter anew when it crashes, instead of ending the replay"),
}
"""Passed on to camera.launch.py."""
PATIENCE = 300.0
"""s for the segmenter to load and warm up its network, and for the evaluator."""


def generate_launch_description() -> LaunchDescription:
    segmenter = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(shared_file("launch", "camera.launch.py")),
        launch_arguments=[
            *((name, LaunchConfiguration(name)) for name in [*CAMERA_ARGUMENTS, "params_file"]),
            # whatever the parameter file says: the player plays plain images, and waits for one who takes them
            ("image_transport", "raw"),
            ("lazy", "false"),
            ("must_start", "true"),
            ("camera_timeout", str(LONGEST_PAUSE)),
            # named like arguments of our own, which are topics of the bag
            ("image_topic", IMAGE.name),
            *((name, "") for name in TOPICS if name != "image_topic"),
        ],
    )
    evaluator = Node(
        package="densehybrid_ros",
        executable="evaluator",
        name="evaluator",
        namespace=LaunchConfiguration("namespace"),
        parameters=[{"node": typed("name", str), "out": typed("table", str)}],
        output="screen",
        emulate_tty=True,
        condition=IfCondition(LaunchConfiguration("evaluate")),
    )
    arguments = PLAYER_ARGUMENTS | EVALUATOR_ARGUMENTS | CAMERA_ARGUMENTS
    failed = RegisterEventHandler(OnProcessExit(on_exit=failure))
    # in a group of its own, as the arguments of what is included would stay in force behind it
    alone = GroupAction([segmenter])
    return LaunchDescription([*declarations(arguments), failed, alone, evaluator, OpaqueFunction(function=player)])


def player(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The player, and the end of all when it has ended."""
    values = context.launch_configurations
    kinds = {"rate": float, "loop": bool, "start_paused": bool}
    parameters = {name: typed(name, kind) for name, kind in kinds.items()}
    answers = OPEN_SET.under(values["name"]) if values["every_frame"].lower() == "true" else ""
    parameters |= {name: text(values[name]) for name in TOPICS}
    parameters |= {"input": text(values["bag"] or values["input"]), "lockstep": text(answers)}
    judged = values["evaluate"].lower() == "true"
    node = Node(
        package="densehybrid_ros",
        executable="player",
        name="player",
        namespace=LaunchConfiguration("namespace"),
        parameters=[
            {
                **parameters,
                "publish_clock": typed("use_sim_time", bool),
                "wait_for_subscribers": 1,
                "wait_for_evaluator": judged,
                "wait_timeout": PATIENCE,
                "linger": 5.0 if judged else 0.0,
            }
        ],
        output="screen",
        emulate_tty=True,
    )
    ended = RegisterEventHandler(
        OnProcessExit(target_action=node, on_exit=[EmitEvent(event=Shutdown(reason="the player has ended"))])
    )
    return [node, ended]
