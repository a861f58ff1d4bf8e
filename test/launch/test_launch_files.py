"""The launch files under the real launch system: each file of under_launch/ is run by launch_testing.

They run without this wrapper too, in a workspace that has the package and with TEST_WEIGHTS set:
`launch_test test/launch/under_launch/camera.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip(
    "launch_testing", reason="launch_testing is not installed; it comes with a ROS 2 installation, not from PyPI"
)
pytest.importorskip(
    "launch_ros", reason="launch_ros is not installed; it comes with a ROS 2 installation, not from PyPI"
)
from densehybrid_ros.cli import main
from densehybrid_ros.drives.render import render_lostandfound

FILES = sorted((Path(__file__).parent / "under_launch").glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_launch_file_does_what_it_says(
    file: Path, launch_environment: dict[str, str], random_weights: Path
) -> None:
    environment = {**launch_environment, "TEST_WEIGHTS": str(random_weights)}
    command = [sys.executable, "-m", "launch_testing.launch_test", str(file)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr


LAUNCH = """
import json
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

source = PythonLaunchDescriptionSource(sys.argv[1])
arguments = json.loads(sys.argv[2])
service = LaunchService()
service.include_launch_description(
    LaunchDescription([IncludeLaunchDescription(source, launch_arguments=arguments.items())])
)
sys.exit(service.run())
"""


def test_a_replay_ends_when_all_frames_are_played(
    launch_environment: dict[str, str], random_weights: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "2026"  # a name that looks like a number
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((64, 96, 3), 60 * number, np.uint8))
    output = replayed(launch_environment, input=str(folder), rate="5", model_path=str(random_weights))
    assert "played 3 frames" in output


def test_a_replay_takes_no_pause_for_a_fault(
    launch_environment: dict[str, str], random_weights: Path, tmp_path: Path
) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 96, 3), 60 * number, np.uint8))
    output = replayed(launch_environment, input=str(tmp_path), rate="0.25", model_path=str(random_weights))
    assert "played 2 frames" in output
    assert "no frame comes" not in output


def test_a_bag_is_replayed_and_judged(launch_environment: dict[str, str], random_weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    render_lostandfound(tmp_path / "drive", "test", [20_005], 3, 160, 96, first_frame=22, frame_step=3)
    bag, table = tmp_path / "drive.mcap", tmp_path / "table.json"
    main(["convert", "lostandfound", str(tmp_path / "drive"), str(bag)])
    late = {**launch_environment, "SECONDS_BEFORE_THE_EVALUATOR": "15"}  # no frame is played without it
    output = replayed(
        late,
        bag=str(bag),
        every_frame="true",
        evaluate="true",
        table=str(table),
        model_path=str(random_weights),
    )
    assert "played 3 frames" in output
    assert "topic /camera/image_raw/compressed (colour), camera_info /camera/camera_info" in output
    report = json.loads(table.read_text())
    assert report["frames"]["judged"] == 3
    assert report["ap"] is not None
    named = {"bag": str(bag), "model_path": str(random_weights), "image_topic": "/nowhere"}
    status, output = launched("replay", launch_environment, **named)
    assert status != 0
    assert "image_raw:=image_raw" in output
    assert "it has no image topic /nowhere; its image topics are /camera/image_raw/compressed (colour" in output


def replayed(environment: dict[str, str], **arguments: str) -> str:
    """The output of a replay that came to its end by itself."""
    status, output = launched("replay", environment, **arguments)
    assert status == 0, output
    assert "process has died" not in output
    return output


def launched(stem: str, environment: dict[str, str], **arguments: str) -> tuple[int, str]:
    """Exit status and output of a launch that came to its end by itself."""
    file = Path(__file__).parents[2] / "launch" / f"{stem}.launch.py"
    command = [sys.executable, "-c", LAUNCH, str(file), json.dumps(arguments)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"bag": "/no/such.mcap", "loop": "true"}, "/no/such.mcap"),
        ({"input": "roadworld", "loop": "true", "model_path": "/no/weights.safetensors"}, "/no/weights.safetensors"),
        ({"input": "roadworld", "loop": "true", "evaluate": "true", "table": "/no/such/table.json"}, "/no/such"),
    ],
    ids=["bag", "segmenter", "evaluator"],
)
def test_a_replay_that_fails_ends_with_an_error(
    launch_environment: dict[str, str], random_weights: Path, arguments: dict[str, str], reason: str
) -> None:
    status, output = launched("replay", launch_environment, **{"model_path": str(random_weights), **arguments})
    assert status == 1, output
    assert reason in output
    assert "failed with exit status 2" in output


def test_what_only_a_user_can_put_right_is_not_tried_again(launch_environment: dict[str, str], tmp_path: Path) -> None:
    parameters = tmp_path / "wrong.yaml"
    parameters.write_text("/**: {ros__parameters: {min_range: -1.0}}")
    status, output = launched("camera", launch_environment, params_file=str(parameters), name="eye")
    assert status == 0, output
    assert output.count("process started") == 1
    assert "min_range" in output


@pytest.mark.parametrize(
    ("given", "meant"),
    [("image_topc", "image_topic"), ("image_topics", "image_topic"), ("use_simtime", "use_sim_time")],
)
def test_misspelt_arguments_are_named(given: str, meant: str, launch_environment: dict[str, str]) -> None:
    pytest.importorskip("ros2launch", reason="ros2launch is not installed; it comes with a ROS 2 installation")
    launch = "import sys; from ros2cli.cli import main; sys.exit(main())"
    ending = ["device:=none", "must_start:=true", "of_another_file:=1"]
    file = Path(__file__).parents[2] / "launch" / "camera.launch.py"
    command = [sys.executable, "-c", launch, "launch", str(file), f"{given}:=/x", *ending]
    result = subprocess.run(command, env=launch_environment, capture_output=True, text=True, timeout=100)
    output = result.stdout + result.stderr
    assert f"argument '{given}' is unknown, and changes nothing; is {meant} meant?" in output
    assert output.count("is unknown, and changes nothing") == 1


def test_every_launch_file_is_tested() -> None:
    launched = {path.name.removesuffix(".launch.py") for path in (Path(__file__).parents[2] / "launch").iterdir()}
    assert {file.stem for file in FILES} == launched


ENVIRONMENT = """
import json
import os
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import EmitEvent, IncludeLaunchDescription, OpaqueFunction
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource


