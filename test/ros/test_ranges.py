"""Ranges of the real node over DDS: from disparity, depth, a stereo pair and the road; late, wrong and missing ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header, String
from stereo_msgs.msg import DisparityImage
from visualization_msgs.msg import Marker, MarkerArray

from densehybrid_ros.convert.images import image_message
from densehybrid_ros.nodes.player.messages import camera_info_message, disparity_message
from densehybrid_ros.roadworld import Frame, Roadworld

DRIVE, NUMBER = 301, 26
"""A frame of Roadworld in which the bundled weights find obstacles."""
WARN = "1"


@pytest.fixture(scope="module")
def frame() -> Frame:
    return Roadworld(DRIVE, 640, 360).frame(NUMBER)


class Rig:
    """A camera with something that tells distances, and what the node says of obstacles."""

    def __init__(self, probe: Any, frame: Frame) -> None:
        self.probe, self.frame = probe, frame
        node, prefix = probe.node, "/densehybrid/"
        self.infos = node.create_publisher(CameraInfo, "camera_info", 10)
        self.publishers: dict[str, Any] = {}
        self.told: list[dict[str, Any]] = []
        self.clouds: list[PointCloud2] = []
        self.markers: list[MarkerArray] = []
        self.rounds = 0
        node.create_subscription(String, f"{prefix}obstacles_json", lambda m: self.told.append(json.loads(m.data)), 10)
        node.create_subscription(PointCloud2, f"{prefix}obstacles/points", self.clouds.append, 10)
        node.create_subscription(MarkerArray, f"{prefix}obstacles/markers", self.markers.append, 10)

    def ready(self, *topics: tuple[str, type], calibrated: bool = True) -> None:
        """Advertises the topics, waits for the node, and sends the calibration."""
        for name, kind in topics:
            self.publishers[name] = self.probe.node.create_publisher(kind, name, 10)
        self.probe.wait_for_node()
        everything = [*self.publishers.values(), self.infos]
        self.probe.spin_until(lambda: all(map(self.is_heard, everything)), "the subscriptions")
        for topic in ("obstacles_json", "obstacles/points", "obstacles/markers"):
            self.probe.spin_until(lambda topic=topic: self.probe.node.count_publishers(f"/densehybrid/{topic}"), topic)
        self.probe.spin_for(0.3)  # what is known of the subscriptions goes ahead of what is sent to them
        if calibrated:
            self.infos.publish(camera_info_message(self.frame.camera, Header(), 0.0))
            self.probe.spin_for(0.5)
        if "disparity" in self.publishers:
            self.probe.spin_until(self.disparity_arrives, "a disparity")

    def disparity_arrives(self) -> bool:
        """Sends one with an image, and forgets what the node made of them: on a busy machine the first ones are lost,
        while one end of a subscription knows of the other and not the reverse."""
        self.rounds += 1
        self.send_disparity(self.rounds)
        told = self.obstacles(self.probe.send(self.frame.left, self.rounds))
        self.probe.spin_for(0.5)  # points and markers follow
        for kept in (self.told, self.clouds, self.markers):
            kept.clear()
        return told["range_delay"] is not None

    def is_heard(self, publisher: Any) -> bool:
        """One subscription, as reliable as the publisher: until it has seen that, the node may still change it."""
        heard = self.probe.node.get_subscriptions_info_by_topic(publisher.topic_name)
        reliable = [each.qos_profile.reliability for each in heard] == [ReliabilityPolicy.RELIABLE]
        return reliable and publisher.get_subscription_count() == 1

    def header(self, second: int, nanosec: int = 250_000_000) -> Header:
        header = Header(frame_id="front_camera")
        header.stamp.sec, header.stamp.nanosec = second, nanosec
        return header

    def send_disparity(self, second: int, nanosec: int = 250_000_000, disparity: np.ndarray | None = None) -> None:
        values = self.frame.disparity if disparity is None else disparity
        message = disparity_message(values, self.frame.camera, self.header(second, nanosec))
        self.publishers["disparity"].publish(message)

    def obstacles(self, second: int) -> dict[str, Any]:
        """What the node says of the obstacles of the image with that second in its stamp."""

        def find() -> list[dict[str, Any]]:
            return [each for each in self.told if each["stamp"]["sec"] == second]

        self.probe.spin_until(lambda: bool(find()), f"obstacles of {second}")
        (found,) = find()
        return found

    def check_ranges(self, found: dict[str, Any], tolerance: float, source: str) -> None:
        """Every obstacle has a range, and it is that of the thing in its box."""
        assert found["obstacles"], "no obstacle was found"
        for obstacle in found["obstacles"]:
            left, top, width, height = obstacle["box"]
            depth = self.frame.depth[top : top + height, left : left + width]
            assert obstacle["source"] == source
            assert obstacle["range"] is not None
            nearest, farthest = depth.min(), depth[np.isfinite(depth)].max()
            assert nearest * (1 - tolerance) <= obstacle["range"] <= farthest * (1 + tolerance)
        true = [obstacle for obstacle in found["obstacles"] if self.instance_depth(obstacle) is not None]
        assert true, "none of them is an obstacle of Roadworld's"
        for obstacle in true:
            assert obstacle["range"] == pytest.approx(self.instance_depth(obstacle), rel=tolerance)

    def instance_depth(self, obstacle: dict[str, Any]) -> float | None:
        """Of the obstacle of Roadworld's that fills most of the box; None where there is none."""
        left, top, width, height = obstacle["box"]
        box = np.s_[top : top + height, left : left + width]
        inside = self.frame.anomaly[box]
        return float(np.median(self.frame.depth[box][inside])) if inside.mean() > 0.4 else None


