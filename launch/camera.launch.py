"""One camera: ros2 launch densehybrid_ros camera.launch.py image_topic:=/cam/image_raw"""

from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

ARGUMENTS = {
    "image_topic": ("image_raw", "images of the camera"),
    "namespace": ("", "namespace of the node"),
    "model_path": ("", "weights file; empty = the bundled weights"),
    "device": ("auto", "auto, cpu, cuda, cuda:N"),
}


def generate_launch_description() -> LaunchDescription:
    share = FindPackageShare("densehybrid_ros")
    profile = PathJoinSubstitution([share, "config", "fastdds_large_images.xml"])
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    declared.append(
        DeclareLaunchArgument(
            "params_file",
            default_value=PathJoinSubstitution([share, "config", "segmenter.yaml"]),
            description="parameter file",
        )
    )
    node = Node(
        package="densehybrid_ros",
        executable="segmenter",
        name="densehybrid",
        namespace=LaunchConfiguration("namespace"),
        parameters=[
            LaunchConfiguration("params_file"),
            {"model_path": LaunchConfiguration("model_path"), "device": LaunchConfiguration("device")},
        ],
        remappings=[("image_raw", LaunchConfiguration("image_topic"))],
        output="screen",
        emulate_tty=True,
    )
    return LaunchDescription([*declared, SetEnvironmentVariable("FASTDDS_DEFAULT_PROFILES_FILE", profile), node])
