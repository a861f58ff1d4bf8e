"""One camera: ros2 launch densehybrid_ros camera.launch.py image_topic:=/cam/image_raw"""

from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from densehybrid_ros.launching import (
    SEGMENTER_ARGUMENTS,
    declarations,
    large_image_profiles,
    segmenter_node,
    shared_file,
    typed,
)
from launch import LaunchDescription

ARGUMENTS = {
    "image_topic": ("image_raw", "images of the camera; with image_transport:=compressed, IMAGE_TOPIC/compressed"),
    "camera_info_topic": ("camera_info", "calibration of the camera"),
    "use_rviz": ("false", "show the outputs in RViz"),
    **SEGMENTER_ARGUMENTS,
}


def generate_launch_description() -> LaunchDescription:
    image_topic = LaunchConfiguration("image_topic")
    remappings = [
        ("image_raw", image_topic),
        ("image_raw/compressed", [image_topic, "/compressed"]),
        ("camera_info", LaunchConfiguration("camera_info_topic")),
    ]
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", shared_file("config", "camera.rviz")],
        parameters=[{"use_sim_time": typed("use_sim_time", bool)}],
        condition=IfCondition(LaunchConfiguration("use_rviz")),
    )
    return LaunchDescription([*declarations(ARGUMENTS), *large_image_profiles(), segmenter_node(remappings, {}), rviz])
