"""The shared-memory profile is found and named, unless the user has named one."""

from __future__ import annotations

import pytest

from densehybrid_ros.dds.profile import NEW_NAME, OLD_NAME, profile_file, profile_variable, take_profile


def test_the_profile_is_named_under_the_variable_of_this_ros() -> None:
    environment: dict[str, str] = {}
    take_profile(environment)
    assert environment == {profile_variable(): str(profile_file())}


@pytest.mark.parametrize("name", [OLD_NAME, NEW_NAME, "FASTDDS_BUILTIN_TRANSPORTS"])
def test_what_the_user_has_chosen_stays(name: str) -> None:
    environment = {name: "their choice"}
    take_profile(environment)
    assert environment == {name: "their choice"}


@pytest.mark.parametrize(("distribution", "name"), [("jazzy", OLD_NAME), ("kilted", NEW_NAME)])
def test_a_sourced_distribution_decides_where_no_wheel_is_installed(
    monkeypatch: pytest.MonkeyPatch, distribution: str, name: str
) -> None:
    from importlib.metadata import PackageNotFoundError

    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("densehybrid_ros.dds.profile.version", missing)
    monkeypatch.setenv("ROS_DISTRO", distribution)
    assert profile_variable() == name
