"""One camera: ros2 launch densehybrid_ros camera.launch.py image_topic:=/cam/image_raw"""

from launch.actions import OpaqueFunction
from launch.conditions import IfCondition
from launch.launch_context import LaunchContext
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
    "disparity_topic": ("", "stereo_msgs/DisparityImage of the images; empty = disparity beside them"),
    "depth_topic": ("", "depth images of the images; empty = depth beside them"),
    "right_image_topic": ("", "right images of a rectified pair, calibration beside them; empty = right/image_raw"),
    "use_rviz": ("false", "show the outputs in RViz"),
    **SEGMENTER_ARGUMENTS,
}


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*declarations(ARGUMENTS), large_image_profile(), OpaqueFunction(function=nodes)])


def nodes(context: LaunchContext) -> list[Node]:
    """The segmenter, once the topics of the camera are known, and RViz."""
    values = context.launch_configurations
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", shared_file("config", "camera.rviz")],
        parameters=[{"use_sim_time": typed("use_sim_time", bool)}] if values["use_sim_time"] else [],
        condition=IfCondition(values["use_rviz"]),
    )
    ranges = {
        "disparity": values["disparity_topic"],
        "depth": values["depth_topic"],
        "right/image_raw": values["right_image_topic"],
    }
    remappings = camera_remappings("", values["image_topic"], values["camera_info_topic"], ranges)
    # RViz first: where it is not installed, launch ends before it has started a node that would be left behind
    return [rviz, segmenter_node(context, remappings, {})]
