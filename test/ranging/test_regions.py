"""Regions of unknown pixels, and where they stand; drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from densehybrid_ros.ranging.regions import Region, around, foot, row_below, stands_on, touches, unknown_regions

ROAD, CAR, UNKNOWN = 3, 8, 11
DRIVABLE = np.arange(256) == ROAD


def drawn(*rows: str) -> np.ndarray:
    """(H, W) ids: # unknown, . road, c car."""
    ids = {"#": UNKNOWN, ".": ROAD, "c": CAR}
    return np.array([[ids[each] for each in row] for row in rows], np.uint8)


def only(labels: np.ndarray) -> Region:
    (region,) = unknown_regions(labels, UNKNOWN, 1)
    return region


def test_regions_are_joined_over_corners_and_come_from_the_largest() -> None:
    labels = drawn("##......#", "...##...#", "...##....", "..#......", "########.")
    regions = unknown_regions(labels, UNKNOWN, 2)
    assert [(each.left, each.top, each.area) for each in regions] == [(0, 1, 13), (8, 0, 2), (0, 0, 2)]
    assert regions[0].mask.astype(int).tolist() == [
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 1, 1, 1],
    ]
    assert regions[0].window == (slice(1, 5), slice(0, 8))
    np.testing.assert_array_equal((labels == UNKNOWN)[regions[0].window], regions[0].mask)


@pytest.mark.parametrize(("least", "found"), [(13, 1), (14, 0), (3, 1), (2, 3), (1, 3)])
def test_a_region_of_just_the_least_area_counts(least: int, found: int) -> None:
    labels = drawn("##......#", "...##...#", "...##....", "..#......", "########.")
    assert len(unknown_regions(labels, UNKNOWN, least)) == found


def test_an_island_in_a_hole_belongs_to_the_region_and_the_hole_does_not() -> None:
    labels = drawn("#######", "#.....#", "#.....#", "#..#..#", "#.....#", "#.....#", "#######")
    region = only(labels)
    assert region.area == 25
    np.testing.assert_array_equal(region.mask, labels == UNKNOWN)


@pytest.mark.parametrize(
    ("row", "column", "seen"),
    [
        *[(10, 4, True), (10, 3, False), (10, 15, True), (10, 16, False)],  # 3 and 4 px beside columns 7 to 12
        *[(14, 9, True), (15, 9, False), (5, 9, False)],  # 3 and 4 px below, and above rows 6 to 11
        *[(8, 5, True), (7, 5, False)],  # beside its lower and its upper half
        *[(14, 15, True), (14, 16, False)],
    ],
)
def test_what_lies_beside_or_below_a_region_is_touched_up_to_three_pixels_off(
    row: int, column: int, seen: bool
) -> None:
    labels = np.full((20, 20), CAR, np.uint8)
    labels[6:12, 7:13] = UNKNOWN
    labels[row, column] = ROAD
    assert touches(only(labels), labels, DRIVABLE) is seen


def test_a_region_in_the_corner_touches_what_is_there() -> None:
    labels = np.full((6, 6), CAR, np.uint8)
    labels[3:, 3:] = UNKNOWN
    assert not touches(only(labels), labels, DRIVABLE)
    labels[5, 0] = ROAD
    assert touches(only(labels), labels, DRIVABLE)


def test_the_ring_about_a_region_is_as_wide_as_the_reach_and_ends_with_the_picture() -> None:
    labels = drawn("........", "........", "...#....", "...##...", "........", "........")
    window, ring = around(only(labels), labels.shape, reach=2)
    assert window == (slice(0, 6), slice(1, 7))
    assert ring.astype(int).tolist() == [
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 0, 1, 1, 1],
        [1, 1, 0, 0, 1, 1],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
    ]
    assert around(only(labels), labels.shape)[0] == (slice(0, 6), slice(0, 8))


def test_the_foot_is_the_lowest_row_that_is_no_leak() -> None:
    """Of 20 columns at most, the foot has 3 at least."""
    mask = np.zeros((6, 20), np.bool_)
    mask[:3], mask[3, 4:7], mask[4:, 10:12] = True, True, True
    assert foot(Region(100, 50, mask, int(mask.sum()))) == (105.0, 53.0)
    mask[4, 10:13] = True
    assert foot(Region(100, 50, mask, int(mask.sum()))) == (111.0, 54.0)
    narrow = np.ones((6, 1), np.bool_)
    assert foot(Region(7, 2, narrow, 6)) == (7.0, 7.0)
    two = np.array([[1, 1], [1, 1], [1, 0]], np.bool_)
    assert foot(Region(0, 0, two, 5)) == (0.5, 1.0)


def standing(hidden: int, gap: int = 0) -> np.ndarray:
    """Ten columns of unknown above road, a car below `hidden` of them, `gap` rows of car below all."""
    labels = np.full((20, 30), ROAD, np.uint8)
    labels[4:10, 10:20] = UNKNOWN
    labels[10 : 10 + gap, 10:20] = CAR
    labels[10:17, 10 : 10 + hidden] = CAR
    return labels


@pytest.mark.parametrize(
    ("hidden", "gap", "expected"), [(0, 0, True), (3, 0, True), (4, 0, False), (0, 2, True), (0, 3, False)]
)
def test_a_region_stands_where_more_than_six_tenths_of_its_foot_have_road_within_three_pixels(
    hidden: int, gap: int, expected: bool
) -> None:
    labels = standing(hidden, gap)
    assert stands_on(only(labels), 9.0, labels, DRIVABLE) is expected


@pytest.mark.parametrize(("hidden", "gap", "row"), [(0, 0, 10), (0, 4, 14), (6, 0, 17), (4, 0, 10), (5, 0, 13.5)])
def test_the_road_begins_below_the_foot_at_the_median_of_its_columns(hidden: int, gap: int, row: float) -> None:
    labels = standing(hidden, gap)
    assert row_below(only(labels), 9.0, labels, DRIVABLE) == row


def test_without_road_below_it_begins_below_the_picture() -> None:
    labels = np.full((20, 30), CAR, np.uint8)
    labels[4:10, 10:20] = UNKNOWN
    assert row_below(only(labels), 9.0, labels, DRIVABLE) == 20
    labels[4:20, 10:20] = UNKNOWN
    assert row_below(only(labels), 19.0, labels, DRIVABLE) == 20


def test_columns_that_end_far_above_the_foot_are_not_part_of_it() -> None:
    """A trunk of four columns below a crown of twelve: the road beside the trunk is not what it stands on."""
    labels = np.full((20, 30), ROAD, np.uint8)
    labels[2:6, 8:20], labels[6:12, 12:16] = UNKNOWN, UNKNOWN
    labels[12:17, 12:16] = CAR
    assert not stands_on(only(labels), 11.0, labels, DRIVABLE)
    assert row_below(only(labels), 11.0, labels, DRIVABLE) == 17
    # an edge 3 px above the foot still belongs to it, one 4 px above does not
    labels[6:9, 8:12] = UNKNOWN
    assert row_below(only(labels), 11.0, labels, DRIVABLE) == 14.5
    labels[8, 8:12] = ROAD
    assert row_below(only(labels), 11.0, labels, DRIVABLE) == 17
