"""What the launch files have in common. Only they import this: `launch` comes with a ROS 2 installation."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from signal import SIGKILL
from typing import Any

from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events import matches_action
from launch.events.process import ProcessExited, ShutdownProcess
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.logging import get_logger, launch_config
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from densehybrid_ros.errors import USER_ERROR
from densehybrid_ros.files import write_whole
from densehybrid_ros.options import settings_of
from densehybrid_ros.rviz import layout_for
from densehybrid_ros.stopping import SIGNALS
from densehybrid_ros.topics import CAMERA_INFO, COMPRESSED, IMAGE, INPUTS, RIGHT_IMAGE, RIGHT_INFO, SEGMENTER, Topic

Arguments = Mapping[str, tuple[str, str]]
"""Default and description by name."""
PACKAGE = "densehybrid_ros"
CUT_OFF = {code for number in (*SIGNALS, SIGKILL) for code in (-number, 128 + number)}
"""Exit status of a process that was ended before it could end in order."""
NEAR = 0.85
"""Likeness of names, 0..1, from which one is taken for another, misspelt."""
AS_IN_FILE = "empty = as in the parameter file"
SEGMENTER_ARGUMENTS: Arguments = {
    "image_transport": ("", f"raw or compressed; {AS_IN_FILE}"),
    "name": (SEGMENTER, "name of the node, under which its outputs lie"),
    "namespace": ("", "namespace of the node"),
    "model_path": ("", f"weights file; {AS_IN_FILE}"),
    "device": ("", f"auto, cpu, cuda, cuda:N; {AS_IN_FILE}"),
    "use_sim_time": ("", f"true = take the time from /clock; {AS_IN_FILE}"),
    "must_start": ("", f"true = end where the node cannot be configured; {AS_IN_FILE}"),
    "camera_timeout": ("", f"s without a frame after which a camera is reported STALE; {AS_IN_FILE}"),
    "lazy": ("", f"false = take images though nobody listens; {AS_IN_FILE}"),
    "respawn": ("true", "start the node anew when it crashes or the device is lost; not after a user's error"),
    "log_level": ("info", "debug, info, warn, error"),
}

RVIZ_ARGUMENTS: Arguments = {
    "use_rviz": ("false", "show the outputs in RViz"),
    "fixed_frame": ("camera", "frame for RViz: the optical frame of the camera, or one that TF connects with it"),
}
TUNER_ARGUMENTS: Arguments = {
    "use_tuner": ("false", "show the outputs in a browser, and tune them there"),
    "tuner_host": ("127.0.0.1", "address of the tuner's page; any but this machine's loopback needs a token"),
    "tuner_port": ("8787", "port of the tuner's page; 0 = any that is free"),
}


def shared_file(*path: str) -> PathJoinSubstitution:
    """A file of the installed package."""
    return PathJoinSubstitution([FindPackageShare(PACKAGE), *path])


def declarations(arguments: Arguments) -> list[LaunchDescriptionEntity]:
    """The arguments, and `params_file`; a warning where one is given that is none of them, but nearly."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in arguments.items()
    ]
    default = shared_file("config", "segmenter.yaml")
    declared.append(DeclareLaunchArgument("params_file", default_value=default, description="parameter file"))
    return [*declared, OpaqueFunction(function=misspelt, args=[[each.name for each in declared]])]


def misspelt(context: LaunchContext, known: Sequence[str]) -> None:
    """Warns of arguments on the command line that nobody looks at: launch takes any name.

    Not of other names: they may be those of a file that includes ours.
    """
    given = [word.partition(":=")[0] for word in sys.argv if ":=" in word]
    for name in given:
        near = get_close_matches(name, known, 1, NEAR)
        if name not in known and near:
            get_logger(PACKAGE).warning(f"argument '{name}' is unknown, and changes nothing; is {near[0]} meant?")


def described(kind: type, *names: str) -> Arguments:
    """Settings of a node as arguments, with the node's own defaults."""
    return {
        entry.name: (str(entry.default).lower() if entry.kind is bool else str(entry.default), entry.description)
        for entry in settings_of(kind)
        if entry.name in names
    }


def beside(image_topic: str, name: str) -> str:
    """By the convention of image_transport: /cam/image_raw, camera_info → /cam/camera_info."""
    folder, slash, _ = image_topic.rpartition("/")
    return f"{folder}{slash}{name}"


