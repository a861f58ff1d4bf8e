"""Several cameras, one network: ros2 launch densehybrid_ros multi_camera.launch.py cameras:=front,left,right

Camera NAME is read from NAME/image_raw and NAME/camera_info in the node's namespace, and answered under
densehybrid/NAME/. `image_topics` and `camera_info_topics` name other topics, in the order of the cameras.
"""

from launch.actions import OpaqueFunction
from launch.launch_context import LaunchContext
from launch_ros.actions import Node

from densehybrid_ros.launching import SEGMENTER_ARGUMENTS, declarations, large_image_profiles, segmenter_node
from launch import LaunchDescription

ARGUMENTS = {
    "cameras": ("front,left,right", "names of the cameras, separated by commas"),
    "image_topics": ("", "image topics in the order of the cameras, separated by commas; empty = NAME/image_raw"),
    "camera_info_topics": ("", "likewise; empty = NAME/camera_info"),
    **SEGMENTER_ARGUMENTS,
}


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [*declarations(ARGUMENTS), *large_image_profiles(), OpaqueFunction(function=segmenter_of_cameras)]
    )


def segmenter_of_cameras(context: LaunchContext) -> list[Node]:
    """The node, once the names of the cameras are known."""
    cameras = names_in(context, "cameras")
    if not cameras:
        raise RuntimeError("cameras is empty; give names separated by commas, as in cameras:=front,left")
    remappings = []
    for argument, topic in (("image_topics", "image_raw"), ("camera_info_topics", "camera_info")):
        others = names_in(context, argument) or [f"{camera}/{topic}" for camera in cameras]
        if len(others) != len(cameras):
            raise RuntimeError(f"{argument} names {len(others)} topics for {len(cameras)} cameras; give one for each")
        remappings += [(f"{camera}/{topic}", other) for camera, other in zip(cameras, others, strict=True)]
    images = [(source, other) for source, other in remappings if source.endswith("/image_raw")]
    remappings += [(f"{source}/compressed", f"{other}/compressed") for source, other in images]
    return [segmenter_node(remappings, {"cameras": cameras})]


def names_in(context: LaunchContext, argument: str) -> list[str]:
    """The parts of an argument that is separated by commas."""
    return [part.strip() for part in context.launch_configurations[argument].split(",") if part.strip()]
