"""densehybrid sros2-policy [--namespace /car] [--cameras front left] [--remap image_raw:=/cam/image_raw …] > policy.xml

An SROS 2 policy: what each node of this package may publish, subscribe to and answer, and nothing else. Every node has
an enclave of its own; beside them stand `operator`, who sets parameters, changes states and sees everything, and
`planner`, who takes obstacles and can do nothing. Names are those of the node as it is started: give the same namespace
and cameras, and the same remappings. Then, with ROS's own tools:

    ros2 security create_keystore keys
    for each in segmenter player recorder evaluator operator planner; do
      ros2 security create_enclave keys /densehybrid/$each
      ros2 security create_permission keys /densehybrid/$each policy.xml
    done
    export ROS_SECURITY_KEYSTORE=$PWD/keys ROS_SECURITY_ENABLE=true ROS_SECURITY_STRATEGY=Enforce
    ros2 run densehybrid_ros segmenter --ros-args --enclave /densehybrid/segmenter
    ROS_SECURITY_ENCLAVE_OVERRIDE=/densehybrid/operator ros2 param set /densehybrid threshold 2
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

from densehybrid_ros.errors import SetupError
from densehybrid_ros.topics import (
    ANOMALY,
    ANOMALY_TRUTH,
    CLOCK,
    DIAGNOSTICS,
    DISPARITY,
    ENABLE,
    IMAGE,
    INPUTS,
    LABELS,
    LOG,
    MODEL,
    OBSTACLE_TOPICS,
    OPEN_SET,
    OPEN_SET_LABELS,
    OUTPUTS,
    OVERLAY,
    PARAMETER_EVENTS,
    PARAMETER_SERVICES,
    PAUSE,
    PRIVATE,
    REPORT,
    RIGHT_IMAGE,
    SEGMENTER,
    SEMANTIC,
    STATE_SERVICES,
    TF,
    TF_STATIC,
    TRANSITIONS,
    TRUTH,
    TRUTHS,
    Topic,
)

VERSION = "0.2.0"
"""Of the policy format."""
ENCLAVES = "/densehybrid"
NODES = {"segmenter": SEGMENTER, "player": "player", "recorder": "recorder", "evaluator": "evaluator"}
"""Executable → name of its node."""
TUNER = "tuner"
"""Runs in the operator's enclave: who has its page may do the same."""


@dataclass(frozen=True)
class Names:
    """How the nodes are started."""

    namespace: str = "/"
    cameras: Sequence[str] = ()
    """Of the segmenter; none = one without a name."""
    remapped: Mapping[str, str] = field(default_factory=dict)
    """Names as the node has them in its own code → other names, as ROS remaps them."""

    def of(self, topics: Iterable[Topic], node: str = "") -> list[str]:
        """Absolute names of topics, for every camera; of private ones those of `node`."""
        found = [topic.of(camera) for topic in topics for camera in self.cameras or ("",)]
        return self.absolute(found, node)

    def absolute(self, names: Iterable[str], node: str) -> list[str]:
        space = self.namespace.rstrip("/")
        found: list[str] = []
        for name in names:
            name = self.remapped.get(name, name)
            if name.startswith(PRIVATE):
                name = f"{space}/{node}{name.removeprefix(PRIVATE)}"
            found.append(name if name.startswith("/") else f"{space}/{name}")
        return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Rights:
    """Of one node, by absolute names."""

    publish: Sequence[str] = ()
    subscribe: Sequence[str] = ()
    reply: Sequence[str] = ()
    request: Sequence[str] = ()


