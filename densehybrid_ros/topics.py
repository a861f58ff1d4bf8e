"""Every topic, once: name, message type, quality of service, and the parts of a scene that it needs.

Types are texts, so that launch files and tools read this without ROS messages; nodes/common/topics.py makes
publishers and subscriptions of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from densehybrid_ros.options import table_rows

SEGMENTER = "densehybrid"
"""Name of the node under which its answers stand."""
PRIVATE = "~"
"""Of a name: ROS puts that of the node in its place."""
COMPRESSED = "/compressed"
"""What image_transport puts behind the name of an image topic."""


@dataclass(frozen=True, eq=False)
class Topic:
    """Names are relative: namespaces and remapping work."""

    name: str
    """Behind the camera's name."""
    kind: str
    """Message type."""
    description: str
    depth: int = 1
    reliable: bool = True
    latched: bool = False
    private: bool = False
    """Stands under the name of the node that publishes it."""
    parts: frozenset[str] = frozenset()
    """Parts of a scene that it is made of."""
    shows_obstacles: bool = False
    """Waits for ranges; the others never do."""

    @property
    def compressed(self) -> Topic:
        """The images of this topic as image_transport compresses them."""
        return replace(self, name=f"{self.name}{COMPRESSED}", kind="sensor_msgs/msg/CompressedImage")

    @property
    def as_json(self) -> Topic:
        """The same content as text, where the message type is not installed."""
        return replace(self, name=f"{self.name}_json", kind="std_msgs/msg/String")

    def of(self, camera: str) -> str:
        """What the node that owns it calls it, for a camera, "" = the one without a name."""
        return (f"{PRIVATE}/" if self.private else "") + (f"{camera}/" if camera else "") + self.name

    def under(self, node: str, camera: str = "") -> str:
        """What other nodes call a private topic."""
        return f"{node}/" + (f"{camera}/" if camera else "") + self.name


def _taken(name: str, kind: str, description: str, depth: int = 5) -> Topic:
    """With a history of less than 5, parts of images that are sent again find no room (benchmarks/arrivals.py)."""
    return Topic(name, kind, description, depth, reliable=False)


def _answer(name: str, kind: str, description: str, *parts: str) -> Topic:
    return Topic(name, kind, description, private=True, parts=frozenset(parts))


def _with_obstacles(name: str, kind: str, description: str) -> Topic:
    return replace(_answer(name, kind, description, "open_set", "score"), shows_obstacles=True)


IMAGE = _taken("image_raw", "sensor_msgs/msg/Image", "the newest frame wins; or compressed")
CAMERA_INFO = _taken("camera_info", "sensor_msgs/msg/CameraInfo", "not waited for; the last one is kept")
DISPARITY = _taken("disparity", "stereo_msgs/msg/DisparityImage", "32FC1, of the image's size")
DEPTH = _taken("depth", "sensor_msgs/msg/Image", "32FC1 in m, 16UC1 in mm, registered to the image")
RIGHT_IMAGE = _taken("right/image_raw", "sensor_msgs/msg/Image", "of a rectified pair; matched here; or compressed")
RIGHT_INFO = _taken("right/camera_info", "sensor_msgs/msg/CameraInfo", "of the right camera")
INPUTS = (IMAGE, CAMERA_INFO, DISPARITY, DEPTH, RIGHT_IMAGE, RIGHT_INFO)

SEMANTIC = _answer("semantic/image_raw", "sensor_msgs/msg/Image", "mono8: 0..K−1", "semantic")
ANOMALY = _answer("anomaly/image_raw", "sensor_msgs/msg/Image", "32FC1: the score, higher = more anomalous", "score")
OPEN_SET = _answer("open_set/image_raw", "sensor_msgs/msg/Image", "mono8: K = unknown", "open_set")
SEMANTIC_COLOUR = _answer(
    "semantic/color/image_raw",
    "sensor_msgs/msg/Image",
    "rgb8: the semantic map in the palette of the weights",
    "semantic",
)
OPEN_SET_COLOUR = _answer(
    "open_set/color/image_raw", "sensor_msgs/msg/Image", "rgb8: likewise, unknown red", "open_set"
)
OVERLAY = _with_obstacles(
    "overlay/image_raw",
    "sensor_msgs/msg/Image",
    "rgb8: palette over the picture, legend; obstacles outlined, with number, range, closing speed, score",
)
OVERLAY_JPEG = replace(OVERLAY.compressed, description="the same as JPEG")
SEMANTIC_INFO = _answer(
    "semantic/camera_info", "sensor_msgs/msg/CameraInfo", "scaled to the maps, under the image's header"
)
MAPS = (SEMANTIC, ANOMALY, OPEN_SET, SEMANTIC_COLOUR, OPEN_SET_COLOUR, OVERLAY, OVERLAY_JPEG, SEMANTIC_INFO)

