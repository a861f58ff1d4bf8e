"""A new threshold while the camera is paused: the last map once more, under its stamp, without the network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from lifecycle_msgs.msg import Transition
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import SetBool

from densehybrid_ros.convert.images import array_from_image, rgb_from_image
from densehybrid_ros.topics import OBSTACLES_JSON

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]
Faulty = Callable[[np.ndarray, str], np.ndarray]


@pytest.fixture
def node(start: Start, probe: Probe, random_weights: Path) -> Process:
    """Prints a line for every step of the network."""
    started = start("faulty_segmenter", f"model_path:={random_weights}", "min_obstacle_area:=20")
    probe.wait_for_node()
    return started


def steps(node: Process) -> int:
    return node.output.count("parts: ")


def stamps(probe: Probe, name: str = "open_set") -> list[int]:
    return [message.header.stamp.sec for message in probe.received[name]]


def change_in_vain(probe: Probe, **changes: float | str) -> None:
    """Sets parameters one after the other; no map comes, also not before the answer to the last."""
    before = stamps(probe)
    for name, value in changes.items():
        assert probe.set_parameter(name, value)[0]
    probe.spin_for(1.0)
    assert stamps(probe) == before


def test_a_new_threshold_shows_at_once_as_a_fresh_frame_would_and_the_network_rests(
    node: Process, probe: Probe, picture: np.ndarray
) -> None:
    told: list[String] = []
    probe.node.create_subscription(String, OBSTACLES_JSON.under("/densehybrid"), told.append, 10)
    probe.wait_for_node()
    first = probe.answers(picture)
    score = array_from_image(first["anomaly"])
    for quantile in (0.2, 0.9):
        probe.spin_for(0.5)
        for each in (*probe.received.values(), told):
            each.clear()
        before = steps(node)
        assert probe.set_parameter("threshold", float(np.quantile(score, quantile))) == (True, "")
        probe.spin_until(lambda: all((probe.received["open_set"], probe.received["overlay"], told)), "the last map")
        probe.silence(1.0)
        assert steps(node) == before
        assert {name: len(messages) for name, messages in probe.received.items()} == {
            "semantic": 0,
            "anomaly": 0,
            "open_set": 1,
            "overlay": 1,
        }
        (labelled,), (drawn,), (obstacles,) = probe.received["open_set"], probe.received["overlay"], told
        assert labelled.header == drawn.header == first["open_set"].header
        told.clear()
        first = probe.answers(picture)
        probe.spin_until(lambda: bool(told), "obstacles")
        assert labelled.data == first["open_set"].data
        # its numbers go on from those of the last map, which were not counted twice
        np.testing.assert_array_equal(rgb_from_image(drawn), rgb_from_image(first["overlay"]))
        fields = ("id", "box", "pixels", "score")
        last, fresh = (json.loads(message.data)["obstacles"] for message in (obstacles, told[0]))
        assert [[each[name] for name in fields] for each in last] == [[each[name] for name in fields] for each in fresh]
    report = probe.diagnostics()
    assert (report["frames_in"], report["frames_out"], report["last_error"]) == ("3", "3", "")


def test_an_obstacle_is_not_seen_twice_in_one_frame(node: Process, probe: Probe, picture: np.ndarray) -> None:
    told: list[String] = []
    probe.node.create_subscription(String, OBSTACLES_JSON.under("/densehybrid"), told.append, 10)
    probe.wait_for_node()
    assert probe.set_parameter("min_hits", 2)[0]
    probe.answers(picture)
    for threshold in (-900.0, -901.0):  # all of the picture is one obstacle
        probe.spin_for(0.5)
        told.clear()
        assert probe.set_parameter("threshold", threshold)[0]
        probe.spin_until(lambda: bool(told), "obstacles")
        assert json.loads(told[-1].data)["obstacles"] == []
    told.clear()
    probe.answers(picture)
    probe.spin_until(lambda: bool(told), "obstacles")
    assert len(json.loads(told[-1].data)["obstacles"]) == 1


def test_a_target_rate_does_the_same_and_another_score_waits_for_the_next_frame(
    node: Process, probe: Probe, picture: np.ndarray
) -> None:
    answers = probe.answers(picture)
    probe.spin_for(0.5)
    assert probe.set_parameter("target_tpr", 0.95)[0]
    probe.spin_until(lambda: len(probe.received["open_set"]) == 2, "the last map")
    expected = np.where(array_from_image(answers["anomaly"]) >= -2.0, 11, array_from_image(answers["semantic"]))
    np.testing.assert_array_equal(array_from_image(probe.received["open_set"][-1]), expected)
    probe.spin_for(0.5)
    change_in_vain(probe, score="likelihood", threshold=3.0, overlay_alpha=0.1)
    assert steps(node) == 1


def test_a_map_at_work_comes_out_first_and_is_the_one_that_is_labelled_anew(
    node: Process, probe: Probe, picture: np.ndarray, faulty: Faulty
) -> None:
    first = probe.answers(picture)
    probe.spin_for(0.5)
    slow = probe.send(faulty(picture, "slow"))
    probe.spin_until(lambda: steps(node) == 2, "the step")
    lowest = float(array_from_image(first["anomaly"]).min()) - 100
    assert probe.set_parameter("threshold", lowest)[0]
    probe.spin_until(lambda: len(probe.received["open_set"]) == 3, "three maps")
    probe.spin_until(lambda: len(probe.received["overlay"]) == 3, "three overlays")
    probe.silence()
    assert stamps(probe) == [first["open_set"].header.stamp.sec, slow, slow]
    unknown = [bool((array_from_image(message) == 11).all()) for message in probe.received["open_set"]]
    assert unknown == [False, False, True]


def test_while_a_camera_runs_every_stamp_comes_once(node: Process, probe: Probe, picture: np.ndarray) -> None:
    probe.answers(picture)
    for turn in range(12):
        last = probe.send(picture)
        assert probe.set_parameter("threshold", float(turn))[0]
        probe.spin_for(0.1)
    probe.answer("open_set", last)
    seen = stamps(probe)
    assert len(seen) > 6
    repeated = [stamp for stamp in seen if seen.count(stamp) > 1]
    assert set(repeated) <= {last}
    assert seen == sorted(seen)


def test_nothing_is_labelled_anew_that_nobody_should_see(node: Process, probe: Probe, picture: np.ndarray) -> None:
    probe.answers(picture)
    probe.spin_for(0.5)
    assert probe.set_parameter("max_frame_age", 5.0)[0]  # its stamp is of 1970
    change_in_vain(probe, threshold=1.0)
    assert probe.set_parameter("max_frame_age", 0.0)[0]
    probe.spin_until(lambda: len(probe.received["open_set"]) == 2, "the last map")
    assert probe.call(SetBool, "/densehybrid/enable", SetBool.Request(data=False)).success
    change_in_vain(probe, threshold=2.0)
    assert probe.call(SetBool, "/densehybrid/enable", SetBool.Request(data=True)).success
    probe.spin_until(lambda: probe.publisher.get_subscription_count() > 0, "the subscription")
    change_in_vain(probe, threshold=2.5)  # what went out before the pause is not what comes first after it
    probe.answers(picture)
    assert probe.change_state(Transition.TRANSITION_DEACTIVATE)
    change_in_vain(probe, threshold=3.0)
    assert probe.change_state(Transition.TRANSITION_ACTIVATE)
    probe.silence(1.0)


def test_a_frame_without_a_score_is_not_labelled_anew_and_nor_is_the_one_before_it(
    start: Start, make_probe: Callable[..., Probe], random_weights: Path, picture: np.ndarray
) -> None:
    start("segmenter", f"model_path:={random_weights}", "lazy:=false")
    semantic = make_probe(("semantic",))
    semantic.wait_for_node()
    open_set = make_probe(("open_set",))
    open_set.wait_for_node()
    open_set.answers(picture, 300)
    semantic.answer("semantic", 300)
    maps: list[Image] = open_set.received["open_set"]
    for subscription in list(open_set.node.subscriptions):
        open_set.node.destroy_subscription(subscription)
    semantic.spin_for(1.0)
    semantic.answers(picture, 301)  # of the class map alone
    again = make_probe(("open_set",))
    again.wait_for_node()
    change_in_vain(again, threshold=-50.0)
    assert len(maps) == 1
