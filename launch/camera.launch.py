"""One camera: ros2 launch densehybrid_ros camera.launch.py image_topic:=/cam/image_raw"""

from launch.actions import OpaqueFunction
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity

from densehybrid_ros.launching import (
    RVIZ_ARGUMENTS,
    SEGMENTER_ARGUMENTS,
    TUNER_ARGUMENTS,
    camera_remappings,
    declarations,
    rviz,
    segmenter_node,
    tuner,
)
from densehybrid_ros.topics import CAMERA_INFO, COMPRESSED, DEPTH, DISPARITY, IMAGE, RIGHT_IMAGE
from launch import LaunchDescription

ARGUMENTS = {
    "image_topic": (IMAGE.name, f"images of the camera; with image_transport:=compressed, IMAGE_TOPIC{COMPRESSED}"),
    "camera_info_topic": ("", f"calibration of the camera; empty = {CAMERA_INFO.name} beside the images"),
    "disparity_topic": ("", f"stereo_msgs/DisparityImage of the images; empty = {DISPARITY.name} beside them"),
    "depth_topic": ("", f"depth images of the images; empty = {DEPTH.name} beside them"),
    "right_image_topic": (
        "",
        f"right images of a rectified pair, calibration beside them; empty = {RIGHT_IMAGE.name}",
    ),
    **RVIZ_ARGUMENTS,
    **TUNER_ARGUMENTS,
    **SEGMENTER_ARGUMENTS,
}


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*declarations(ARGUMENTS), OpaqueFunction(function=nodes)])


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The segmenter, once the topics of the camera are known, RViz and the tuner."""
    values = context.launch_configurations
    topics = {
        IMAGE: values["image_topic"],
        CAMERA_INFO: values["camera_info_topic"],
        DISPARITY: values["disparity_topic"],
        DEPTH: values["depth_topic"],
        RIGHT_IMAGE: values["right_image_topic"],
    }
    remappings = camera_remappings("", topics)
    # RViz first: where it is not installed, launch ends before it has started a node that would be left behind
    return [*rviz(context), *tuner(context), *segmenter_node(context, remappings, {})]