def camera_remappings(camera: str, topics: Mapping[Topic, str]) -> list[tuple[str, str]]:
    """From the names that the node gives a camera's topics to those that the camera gives them.

    Args:
        camera: its name, "" = the one without.
        topics: where the camera has them; what is missing or "" lies beside the image topic.
    """
    names = {topic: topics.get(topic) or beside(topics[IMAGE], topic.name) for topic in INPUTS}
    names[RIGHT_INFO] = beside(names[RIGHT_IMAGE], CAMERA_INFO.name)
    for image in (IMAGE, RIGHT_IMAGE):
        names[image.compressed] = f"{names[image]}{COMPRESSED}"
    return [(topic.of(camera), name) for topic, name in names.items()]


def typed(argument: str, kind: type) -> ParameterValue:
    """An argument as a parameter of that type: without it, a path that looks like a number would become one."""
    return ParameterValue(LaunchConfiguration(argument), value_type=kind)


def text(value: str) -> ParameterValue:
    """A string as a string parameter, also where it looks like a number."""
    return ParameterValue(value, value_type=str)


def segmenter_node(
    context: LaunchContext, remappings: Sequence[tuple[str, str]], parameters: Mapping[str, Any]
) -> list[LaunchDescriptionEntity]:
    """The node with SEGMENTER_ARGUMENTS; those that are not empty, and `parameters`, override the parameter file."""
    kinds = {"model_path": str, "device": str, "image_transport": str, "use_sim_time": bool}
    kinds |= {"must_start": bool, "lazy": bool, "camera_timeout": float}
    given = {name: typed(name, kind) for name, kind in kinds.items() if context.launch_configurations[name]}
    node = Node(
        package=PACKAGE,
        executable="segmenter",
        name=LaunchConfiguration("name"),
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), *([changes] if (changes := {**given, **parameters}) else [])],
        remappings=remappings,
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        output="screen",
        emulate_tty=True,
        respawn=LaunchConfiguration("respawn"),
        respawn_delay=2.0,
    )
    return [node, RegisterEventHandler(OnProcessExit(target_action=node, on_exit=stays_down))]


def stays_down(event: ProcessExited, context: LaunchContext) -> EmitEvent | None:
    """Takes back the respawn of a process that a user's error has ended: it would end the same way again and again."""
    if event.returncode != USER_ERROR:
        return None
    return EmitEvent(event=ShutdownProcess(process_matcher=matches_action(event.action)))


def failure(event: ProcessExited, context: LaunchContext) -> None:
    """Ends the launch with an exit status that is not 0 where a node of ours has failed.

    Raises:
        RuntimeError: it has, and not by a signal of a launch that is ending.
    """
    ours = isinstance(event.action, Node) and event.action.node_package == PACKAGE
    if not ours or event.returncode == 0 or (context.is_shutdown and event.returncode in CUT_OFF):
        return
    respawn = event.action.node_executable == "segmenter" and context.launch_configurations["respawn"]
    if respawn and respawn.lower() == "true" and event.returncode != USER_ERROR and not context.is_shutdown:
        return
    raise RuntimeError(f"{event.process_name} failed with exit status {event.returncode}; its last lines say why")


def rviz(context: LaunchContext, cameras: Sequence[str] = ()) -> list[Node]:
    """RViz with RVIZ_ARGUMENTS, in the namespace of the node: the layout names topics without it.

    Args:
        cameras: their names; () = one without.
    """
    if not IfCondition(LaunchConfiguration("use_rviz")).evaluate(context):
        return []
    layout = Path(shared_file("config", "camera.rviz").perform(context))
    name = context.launch_configurations["name"]
    if cameras or name != SEGMENTER:
        text, layout = layout.read_text(), Path(launch_config.get_log_file_path(f"{name}.rviz"))
        write_whole(layout, layout_for(text, name, cameras))
    node = Node(
        package="rviz2",
        executable="rviz2",
        namespace=LaunchConfiguration("namespace"),
        arguments=["-d", str(layout), "-f", LaunchConfiguration("fixed_frame")],
        parameters=[_sim_time()] if context.launch_configurations["use_sim_time"] else [],
    )
    return [node]


def tuner(context: LaunchContext) -> list[Node]:
    """The tuner with TUNER_ARGUMENTS, in the namespace of the node; its log says where its page is."""
    if not IfCondition(LaunchConfiguration("use_tuner")).evaluate(context):
        return []
    node = Node(
        package=PACKAGE,
        executable="tuner",
        name="tuner",
        namespace=LaunchConfiguration("namespace"),
        parameters=[
            {"node": typed("name", str), "host": typed("tuner_host", str), "port": typed("tuner_port", int)},
        ],
        output="screen",
        emulate_tty=True,
    )
    return [node]


def _sim_time() -> dict[str, Any]:
    return {"use_sim_time": typed("use_sim_time", bool)}
