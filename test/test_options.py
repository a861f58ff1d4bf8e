"""Settings: described once, checked one by one and as a whole, and shown as a table."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, dataclass

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.options import (
    REQUIRED,
    built,
    changed,
    live_names,
    markdown_table,
    setting,
    settings_of,
    with_defaults,
)


@dataclass(frozen=True)
class Wheel:
    """The wheels."""

    size: float = setting(0.6, "m", 0.1)


@dataclass(frozen=True)
class Vehicle:
    """Anything with wheels."""

    name: str = setting(REQUIRED, "what it is called")
    doors: int = setting(4, "how many", 0, 5)
    spare: Wheel = setting(REQUIRED, "in the boot", factory=Wheel)


@dataclass(frozen=True)
class Car(Vehicle):
    """A car."""

    colour: str = setting("red", "of the paint", live=True, choices=("red", "blue"))
    trim: str = setting("cloth", "of the seats", choices=("cloth", "leather", "wool"))
    speed: float = setting(math.nan, "m/s", 0.0, 50.0, live=True)
    gears: list[float] = setting(REQUIRED, "ratios", high=5.0, factory=lambda: [3.5, 2.0])
    tags: tuple[str, ...] = setting(("old",), "words | that describe it")
    wheels: list[Wheel] = setting(REQUIRED, "all of them", factory=list)
    electric: bool = setting(False, "whether it has a battery")

    def __post_init__(self) -> None:
        if self.doors == 3 and self.electric:
            raise SetupError("doors and electric contradict each other")


CAR = Car("mini")


def test_settings_come_with_those_of_the_class_first_and_then_those_of_its_bases() -> None:
    assert [entry.name for entry in settings_of(Car)][-3:] == ["name", "doors", "spare"]
    assert [entry.group for entry in settings_of(Car)] == [Car] * 7 + [Vehicle] * 3
    assert live_names(Car) == ("colour", "speed")
    assert [entry.name for entry in settings_of(Car) if entry.is_unset] == ["speed"]


def test_an_integer_is_taken_for_a_float() -> None:
    car = changed(CAR, {"speed": 7, "gears": [3, 1.5]})
    assert (car.speed, type(car.speed)) == (7.0, float)
    assert [type(ratio) for ratio in car.gears] == [float, float]
    assert math.isnan(CAR.speed)


def test_the_ends_of_a_range_belong_to_it() -> None:
    for doors in (0, 5):
        assert changed(CAR, {"doors": doors}).doors == doors


def test_nested_sets_and_lists_of_them_are_built_from_mappings() -> None:
    car = built(Car, {"name": "mini", "spare": {"size": 1}, "wheels": [{}, {"size": 0.5}], "tags": ["new", "fast"]})
    assert car == Car("mini", spare=Wheel(1.0), wheels=[Wheel(), Wheel(0.5)], tags=("new", "fast"))
    with pytest.raises(FrozenInstanceError):
        car.doors = 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"doors": "four"}, "doors must be of type int, not 'four'"),
        ({"doors": 1.5}, "doors must be of type int"),
        ({"doors": True}, "doors must be of type int"),
        ({"electric": 1}, "electric must be of type bool"),
        ({"speed": True}, "speed must be of type float"),
        ({"speed": 51}, "speed must be from 0.0 to 50.0, not 51.0"),
        ({"speed": math.nan}, "speed must be from 0.0 to 50.0"),
        ({"doors": -1}, "doors must be from 0 to 5, not -1"),
        ({"doors": 6}, "doors must be from 0 to 5, not 6"),
        ({"gears": [1.0, 6.0]}, "gears must be at most 5.0, not 6.0"),
        ({"gears": 1.0}, "gears must be a list of float, not 1.0"),
        ({"gears": [1.0, "x"]}, r"gears\[1\] must be of type float, not 'x'"),
        ({"tags": "old"}, "tags must be a list of str, not 'old'"),
        ({"colour": "green"}, "colour 'green' is unknown; choose red or blue"),
        ({"trim": "wood"}, "trim 'wood' is unknown; choose one of cloth, leather, wool"),
        ({"spare": 3}, "spare must be a mapping, not 3"),
        ({"spare": {"size": 0.05}}, "spare: size must be at least 0.1, not 0.05"),
        ({"wheels": [{}, {"colour": 1}]}, r"wheels\[1\]: setting 'colour' is unknown; known are size"),
        ({"price": 1}, "setting 'price' is unknown; known are colour, trim"),
        ({"doors": 3, "electric": True}, "contradict"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        changed(CAR, changes)


def test_what_must_be_given_is_missed() -> None:
    with pytest.raises(SetupError, match="'name' is missing"):
        built(Car, {})


def test_the_table_shows_defaults_ranges_choices_and_nested_sets() -> None:
    assert markdown_table(Car).splitlines() == [
        "| name | default | range | |",
        "|---|---|---|---|",
        '| `colour` (live) | "red" |  | of the paint: red, blue |',
        '| `trim` | "cloth" |  | of the seats: cloth, leather, wool |',
        "| `speed` (live) | unset | 0.0 to 50.0 | m/s |",
        "| `gears` | [3.5, 2.0] | at most 5.0 | ratios |",
        '| `tags` | ["old"] |  | words \\| that describe it |',
        "| `wheels` | [] |  | all of them |",
        "| `electric` | false |  | whether it has a battery |",
        "| `name` | required |  | what it is called |",
        "| `doors` | 4 | 0 to 5 | how many |",
        "| `spare.size` | 0.6 | at least 0.1 | m |",
    ]


def test_what_an_older_version_wrote_gets_the_defaults_of_what_it_did_not_know() -> None:
    """At every depth; what has no default stays missing, and what is there stays as it was written."""
    older = {"name": "van", "wheels": [{}, {"size": 0.3}], "gears": 5, "spare": {}, "retired": 1}
    completed = with_defaults(Car, older)
    assert completed["wheels"] == [{"size": 0.6}, {"size": 0.3}]
    assert completed["spare"] == {"size": 0.6}
    assert (completed["gears"], completed["tags"], completed["doors"]) == (5, ("old",), 4)
    assert completed["retired"] == 1
    assert "name" not in with_defaults(Vehicle, {})
    assert older["wheels"] == [{}, {"size": 0.3}]
