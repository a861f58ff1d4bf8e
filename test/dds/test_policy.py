"""The SROS 2 policy: names as the nodes are started, each node its own, and no right more."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from densehybrid_ros import cli
from densehybrid_ros.dds.policy import ENCLAVES, Names, policy, rights

KINDS = {("topics", "publish"), ("topics", "subscribe"), ("services", "reply"), ("services", "request")}


def allowed(text: str, role: str) -> dict[str, set[str]]:
    """Names by qualifier, of one enclave of a policy."""
    root = ElementTree.fromstring(text)
    (profile,) = root.findall(f"enclaves/enclave[@path='{ENCLAVES}/{role}']/profiles/profile")
    found: dict[str, set[str]] = {}
    for group in profile:
        ((qualifier, value),) = group.attrib.items()
        assert (group.tag, qualifier) in KINDS
        assert value == "ALLOW"
        names = [str(each.text) for each in group]
        assert names == sorted(set(names))
        found[qualifier] = set(names)
    return found


def test_every_name_is_absolute_in_the_namespace_of_every_camera_and_remapped_as_ros_does() -> None:
    names = Names("/car", ["front", "left"], {"front/image_raw": "/cam/image_raw", "left/depth": "deep"})
    segmenter = allowed(policy(names), "segmenter")
    for kind in segmenter.values():
        assert all(name.startswith("/") and "~" not in name and "//" not in name for name in kind)
    assert {"/cam/image_raw", "/car/left/image_raw", "/car/deep"} <= segmenter["subscribe"]
    assert not {"/car/front/image_raw", "/car/left/depth"} & segmenter["subscribe"]
    assert {"/car/densehybrid/left/obstacles/scan", "/diagnostics", "/rosout"} <= segmenter["publish"]
    assert {"/car/densehybrid/enable", "/car/densehybrid/set_parameters"} <= segmenter["reply"]


def test_without_a_namespace_or_a_camera_names_are_those_of_the_topics() -> None:
    segmenter = allowed(policy(Names()), "segmenter")
    assert {"/image_raw", "/image_raw/compressed", "/tf"} <= segmenter["subscribe"]
    assert "/densehybrid/overlay/image_raw/compressed" in segmenter["publish"]


def test_only_the_operator_asks_and_a_planner_can_do_nothing() -> None:
    text = policy(Names())
    for role in rights(Names()):
        asks = allowed(text, role).get("request", set())
        assert bool(asks) == (role == "operator"), role
    assert "/densehybrid/set_parameters" in allowed(text, "operator")["request"]
    planner = allowed(text, "planner")
    assert planner["publish"] == {"/parameter_events", "/rosout"}
    assert "/densehybrid/obstacles/scan" in planner["subscribe"]
    assert not any("image" in name for name in planner["subscribe"])


def test_the_command_prints_it_and_refuses_rules_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["sros2-policy", "--namespace", "car", "--cameras", "front", "--remap", "front/image_raw:=/cam/raw"])
    assert capsys.readouterr().out == policy(Names("/car", ["front"], {"front/image_raw": "/cam/raw"}))
    with pytest.raises(SystemExit, match="2"):
        cli.main(["sros2-policy", "--remap", "__node:=other"])
    assert "--remap __node:=other must be FROM:=TO" in capsys.readouterr().err