OBSTACLE_POINTS = _with_obstacles(
    "obstacles/points",
    "sensor_msgs/msg/PointCloud2",
    "x y z score obstacle_id closing_speed; the obstacles' own pixels only",
)
OBSTACLE_MARKERS = _with_obstacles(
    "obstacles/markers",
    "visualization_msgs/msg/MarkerArray",
    'box, "23.4 m", and the way of the next second as an arrow; each message replaces all',
)
OBSTACLES = _with_obstacles(
    "obstacles", "vision_msgs/msg/Detection3DArray", "class id `unknown`; where vision_msgs is installed"
)
OBSTACLE_BOXES = _with_obstacles(
    "obstacles/boxes", "vision_msgs/msg/Detection2DArray", "in the image, also of obstacles without range; likewise"
)
OBSTACLE_SCAN = _with_obstacles(
    "obstacles/scan",
    "sensor_msgs/msg/LaserScan",
    "the nearest unknown per bearing; +inf = none, NaN = not known; x forward, z up",
)
OBSTACLES_JSON = _with_obstacles("obstacles_json", "std_msgs/msg/String", "everything that is known of every obstacle")
DETECTION_TOPICS = (OBSTACLES, OBSTACLE_BOXES)
"""Need vision_msgs."""
OBSTACLE_TOPICS = (OBSTACLE_SCAN, OBSTACLE_POINTS, OBSTACLE_MARKERS, *DETECTION_TOPICS, OBSTACLES_JSON)

LABELS = Topic(
    "semantic/label_info",
    "vision_msgs/msg/LabelInfo",
    "names of the ids; without vision_msgs the same as JSON in std_msgs/String on the name + `_json`",
    latched=True,
    private=True,
)
OPEN_SET_LABELS = replace(LABELS, name="open_set/label_info", description="likewise, and the threshold")
MODEL = Topic(
    "model_json",
    "std_msgs/msg/String",
    "classes, colours and calibration of the weights; renewed when the node is configured",
    latched=True,
    private=True,
)
DIAGNOSTICS = Topic("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", "1 Hz, on the steady clock", 10)
TF_STATIC = Topic(
    "/tf_static", "tf2_msgs/msg/TFMessage", "the level frame of the scan, where tf2_msgs is installed", latched=True
)
OUTPUTS = (*MAPS, *OBSTACLE_TOPICS, LABELS, OPEN_SET_LABELS, MODEL, DIAGNOSTICS, TF_STATIC)
ENABLE = "~/enable"
"""Service, std_srvs/SetBool."""

TRUTH = Topic("ground_truth/image_raw", "sensor_msgs/msg/Image", "mono8: 0..K−1, K = unknown, 255 = ignore", 2)
ANOMALY_TRUTH = Topic(
    "ground_truth/anomaly/image_raw", "sensor_msgs/msg/Image", "mono8: 0 inlier, 1 anomaly, 255 ignore", 2
)
LABEL_IDS = Topic("ground_truth/label_ids/image_raw", "sensor_msgs/msg/Image", "mono8: the data set's own ids", 2)
TRAIN_IDS = Topic("ground_truth/train_ids/image_raw", "sensor_msgs/msg/Image", "mono8: its ids for training", 2)
TRUTHS = (TRUTH, ANOMALY_TRUTH, LABEL_IDS, TRAIN_IDS)

CLOCK = Topic("/clock", "rosgraph_msgs/msg/Clock", "the frames' time", 10)
PARAMETER_EVENTS = Topic(
    "/parameter_events", "rcl_interfaces/msg/ParameterEvent", "changes of all nodes' parameters", 50
)
PAUSE = "~/pause"
"""Service of the player, std_srvs/SetBool."""
PARAMETER_SERVICES = (
    *("~/describe_parameters", "~/get_parameter_types", "~/get_parameters", "~/list_parameters", "~/set_parameters"),
    *("~/set_parameters_atomically", "~/get_type_description"),
)
"""Every node of ROS answers them; a lifecycle node those of its state, too, and tells of its transitions."""
STATE_SERVICES = (
    *("~/change_state", "~/get_state", "~/get_available_states", "~/get_available_transitions"),
    "~/get_transition_graph",
)
TRANSITIONS, LOG, TF = "~/transition_event", "/rosout", "/tf"
REPORT = Topic("report", "std_msgs/msg/String", "JSON: the table so far", latched=True, private=True)


def kinds_of(*topics: Topic) -> dict[str, str]:
    """Message types by name."""
    return {topic.name: topic.kind for topic in topics}


def markdown_table(heading: str, topics: tuple[Topic, ...]) -> str:
    """The topics as a table for the docs."""
    lines = [f"| {heading} | type | |", "|---|---|---|"]
    for topic in topics:
        kind = topic.kind.replace("/msg/", "/") + (", latched" if topic.latched else "")
        lines += table_rows([f"`{topic.of('')}`", kind], topic.description)
    return "\n".join(lines) + "\n"