@pytest.fixture
def rig(make_probe: Callable[..., Any], frame: Frame) -> Rig:
    return Rig(make_probe(("open_set",)), frame)


def test_disparity_gives_ranges_points_and_markers(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", "range_wait:=10.0")
    rig.ready(("disparity", DisparityImage))
    rig.send_disparity(200)
    second = rig.probe.send(frame.left, 200)
    found = rig.obstacles(second)
    rig.check_ranges(found, 0.03, "disparity")
    assert found["frame_id"] == "front_camera"
    rig.probe.spin_until(lambda: bool(rig.clouds and rig.markers), "points and markers")
    cloud, markers = rig.clouds[0], rig.markers[0].markers
    for header in (cloud.header, *(each.header for each in markers)):
        assert (header.stamp.sec, header.stamp.nanosec, header.frame_id) == (second, 250_000_000, "front_camera")
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "score", "obstacle_id", "closing_speed"]
    kinds = [(name, "<f4") for name in ("x", "y", "z", "score")] + [("id", "<u4"), ("speed", "<f4")]
    points = np.frombuffer(cloud.data, kinds)
    assert {int(each) for each in np.unique(points["id"])} == {each["id"] for each in found["obstacles"]}
    for obstacle in found["obstacles"]:
        depths = points["z"][points["id"] == obstacle["id"]]
        assert depths.min() <= obstacle["range"] * 1.01
        assert np.percentile(depths, 30) == pytest.approx(obstacle["range"], rel=0.2)
    assert markers[0].action == Marker.DELETEALL
    texts = {each.text for each in markers if each.type == Marker.TEXT_VIEW_FACING}
    assert texts == {f"{each['range']:.1f} m" for each in found["obstacles"]}