def rights(names: Names) -> dict[str, Rights]:
    """By enclave, below ENCLAVES; without what every node has."""
    inputs = [*INPUTS, IMAGE.compressed, RIGHT_IMAGE.compressed]
    answers = [topic for topic in OUTPUTS if topic.private and topic is not MODEL]
    answers += [each.as_json for each in (LABELS, OPEN_SET_LABELS)]
    shown = [*names.of(answers, SEGMENTER), *names.absolute([MODEL.of("")], SEGMENTER)]
    steered = (ENABLE, *STATE_SERVICES)
    judged, drawn = (ANOMALY, ANOMALY_TRUTH, DISPARITY), (IMAGE, TRUTH, SEMANTIC, ANOMALY, OPEN_SET, OVERLAY)
    pauses = names.absolute([PAUSE], NODES["player"])
    report = names.absolute([REPORT.of("")], NODES["evaluator"])
    asked = [name for node in NODES.values() for name in names.absolute(PARAMETER_SERVICES, node)]
    return {
        "segmenter": Rights(
            publish=[*shown, *names.absolute([TRANSITIONS], SEGMENTER), DIAGNOSTICS.name, TF_STATIC.name],
            subscribe=[*names.of(inputs), TF, TF_STATIC.name],
            reply=names.absolute(steered, SEGMENTER),
        ),
        "player": Rights(publish=[*names.of((*inputs, *TRUTHS)), CLOCK.name], subscribe=shown, reply=pauses),
        "recorder": Rights(subscribe=[*names.of(drawn, SEGMENTER), DIAGNOSTICS.name]),
        "evaluator": Rights(publish=report, subscribe=names.of(judged, SEGMENTER)),
        "operator": Rights(
            subscribe=[*names.of((*inputs, *TRUTHS)), *shown, *report, DIAGNOSTICS.name, LOG, TF, TF_STATIC.name],
            reply=names.absolute(PARAMETER_SERVICES, TUNER),
            request=[*names.absolute(steered, SEGMENTER), *pauses, *asked],
        ),
        "planner": Rights(subscribe=[*names.of(OBSTACLE_TOPICS, SEGMENTER), DIAGNOSTICS.name, TF, TF_STATIC.name]),
    }


def policy(names: Names) -> str:
    """The policy as XML, one enclave for each node."""
    root = ElementTree.Element("policy", version=VERSION)
    enclaves = ElementTree.SubElement(root, "enclaves")
    for role, own in rights(names).items():
        enclave = ElementTree.SubElement(enclaves, "enclave", path=f"{ENCLAVES}/{role}")
        profiles = ElementTree.SubElement(enclave, "profiles")
        node = NODES.get(role, role)
        profile = ElementTree.SubElement(profiles, "profile", ns=names.namespace, node=node)
        answered = [*own.reply, *names.absolute(PARAMETER_SERVICES, node)] if role in NODES else own.reply
        _rule(profile, "topics", "topic", {"publish": "ALLOW"}, [*own.publish, PARAMETER_EVENTS.name, LOG])
        _rule(profile, "topics", "topic", {"subscribe": "ALLOW"}, [*own.subscribe, PARAMETER_EVENTS.name, CLOCK.name])
        _rule(profile, "services", "service", {"reply": "ALLOW"}, answered)
        _rule(profile, "services", "service", {"request": "ALLOW"}, own.request)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, "unicode")}\n'


def _rule(profile: ElementTree.Element, group: str, item: str, qualifier: dict[str, str], names: Sequence[str]) -> None:
    """Nothing where nothing is allowed: an empty list is against the format."""
    if not names:
        return
    listed = ElementTree.SubElement(profile, group, qualifier)
    for name in sorted(set(names)):
        ElementTree.SubElement(listed, item).text = name


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid sros2-policy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--namespace", default="/", help="of all the nodes")
    parser.add_argument("--cameras", nargs="+", default=[], help="as the parameter of the segmenter")
    parser.add_argument("--remap", nargs="+", default=[], metavar="FROM:=TO", help="as ros2 run takes them after -r")
    arguments = parser.parse_args(argv)
    print(policy(Names(_namespace(arguments.namespace), arguments.cameras, _remapped(arguments.remap))), end="")


def _namespace(text: str) -> str:
    return "/" + text.strip("/")


def _remapped(rules: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for rule in rules:
        name, colon, other = rule.partition(":=")
        if not (name and colon and other) or name.startswith("__"):
            raise SetupError(f"--remap {rule} must be FROM:=TO, as image_raw:=/cam/image_raw")
        found[name] = other
    return found
