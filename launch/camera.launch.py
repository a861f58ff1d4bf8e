"""One camera: ros2 launch densehybrid_ros camera.launch.py image_topic:=/cam/image_raw"""

from launch.actions import OpaqueFunction
from launch.conditions import IfCondition
from launch.launch_context import LaunchContext
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from densehybrid_ros.launching import (
    SEGMENTER_ARGUMENTS,
    camera_remappings,
    declarations,
    large_image_profile,
    segmenter_node,
    shared_file,
    typed,
)
from launch import LaunchDescription

ARGUMENTS = {
    "image_topic": ("image_raw", "images of the camera; with image_transport:=compressed, IMAGE_TOPIC/compressed"),
    "camera_info_topic": ("", "calibration of the camera; empty = camera_info beside the images"),
    "use_rviz": ("false", "show the outputs in RViz"),
    **SEGMENTER_ARGUMENTS,
}


def generate_launch_description() -> LaunchDescription:
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", shared_file("config", "camera.rviz")],
        parameters=[{"use_sim_time": typed("use_sim_time", bool)}],
        condition=IfCondition(LaunchConfiguration("use_rviz")),
    )
    # RViz first: where it is not installed, launch ends before it has started a node that would be left behind
    return LaunchDescription(
        [*declarations(ARGUMENTS), large_image_profile(), rviz, OpaqueFunction(function=segmenter)]
    )


def segmenter(context: LaunchContext) -> list[Node]:
    """The node, once the topics of the camera are known."""
    image_topic, camera_info_topic = (
        context.launch_configurations[name] for name in ("image_topic", "camera_info_topic")
    )
    return [segmenter_node(camera_remappings("", image_topic, camera_info_topic), {})]
