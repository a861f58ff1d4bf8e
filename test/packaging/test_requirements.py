"""What setup.py says of the versions that we need is what is installed and what is written."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from densehybrid_ros.packages import REQUIREMENTS

ROOT = Path(__file__).resolve().parents[2]
TESTS = {"pytest"}
"""Of the tests alone: dev.txt has it."""
BUILD = {"setuptools"}
"""Of the build alone: pyproject.toml has it."""
COMPARED = {"transformers", "cosmic-ray", "triton"}
"""Of some tests and measurements alone: optional.txt has them."""
FILES = ("runtime.txt", "training.txt", "optional.txt")
PINNED = {"torch"}
"""Demo and tests run with one version of it, which lies within the bounds."""
INSTEAD_OF = {"onnxruntime-gpu": "onnxruntime"}
"""On CUDA devices, with the same bounds."""


def in_setup() -> dict[str, list[Requirement]]:
    """By name; a package may be asked for twice, by the package itself and by an extra."""
    (call,) = [
        node
        for node in ast.walk(ast.parse((ROOT / "setup.py").read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "setup"
    ]
    fields = {keyword.arg: keyword.value for keyword in call.keywords}
    lines = ast.literal_eval(fields["install_requires"])
    for extra in ast.literal_eval(fields["extras_require"]).values():
        lines += extra
    found: dict[str, list[Requirement]] = {}
    for requirement in map(Requirement, lines):
        found.setdefault(requirement.name, []).append(requirement)
    return found


@pytest.mark.parametrize("name", FILES)
def test_requirements_have_the_bounds_of_setup(name: str) -> None:
    needed = in_setup()
    for requirement in map(Requirement, (ROOT / "requirements" / name).read_text().split("\n")[:-1]):
        if requirement.name in PINNED:
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            assert all(each.specifier.contains(pin.version) for each in needed[requirement.name])
        elif requirement.name not in BUILD | COMPARED:
            assert [each.specifier for each in needed[requirement.name]] == [requirement.specifier]


def test_what_users_are_told_to_install_is_what_setup_needs() -> None:
    needed = in_setup()
    for requirement in map(Requirement, REQUIREMENTS.values()):
        assert requirement.specifier in [each.specifier for each in needed[requirement.name]]


def test_all_that_setup_needs_is_installed_by_the_requirements() -> None:
    lines = [(ROOT / "requirements" / name).read_text() for name in FILES]
    installed = {Requirement(line).name for line in "".join(lines).splitlines()}
    assert in_setup().keys() | BUILD | COMPARED == installed | TESTS


def test_colcon_finds_pytest_with_the_bounds_of_the_requirements() -> None:
    """Without an extra named `test` that asks for it, `colcon test` runs nothing and reports success."""
    (written,) = [
        requirement
        for requirement in map(Requirement, (ROOT / "requirements" / "dev.txt").read_text().splitlines())
        if requirement.name == "pytest"
    ]
    assert in_setup()["pytest"] == [written]


def test_everything_is_bounded_above() -> None:
    for requirements in in_setup().values():
        for each in requirements:
            assert {specifier.operator for specifier in each.specifier} & {"<", "=="}, each


def test_the_documents_name_the_same_bounds() -> None:
    needed = in_setup()
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    pages += [ROOT / "Dockerfile", ROOT / ".github" / "workflows" / "ci.yml"]
    named = [Requirement(each) for page in pages for each in re.findall(r"'(\w[\w-]*>=[^']+)'", page.read_text())]
    assert named
    for requirement in named:
        name = INSTEAD_OF.get(requirement.name, requirement.name)
        assert requirement.specifier in [each.specifier for each in needed[name]], requirement
