"""An ament prefix that stands for the installed package, made of links into this tree."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "densehybrid_ros"


@pytest.fixture(scope="session")
def launch_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which `ros2 launch densehybrid_ros …` finds the files of this tree."""
    prefix = tmp_path_factory.mktemp("prefix")
    index = prefix / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / NAME).touch()
    share = prefix / "share" / NAME
    share.mkdir()
    for folder in ("launch", "config"):
        (share / folder).symlink_to(REPOSITORY / folder)
    programs = prefix / "lib" / NAME
    programs.mkdir(parents=True)
    for program in ("segmenter", "player", "evaluator", "tuner"):
        path = programs / program
        late = 'sleep "${SECONDS_BEFORE_THE_EVALUATOR:-0}"\n' if program == "evaluator" else ""
        path.write_text(f'#!/bin/sh\n{late}exec "{sys.executable}" -m densehybrid_ros.nodes.{program} "$@"\n')
        path.chmod(0o755)
    from densehybrid_ros.dds.isolation import isolated_environment

    environment = isolated_environment()
    environment["AMENT_PREFIX_PATH"] = os.pathsep.join([str(prefix), os.environ.get("AMENT_PREFIX_PATH", "")])
    environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    return environment
