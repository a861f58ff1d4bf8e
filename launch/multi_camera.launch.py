"""Several cameras, one network: ros2 launch densehybrid_ros multi_camera.launch.py cameras:=front,left,right

Camera NAME is read from topics under NAME/ in the node's namespace, and answered under densehybrid/NAME/.
`image_topics` and `camera_info_topics` name other topics, in the order of the cameras.
"""

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
from densehybrid_ros.topics import CAMERA_INFO, IMAGE
from launch import LaunchDescription

ARGUMENTS = {
    "cameras": ("front,left,right", "names of the cameras, separated by commas"),
    "image_topics": ("", f"image topics in the order of the cameras, separated by commas; empty = NAME/{IMAGE.name}"),
    "camera_info_topics": ("", f"likewise; empty = {CAMERA_INFO.name} beside the images"),
    **RVIZ_ARGUMENTS,
    **TUNER_ARGUMENTS,
    **SEGMENTER_ARGUMENTS,
}


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*declarations(ARGUMENTS), OpaqueFunction(function=nodes)])


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The segmenter, once the names of the cameras are known, RViz and the tuner."""
    cameras = names_in(context, "cameras")
    if not cameras:
        raise RuntimeError("cameras is empty; give names separated by commas, as in cameras:=front,left")
    images = names_in(context, "image_topics") or [IMAGE.of(camera) for camera in cameras]
    infos = names_in(context, "camera_info_topics") or [""] * len(cameras)
    for argument, topics in (("image_topics", images), ("camera_info_topics", infos)):
        if len(topics) != len(cameras):
            raise RuntimeError(f"{argument} names {len(topics)} topics for {len(cameras)} cameras; give one for each")
    remappings = []
    for camera, image, info in zip(cameras, images, infos, strict=True):
        remappings += camera_remappings(camera, {IMAGE: image, CAMERA_INFO: info})
    return [*rviz(context, cameras), *tuner(context), *segmenter_node(context, remappings, {"cameras": cameras})]


def names_in(context: LaunchContext, argument: str) -> list[str]:
    """The parts of an argument that is separated by commas."""
    return [part.strip() for part in context.launch_configurations[argument].split(",") if part.strip()]
