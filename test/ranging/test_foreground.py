"""Groups of depths, and which of them is the obstacle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from densehybrid_ros.ranging.foreground import Group, depth_groups, own_group


def depths(*parts: tuple[float, int]) -> np.ndarray:
    return np.concatenate([np.full(count, depth, np.float32) for depth, count in parts])


def nothing_beside() -> np.ndarray:
    return np.empty(0, np.float32)


def must_not_be_asked() -> np.ndarray:
    raise AssertionError("the surroundings were looked at without need")


def test_depths_far_apart_are_groups_from_the_nearest_to_the_farthest() -> None:
    groups = depth_groups(depths((40.0, 30), (10.0, 50), (20.0, 7)), 0.01)
    assert [group.count for group in groups] == [50, 7, 30]
    for group, depth in zip(groups, (10.0, 20.0, 40.0), strict=True):
        assert group.near <= depth <= group.far
        assert group.holds(depths((10.0, 1), (20.0, 1), (40.0, 1))).sum() == 1
    assert groups[0].near == pytest.approx(10.0, rel=1e-5)
    assert groups[-1].far >= 40.0


def test_one_depth_alone_is_one_group_that_holds_it() -> None:
    (group,) = depth_groups(depths((7.0, 3)), 0.0)
    assert group.count == 3
    assert group.holds(depths((7.0, 3))).all()


@pytest.mark.parametrize(("error", "count"), [(0.01, 2), (0.3, 1)])
def test_what_the_error_may_spread_is_one_group(error: float, count: int) -> None:
    """10 m and 12.5 m: 0.22 apart in the logarithm, four bins of 5 % or one and a half of half the error."""
    assert len(depth_groups(depths((10.0, 40), (12.5, 40)), error)) == count


@pytest.mark.parametrize(("between", "count"), [(9, 2), (40, 1)])
def test_a_valley_is_what_has_less_than_half_of_the_smaller_peak(between: int, count: int) -> None:
    """A chain of bins from 10 m to 20 m, with peaks at both ends."""
    chain = [(10.0 * 1.05**step, between) for step in range(1, 15)]
    assert len(depth_groups(depths((10.0, 60), *chain, (20.5, 60)), 0.01)) == count


def test_every_depth_is_in_one_group() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        depth = np.exp(rng.normal(rng.choice([1.0, 2.0, 3.5], 300), 0.05)).astype(np.float32)
        groups = depth_groups(depth, 0.02)
        assert sum(group.count for group in groups) == 300
        assert sum(int(group.holds(depth).sum()) for group in groups) == 300
        assert all(first.far <= second.near * (1 + 1e-6) for first, second in zip(groups, groups[1:], strict=False))
        assert (np.ones(300) == sum(group.holds(depth).astype(int) for group in groups)).all()


def group(depth: float, count: int) -> Group:
    return Group(0.95 * depth, depth / 0.95, count)


@pytest.mark.parametrize(
    ("counts", "chosen"),
    [
        ((100, 80), 0),  # the nearest
        ((15, 100), 0),  # with just enough support
        ((14, 100), 1),  # with too little
        ((14, 30, 100), 1),
    ],
)
def test_the_obstacle_is_the_nearest_group_with_support(counts: tuple[int, ...], chosen: int) -> None:
    groups = [group(10.0 * 2**index, count) for index, count in enumerate(counts)]
    assert own_group(groups, None, nothing_beside) is groups[chosen]


def test_a_group_where_it_is_expected_goes_before_a_nearer_one() -> None:
    groups = [group(10.0, 100), group(20.0, 60), group(40.0, 50)]
    assert own_group(groups, (18.0, 22.0), nothing_beside) is groups[1]
    assert own_group(groups, (25.0, 30.0), nothing_beside) is groups[0], "none is there: the nearest"
    assert groups[1].middle == pytest.approx(20.0)
    assert own_group(groups, (groups[1].middle, 22.0), nothing_beside) is groups[1]
    assert own_group(groups, (18.0, groups[1].middle), nothing_beside) is groups[1]


@pytest.mark.parametrize(("share", "chosen"), [(0.09, 0), (0.1, 1), (0.6, 1)])
def test_a_smaller_group_at_the_depth_of_what_is_beside_gives_way(share: float, chosen: int) -> None:
    groups = [group(10.0, 50), group(20.0, 100)]
    near = round(100 * share)
    assert own_group(groups, None, lambda: depths((10.0, near), (30.0, 100 - near))) is groups[chosen]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([group(10.0, 50)], None),
        ([group(10.0, 100), group(20.0, 100)], None),
        ([group(10.0, 50), group(20.0, 100)], (9.0, 11.0)),
    ],
    ids=["one group", "none is larger", "one is where it is expected"],
)
def test_the_surroundings_are_looked_at_only_where_there_is_a_choice(
    groups: list[Group], expected: tuple[float, float] | None
) -> None:
    look: Callable[[], np.ndarray] = must_not_be_asked
    assert own_group(groups, expected, look) is groups[0]
