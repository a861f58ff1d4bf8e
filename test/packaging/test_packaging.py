"""The package installs in all three ways, with its weights, and says clearly what a machine lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CHECK = (
    "import densehybrid_ros, densehybrid_ros.models.checkpoint as c, densehybrid_ros.training.recipe.recipe;"
    "print(densehybrid_ros.__file__); print(c.BUNDLED.is_file())"
)

SEGMENTED = (
    "import numpy, densehybrid_ros; scene = densehybrid_ros.Segmenter.load(device='cpu', engine='torch')("
    "numpy.zeros((96, 160, 3), numpy.uint8)); assert scene.open_set.shape == (96, 160)"
)
VERSION = ElementTree.parse(REPOSITORY / "package.xml").getroot().findtext("version")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a clone holds."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("the sources are not a git checkout, so what belongs to them cannot be listed")
    target = tmp_path / "src" / "densehybrid_ros"
    for name in filter(None, listed.stdout.split("\0")):
        source = REPOSITORY / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink() or source.is_file():
            shutil.copy2(source, target / name, follow_symlinks=False)
    return target


def run(command: Sequence[str], folder: Path, **environment: str) -> str:
    values = {**os.environ, **environment}
    values.pop("PYTHONPATH", None)
    values.update({name: value for name, value in environment.items() if value})
    result = subprocess.run(command, cwd=folder, env=values, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def test_package_xml_is_format_3_for_ament_python() -> None:
    root = ElementTree.parse(REPOSITORY / "package.xml").getroot()
    assert root.get("format") == "3"
    assert root.findtext("export/build_type") == "ament_python"
    package = pytest.importorskip("catkin_pkg.package", reason="catkin_pkg is not installed; ./test.sh brings it")
    package.parse_package(str(REPOSITORY))


def environment(tmp_path: Path) -> Path:
    """A new virtual environment in which pip and all requirements are found, after its own packages."""
    venv = tmp_path / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", str(venv)], tmp_path)
    site = subprocess.run(
        [sys.executable, "-c", "import numpy, pathlib; print(pathlib.Path(numpy.__file__).parents[1])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    own = next((venv / "lib").glob("python3*")) / "site-packages"
    (own / "zz_requirements.pth").write_text(f"{site}\n")
    return venv


@pytest.mark.slow
def test_an_editable_install_finds_models_training_and_weights(checkout: Path, tmp_path: Path) -> None:
    python = str(environment(tmp_path) / "bin" / "python")
    run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", str(checkout)], tmp_path)
    output = run([python, "-c", CHECK], tmp_path).split()
    assert Path(output[0]).parent == checkout / "densehybrid_ros"
    assert output[1] == "True"
    assert "evaluate" in run([str(Path(python).with_name("densehybrid")), "--help"], tmp_path)


@pytest.mark.slow
def test_a_wheel_from_the_sdist_works_outside_the_checkout(checkout: Path, tmp_path: Path) -> None:
    venv = environment(tmp_path)
    python, built = str(venv / "bin" / "python"), tmp_path / "built"
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(built)!r})"
    run([sys.executable, "-c", build], checkout)
    (sdist,) = built.iterdir()
    shutil.rmtree(checkout)
    run(
        [python, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(built), str(sdist)],
        tmp_path,
    )
    (wheel,) = built.glob("*.whl")
    run([python, "-m", "pip", "install", "-q", "--no-deps", str(wheel)], tmp_path)
    output = run([python, "-c", CHECK], tmp_path).split()
    assert Path(output[0]).is_relative_to(venv)
    assert output[1] == "True"
    assert run([str(venv / "bin" / "densehybrid"), "--version"], tmp_path) == f"densehybrid_ros {VERSION}\n"
    for name in ("package.xml", "launch/camera.launch.py", "config/segmenter.yaml", "config/camera.rviz"):
        assert (venv / "share" / "densehybrid_ros" / name).is_file(), name
    run([python, "-c", SEGMENTED], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--symlink-install"]], ids=["build", "symlink"])
def test_colcon_builds_executables_weights_and_launch_files(checkout: Path, options: list[str]) -> None:
    colcon = shutil.which("colcon")
    if colcon is None:
        pytest.skip("colcon is not installed; ./test.sh brings it")
    workspace = checkout.parents[1]
    listed = run([colcon, "list"], workspace)
    assert "(ros.ament_python)" in listed
    run([colcon, "build", *options], workspace)
    prefix = workspace / "install" / "densehybrid_ros"
    for name in ("segmenter", "player", "recorder", "tuner", "densehybrid"):
        assert os.access(prefix / "lib" / "densehybrid_ros" / name, os.X_OK)
    share = prefix / "share" / "densehybrid_ros"
    for name in ("package.xml", "launch/camera.launch.py", "config/segmenter.yaml", "config/fastdds_large_images.xml"):
        assert (share / name).is_file(), name
    marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / "densehybrid_ros"
    assert marker.is_file()
    setup = workspace / "install" / "setup.sh"
    site = str(Path(shutil.__file__).parent)
    source = f'COLCON_CURRENT_PREFIX="{workspace}/install" . "{setup}"; cd /'
    script = f'{source}; PYTHONPATH="$PYTHONPATH:{site}" "{sys.executable}" -c "{CHECK}"'
    output = run(["sh", "-c", script], workspace).split()
    assert str(workspace) in output[0]
    assert output[1] == "True"
    found = run(["sh", "-c", f"{source}; command -v densehybrid && densehybrid --help"], workspace)
    assert found.startswith(str(prefix / "bin" / "densehybrid"))
    assert "evaluate" in found
    run([colcon, "test", "--return-code-on-test-failure", "--pytest-args", "test/test_labels.py"], workspace)
    (suite,) = ElementTree.parse(workspace / "build" / "densehybrid_ros" / "pytest.xml").getroot()
    assert int(suite.get("tests", 0)) > 0


def path_without(tmp_path: Path, *programs: str) -> str:
    """A PATH of links to the shell's tools, without Python, plus the given stand-ins."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "dirname", "basename", "cat", "cksum", "tr", "env", "git"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    for program in programs:
        stand_in = folder / "python3"
        stand_in.write_text(program)
        stand_in.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize("script", ["demo.sh", "test.sh"])
@pytest.mark.parametrize(
    ("stand_in", "text"),
    [
        ([], "Python is missing; install it"),
        (['#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\n'], "python3-venv"),
        (['#!/bin/sh\necho "Python 3.8.1"; case "$*" in *version_info*) exit 1;; esac\n'], "3.10 or newer"),
    ],
    ids=["no python", "no venv", "old python"],
)
def test_a_machine_that_lacks_something_is_told_what_to_install(
    tmp_path: Path, script: str, stand_in: list[str], text: str
) -> None:
    clone = tmp_path / "clone"
    (clone / "requirements").mkdir(parents=True)
    shutil.copy2(REPOSITORY / script, clone)
    shutil.copy2(REPOSITORY / "requirements" / "environment.sh", clone / "requirements")
    result = subprocess.run(
        ["bash", str(clone / script)],
        env={"PATH": path_without(tmp_path, *stand_in), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert text in result.stderr