def test_masks_never_wait_and_late_disparity_is_used(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", "range_wait:=10.0")
    rig.ready(("disparity", DisparityImage))
    second = rig.probe.send(frame.left, 300)
    rig.probe.answer("open_set", second)
    rig.probe.spin_for(0.7)
    assert rig.told == []
    rig.send_disparity(second)
    rig.check_ranges(rig.obstacles(second), 0.03, "disparity")


def test_distances_of_a_newer_frame_end_the_waiting(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", "range_wait:=10.0")
    rig.ready(("disparity", DisparityImage))
    rig.probe.answer("open_set", rig.probe.send(frame.left, 400))
    rig.send_disparity(401)
    rig.probe.send(frame.left, 401)
    rig.check_ranges(rig.obstacles(401), 0.03, "disparity")
    given_up = rig.obstacles(400)
    assert "stamp" in given_up["why_not"]
    assert {each["range"] for each in given_up["obstacles"]} == {None}
    assert [each["stamp"]["sec"] for each in rig.told] == [400, 401]


def test_a_silent_source_is_given_up_after_range_wait(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", "range_wait:=0.5")
    rig.ready(("disparity", DisparityImage))
    found = rig.obstacles(rig.probe.send(frame.left, 450))
    assert {each["range"] for each in found["obstacles"]} == {None}


def test_stamps_within_the_tolerance_belong_together(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", "range_wait:=0.5")
    rig.ready(("disparity", DisparityImage))
    rig.send_disparity(500, 245_000_000)
    rig.check_ranges(rig.obstacles(rig.probe.send(frame.left, 500)), 0.03, "disparity")
    rig.send_disparity(501, 200_000_000)
    assert {each["range"] for each in rig.obstacles(rig.probe.send(frame.left, 501))["obstacles"]} == {None}
    assert rig.probe.set_parameter("sync_tolerance", 0.1)[0]
    rig.send_disparity(502, 200_000_000)
    rig.check_ranges(rig.obstacles(rig.probe.send(frame.left, 502)), 0.03, "disparity")


def test_unusable_disparity_is_said_and_masks_go_on(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", "range_wait:=10.0", "camera_timeout:=60.0")  # a slow machine is no stalled camera
    rig.ready(("disparity", DisparityImage))
    rig.send_disparity(600, disparity=frame.disparity[::2, ::2])
    second = rig.probe.send(frame.left, 600)
    rig.probe.answer("open_set", second)
    found = rig.obstacles(second)
    assert "320x180" in found["why_not"]
    assert {each["range"] for each in found["obstacles"]} == {None}
    values = rig.probe.diagnostics()
    assert values["level"] == WARN
    assert "320x180" in values["range_status"]
    assert values["obstacles_without_range"] == values["obstacles"] != "0"
    broken = disparity_message(frame.disparity, frame.camera, rig.header(601))
    broken.f = float("nan")
    rig.publishers["disparity"].publish(broken)
    assert "f = nan" in rig.obstacles(rig.probe.send(frame.left, 601))["why_not"]
    rig.send_disparity(602)
    rig.check_ranges(rig.obstacles(rig.probe.send(frame.left, 602)), 0.03, "disparity")
    rig.probe.spin_for(1.5)
    assert rig.probe.diagnostics()["range_status"] == "disparity"


def test_without_calibration_there_is_no_range(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", "range_wait:=10.0")
    rig.ready(("disparity", DisparityImage), calibrated=False)
    rig.send_disparity(700)
    found = rig.obstacles(rig.probe.send(frame.left, 700))
    assert found["why_not"] == "no camera_info has come"
    assert {each["range"] for each in found["obstacles"]} == {None}
    rig.infos.publish(camera_info_message(frame.camera, Header(), 0.0))
    rig.probe.spin_for(0.5)
    rig.send_disparity(701)
    rig.check_ranges(rig.obstacles(rig.probe.send(frame.left, 701)), 0.03, "disparity")


def test_a_depth_image_gives_ranges(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", "range_wait:=10.0")
    rig.ready(("depth", Image))
    depth = np.where(np.isfinite(frame.depth), np.minimum(frame.depth * 1000, 65535), 0).astype(np.uint16)
    header = rig.header(800)
    message = Image(header=header, width=640, height=360, encoding="16UC1", step=1280, data=depth.tobytes())
    rig.publishers["depth"].publish(message)
    rig.check_ranges(rig.obstacles(rig.probe.send(frame.left, 800)), 0.03, "depth")


def test_a_rectified_pair_gives_ranges(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", "range_wait:=10.0")
    rig.ready(("right/image_raw", Image), ("right/camera_info", CameraInfo))
    assert frame.right is not None
    camera = frame.camera
    info = camera_info_message(camera, rig.header(900), -camera.fx * camera.baseline)
    rig.publishers["right/camera_info"].publish(info)
    second = rig.probe.send(frame.left, 900)
    rig.probe.answer("open_set", second)
    rig.publishers["right/image_raw"].publish(image_message(frame.right, "rgb8", rig.header(900)))
    found = rig.obstacles(second)
    assert found["range_source"] == "stereo"
    true = [each for each in found["obstacles"] if rig.instance_depth(each) is not None]
    assert true
    for obstacle in true:
        assert obstacle["range"] == pytest.approx(rig.instance_depth(obstacle), rel=0.1)


def test_the_road_gives_ranges_where_nothing_is_measured(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", f"camera_height:={frame.camera.height_above_road}")
    rig.ready()
    found = rig.obstacles(rig.probe.send(frame.left, 1000))
    assert found["range_source"] == "ground"
    standing = [each for each in found["obstacles"] if each["range"] is not None and rig.instance_depth(each)]
    assert standing
    for obstacle in standing:
        assert obstacle["source"] == "ground"
        assert obstacle["range"] == pytest.approx(rig.instance_depth(obstacle), rel=0.15)


def test_obstacles_keep_their_number_and_a_bag_loop_goes_on(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", "range_wait:=10.0")
    rig.ready(("disparity", DisparityImage))
    numbers = []
    for second in (1100, 1101, 1000):
        rig.send_disparity(second)
        found = rig.obstacles(rig.probe.send(frame.left, second))
        rig.check_ranges(found, 0.03, "disparity")
        numbers.append([each["id"] for each in found["obstacles"]])
    assert numbers[0] == numbers[1]
    assert not set(numbers[1]) & set(numbers[2])


def test_range_parameters_are_live_and_checked(start: Callable[..., Any], rig: Rig, frame: Frame) -> None:
    start("segmenter", "range_wait:=10.0")
    rig.ready(("disparity", DisparityImage))
    rig.send_disparity(1200)
    before = rig.obstacles(rig.probe.send(frame.left, 1200))["obstacles"]
    refused, reason = rig.probe.set_parameter("min_range", 500.0)
    assert not refused
    assert "max_range" in reason
    assert not rig.probe.set_parameter("sgbm_disparity_range", 100)[0]
    assert not rig.probe.set_parameter("range_source", "depth")[0]  # read when the node is configured
    farthest = max(each["range"] for each in before)
    assert rig.probe.set_parameter("max_range", farthest - 0.05)[0]
    rig.send_disparity(1201)
    nearer = rig.obstacles(rig.probe.send(frame.left, 1201))["obstacles"]
    assert [each["id"] for each in nearer] == [each["id"] for each in before if each["range"] < farthest - 0.05]
    assert rig.probe.set_parameter("max_range", 100)[0]
    assert rig.probe.set_parameter("min_obstacle_area", max(each["pixels"] for each in before) + 1)[0]
    rig.send_disparity(1202)
    assert rig.obstacles(rig.probe.send(frame.left, 1202))["obstacles"] == []


def test_malformed_distances_and_calibrations_never_stop_the_masks(
    start: Callable[..., Any], rig: Rig, frame: Frame
) -> None:
    process = start("segmenter", "inference_width:=160", "range_wait:=5.0")
    rig.ready(("disparity", DisparityImage), ("depth", Image))
    rng = np.random.default_rng(0)
    for second in range(2000, 2040):
        message = disparity_message(frame.disparity, frame.camera, rig.header(second))
        spoil(message.image, rng)
        message.f, message.t = (float(rng.choice([0.0, -1.0, np.nan, np.inf, 500.0])) for _ in range(2))
        message.min_disparity = float(rng.choice([np.nan, np.inf, -np.inf, 0.0, 1e30]))
        rig.publishers["disparity"].publish(message)
        info = camera_info_message(frame.camera, rig.header(second), 0.0)
        info.p = [float(value) for value in rng.choice([0.0, -1.0, np.nan, np.inf, 300.0], 12)]
        info.k = [float(value) for value in rng.choice([0.0, -1.0, np.nan, np.inf, 300.0], 9)]
        info.binning_x, info.roi.width, info.roi.x_offset = (int(each) for each in rng.integers(0, 2**32, 3))
        rig.infos.publish(info)
        rig.probe.answer("open_set", rig.probe.send(frame.left, second))
        found = rig.obstacles(second)
        assert all(each["range"] is None or 0 < each["range"] < 1000 for each in found["obstacles"])
    assert process.process.poll() is None
    assert "Traceback" not in process.output
    rig.infos.publish(camera_info_message(frame.camera, Header(), 0.0))
    rig.probe.spin_for(0.5)
    rig.send_disparity(2040)
    told = rig.obstacles(rig.probe.send(frame.left, 2040))
    assert told["why_not"] == ""


def spoil(image: Image, rng: np.random.Generator) -> None:
    """One thing about the message is wrong, or nothing."""
    kind = int(rng.integers(6))
    if kind == 0:
        image.encoding = str(rng.choice(["mono8", "", "64FC1", "bgr8"]))
    elif kind == 1:
        image.data = image.data[: int(rng.integers(len(image.data)))]
    elif kind == 2:
        image.step = int(rng.integers(2**32))
    elif kind == 3:
        image.width, image.height = (int(each) for each in rng.integers(0, 2**20, 2))
    elif kind == 4:
        image.is_bigendian = 1


def test_target_frame_without_tf_is_refused_with_the_reason(start: Callable[..., Any], make_probe: Any) -> None:
    pytest.importorskip("rclpy")
    try:
        import tf2_ros  # noqa: F401
    except ImportError:
        process = start("segmenter", "target_frame:=base_link")
        process.wait_for_output("needs tf2_ros")
    else:
        pytest.skip("tf2_ros is installed: nothing is refused")


def test_an_overlay_alone_has_ranges(start: Callable[..., Any], make_probe: Callable[..., Any], frame: Frame) -> None:
    process = start("segmenter", "range_wait:=10.0")
    probe = make_probe(("overlay",))
    disparities = probe.node.create_publisher(DisparityImage, "disparity", 10)
    probe.wait_for_node()
    probe.spin_until(lambda: disparities.get_subscription_count() > 0, "the subscription")
    second = probe.send(frame.left)
    disparities.publish(disparity_message(frame.disparity, frame.camera, probe.header(second)))
    probe.answer("overlay", second)
    report = probe.diagnostics()
    assert (report["range_status"], report["frames_out"]) == ("no camera_info has come", "1")
    assert report["obstacles"] != "0"
    assert "Traceback" not in process.output