def changed(context):
    changes = {name: value for name, value in context.environment.items() if os_before.get(name) != value}
    print("changed", json.dumps(changes), flush=True)


os_before = dict(os.environ)
included = IncludeLaunchDescription(PythonLaunchDescriptionSource(sys.argv[1]))
ended = EmitEvent(event=Shutdown(reason="seen"))
service = LaunchService()
service.include_launch_description(LaunchDescription([included, OpaqueFunction(function=changed), ended]))
sys.exit(service.run())
"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_launched_after_ours_has_its_own_environment(file: Path, launch_environment: dict[str, str]) -> None:
    """A Fast DDS profile that the user has set stays, and none is set for programs that are not ours."""
    launched = Path(__file__).parents[2] / "launch" / f"{file.stem}.launch.py"
    command = [sys.executable, "-c", ENVIRONMENT, str(launched)]
    result = subprocess.run(command, env=launch_environment, capture_output=True, text=True, timeout=100)
    assert "changed {}" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "arguments", "topic"),
    [
        ("camera", {"namespace": "car", "fixed_frame": "base_link"}, "densehybrid/overlay/image_raw"),
        ("multi_camera", {"namespace": "car", "fixed_frame": "base_link"}, "densehybrid/left/overlay/image_raw"),
        ("camera", {}, "densehybrid/overlay/image_raw"),
        ("camera", {"name": "other"}, "other/overlay/image_raw"),
    ],
)
def test_rviz_shows_the_node_of_the_launch_file(
    file: str, arguments: dict[str, str], topic: str, launch_environment: dict[str, str], tmp_path: Path
) -> None:
    called = programs_that_note_their_arguments(tmp_path, {"rviz2": "rviz2", "densehybrid_ros": "segmenter"})
    share = Path(launch_environment["AMENT_PREFIX_PATH"].split(os.pathsep)[0]) / "share" / "densehybrid_ros"
    (tmp_path / "share" / "densehybrid_ros").symlink_to(share)
    environment = launch_environment | {"AMENT_PREFIX_PATH": str(tmp_path), "ROS_LOG_DIR": str(tmp_path / "log")}
    status, output = launched(file, environment, use_rviz="true", respawn="false", **arguments)
    assert status == 0, output
    options = (called / "rviz2").read_text().splitlines()
    assert options[options.index("-f") + 1] == arguments.get("fixed_frame", "camera")
    assert f"Value: {topic}\n" in Path(options[options.index("-d") + 1]).read_text()
    namespaces = {
        name: [each for each in (called / name).read_text().splitlines() if each.startswith("__ns:=")]
        for name in ("rviz2", "segmenter")
    }
    assert namespaces["rviz2"] == namespaces["segmenter"] == [f"__ns:=/{arguments.get('namespace', '')}"]


def programs_that_note_their_arguments(prefix: Path, programs: dict[str, str]) -> Path:
    """Packages and their program below an ament prefix; the folder that holds the arguments of each when it has run."""
    index, called = prefix / "share" / "ament_index" / "resource_index" / "packages", prefix / "called"
    for folder in (index, called):
        folder.mkdir(parents=True)
    for package, name in programs.items():
        (index / package).touch()
        path = prefix / "lib" / package / name
        path.parent.mkdir(parents=True)
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{called}/{name}"\n')
        path.chmod(0o755)
    return called
