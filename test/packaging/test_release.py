"""One version everywhere, and files for rosdep, bloom, hosted CI and docker that agree with the code."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

import densehybrid_ros
from densehybrid_ros import cli, topics

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ElementTree.parse(ROOT / "package.xml").getroot()
ROS = re.compile(r"rclpy|launch\w*|tf2\w*|cv_bridge|sensor_msgs_py|\w+_(msgs|srvs|interfaces)")
PROVIDED_BY = {"tf2_ros": "tf2_ros_py"}
"""Python packages that a ROS package of another name holds."""
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def written_versions(folder: Path) -> dict[str, str]:
    package, setup, changelog = ((folder / name).read_text() for name in ("package.xml", "setup.py", "CHANGELOG.rst"))
    patterns = {
        "package.xml": (r"<version>(.+)</version>", package),
        "setup.py": (r'version="(.+)"', setup),
        "CHANGELOG.rst": (r"(?m)^(\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)\n-+$", changelog),
    }
    return {name: re.findall(pattern, text)[0] for name, (pattern, text) in patterns.items()}


def test_the_version_is_the_same_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    (version,) = set(written_versions(ROOT).values())
    assert densehybrid_ros.__version__ == version
    cli.main(["--version"])
    assert capsys.readouterr().out == f"densehybrid_ros {version}\n"


def test_the_tool_that_prepares_releases_raises_it(tmp_path: Path) -> None:
    tool = pytest.importorskip("catkin_pkg.package_version", reason="catkin_pkg is not installed; ./test.sh brings it")
    for name in ("package.xml", "setup.py", "CHANGELOG.rst"):
        shutil.copy2(ROOT / name, tmp_path)
    parse = pytest.importorskip("catkin_pkg.package").parse_package
    tool.update_versions({str(tmp_path): parse(str(tmp_path))}, "0.7.3")
    raised = written_versions(tmp_path)
    assert (raised["package.xml"], raised["setup.py"]) == ("0.7.3", "0.7.3")


@pytest.mark.filterwarnings("ignore:nodes.Node.traverse:DeprecationWarning")  # of docutils, in catkin_pkg
def test_the_changelog_has_catkins_format() -> None:
    tool = pytest.importorskip("catkin_pkg.changelog", reason="catkin_pkg is not installed; ./test.sh brings it")
    changelog = tool.get_changelog_from_path(str(ROOT), "densehybrid_ros")
    versions = {version: (date, entries) for version, date, entries in changelog.foreach_version()}
    date, entries = versions[str(PACKAGE.findtext("version"))]
    assert date is not None
    (listed,) = entries
    assert len(list(listed)) >= 5


def depends() -> set[str]:
    return {str(each.text) for each in PACKAGE.iter("exec_depend")}


def test_package_xml_names_every_ros_package_that_the_code_imports() -> None:
    imported = {topic.kind.partition("/")[0] for topic in (*topics.INPUTS, *topics.OUTPUTS, topics.CLOCK)}
    for path in (*(ROOT / "densehybrid_ros").rglob("*.py"), *(ROOT / "launch").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(str(node.module).partition(".")[0])
            elif isinstance(node, ast.Import):
                imported |= {each.name.partition(".")[0] for each in node.names}
    found = {PROVIDED_BY.get(name, name) for name in imported if ROS.fullmatch(name)}
    assert len(found) > 10
    assert found <= depends()


def test_every_dependency_is_named_once() -> None:
    for kind in ("exec_depend", "test_depend"):
        names = [each.text for each in PACKAGE.iter(kind)]
        assert len(names) == len(set(names))


def test_hosted_ci_runs_what_a_change_must_pass() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    assert ".ci/run" in steps
    named = re.findall(r"\btest/[\w/.]+", "\n".join(steps))
    assert named
    for name in (".ci/run", *named):
        assert (ROOT / name).exists(), name
    for ros in workflow["jobs"]["checks"]["strategy"]["matrix"]["ros"]:
        assert (ROOT / "requirements" / f"ros-{ros}.txt").is_file()


def test_issue_templates_are_whole() -> None:
    templates = [path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
    assert len(templates) == 2
    for path in templates:
        template = yaml.safe_load(path.read_text())
        assert {"name", "description", "labels", "body"} == template.keys()
        assert len({each["id"] for each in template["body"]}) == len(template["body"])
        for each in template["body"]:
            assert each["type"] in ("textarea", "input", "dropdown")
            assert each["attributes"]["label"]
