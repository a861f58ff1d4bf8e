"""Who may open the page."""

from __future__ import annotations

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.tuner.guarding import TOKEN_VARIABLE, guard_for, is_loopback, same_place


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1:8787", "localhost:9", "LOCALHOST", "[::1]:8787", "127.1.2.3"])
def test_this_machine_is_served(host: str) -> None:
    assert guard_for("127.0.0.1", [""]).refusal(host, None) == ""


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8787",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.5",
        "",
        "[::1",
    ],
)
def test_names_that_were_made_to_lead_here_are_refused(host: str) -> None:
    assert "is not this tuner's" in guard_for("127.0.0.1", [""]).refusal(host, None)


def test_further_names_can_be_given() -> None:
    assert guard_for("127.0.0.1", ["Car.local"]).refusal("car.local:80", None) == ""


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:9999",
        "https://127.0.0.1",
        "file://",
        "http://localhost:8787",
        "",
    ],
)
def test_pages_of_other_places_are_refused(origin: str) -> None:
    assert "may not use this tuner" in guard_for("127.0.0.1", [""]).refusal("127.0.0.1:8787", origin)


def test_our_own_page_is_served() -> None:
    assert guard_for("127.0.0.1", [""]).refusal("127.0.0.1:8787", "http://127.0.0.1:8787") == ""
    assert same_place("https://Car.Local:8443", "car.local:8443")


def test_loopback_needs_no_token_and_all_else_does() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "car")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
    assert guard_for("localhost", [""]).token == ""
    first, second = guard_for("0.0.0.0", [""]), guard_for("0.0.0.0", [""])
    assert len(first.token) >= 32
    assert first.token != second.token
    assert first.knows(first.token)
    assert not first.knows("")
    assert not first.knows(second.token)
    assert not first.knows("ä")
    assert first.refusal("192.168.1.5:8787", None) == ""
    assert first.refusal("evil.example", None)


def test_a_token_of_the_users_own_is_taken_if_it_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "correct horse battery")
    assert guard_for("0.0.0.0", [""]).token == "correct horse battery"
    monkeypatch.setenv(TOKEN_VARIABLE, "short")
    with pytest.raises(SetupError, match="at least 16"):
        guard_for("0.0.0.0", [""])
