"""Tables of several weights and sets, worked by hand."""

from __future__ import annotations

from densehybrid_ros.metrics.table import markdown_lines
from densehybrid_ros.training.reports.comparison import Compared, comparison_table, distinct_names, hybrid_gain_table
from densehybrid_ros.training.reports.tables import open_set_table, range_tables, scores_table, segmentation_table


def ranking(ap: float | None) -> dict:
    return {"ap": ap, "fpr95": None if ap is None else 100 - ap, "auroc": ap}


def figures(miou: float | None = None, **ap: float | None) -> dict:
    return {"scores": {name: ranking(value) for name, value in ap.items()}, "miou": miou, "iou": {}}


ONE = Compared("one", "road", figures(hybrid=50.0, msp=20.0))
OTHER = Compared("other", "road", figures(hybrid=60.5, entropy=None))
TOWN = Compared("one", "town", figures(miou=70.0, hybrid=91.25, msp=3.0))


def test_one_set_has_a_row_for_each_score_of_each_weights() -> None:
    assert comparison_table([ONE, OTHER]).rows == [
        ["weights", "score", "AP %", "FPR95 %", "AUROC %"],
        ["one", "hybrid", "50.00", "50.00", "50.00"],
        ["one", "msp", "20.00", "80.00", "20.00"],
        ["other", "hybrid", "60.50", "39.50", "60.50"],
        ["other", "entropy", "-", "-", "-"],
    ]


def test_several_sets_stand_side_by_side_and_one_weights_file_needs_no_name() -> None:
    assert comparison_table([ONE, TOWN]).rows == [
        [
            "score",
            "road AP %",
            "road FPR95 %",
            "road AUROC %",
            "town AP %",
            "town FPR95 %",
            "town AUROC %",
            "town mIoU %",
        ],
        ["hybrid", "50.00", "50.00", "50.00", "91.25", "8.75", "91.25", "70.00"],
        ["msp", "20.00", "80.00", "20.00", "3.00", "97.00", "3.00", "70.00"],
    ]


def test_whole_things_and_sets_without_scores_have_their_columns() -> None:
    things = {"components": {"hybrid": {"siou": 1.0, "ppv": 2.0, "f1": 3.0, "pixel_f1": 9.0, "threshold": 0.5}}}
    rows = comparison_table([Compared("one", "road", {**figures(hybrid=50.0), **things})]).rows
    assert rows[0] == ["score", "AP %", "FPR95 %", "AUROC %", "sIoU %", "PPV %", "F1* %"]
    assert rows[1][4:] == ["1.00", "2.00", "3.00"]
    assert comparison_table([Compared("one", "val", figures(miou=70.0))]).rows == [["score", "mIoU %"], ["-", "70.00"]]


def test_the_hybrid_score_is_held_against_the_better_of_its_parts() -> None:
    known = Compared("one", "road", figures(hybrid=60.0, likelihood=55.5, posterior=61.25, msp=99.0))
    table = hybrid_gain_table([known, ONE])
    assert table is not None
    assert table.rows[1:] == [["one", "posterior", "61.25", "60.00", "-1.25"]]
    assert hybrid_gain_table([ONE]) is None


def test_weights_of_the_same_name_are_told_apart_by_their_folders() -> None:
    assert distinct_names(["a/x.safetensors", "b/x.safetensors", "y.safetensors"]) == [
        *("a/x.safetensors", "b/x.safetensors"),
        "y",
    ]


def test_markdown_shows_names_as_they_stand() -> None:
    lines = markdown_lines([["name", "AP %"], ["a|b_c_<i>*[x](y)", "1.00"]])
    assert lines == ["| name | AP % |", "| --- | ---: |", r"| a\|b_c\_\<i\>\*\[x\]\(y\) | 1.00 |"]


def test_intervals_stand_behind_their_figures() -> None:
    drawn = {**figures(hybrid=50.0, msp=20.0), "intervals": {"scores": {"hybrid": {"ap": [48.5, 51.0]}}}}
    rows = comparison_table([Compared("one", "road", drawn)]).rows
    assert [row[1] for row in rows] == ["AP %", "50.00 [48.50, 51.00]", "20.00"]
    table = scores_table(drawn)
    assert table is not None
    assert [row[1] for row in table.rows] == ["AP %", "50.00 [48.50, 51.00]", "20.00"]
    of_rows = {**figures(hybrid=50.0), "intervals": {"scores": {"hybrid": [{"ap": [48.5, 51.0]}, {"ap": [1.0, 2.0]}]}}}
    assert comparison_table([Compared("one", "road", of_rows)]).rows[1][1] == "50.00 [48.50, 51.00]"


def test_only_the_chosen_figures_have_columns_in_the_chosen_order() -> None:
    rows = comparison_table([ONE, TOWN], ["miou", "fpr95"]).rows
    assert rows[0] == ["score", "road FPR95 %", "town mIoU %", "town FPR95 %"]
    assert rows[2] == ["msp", "80.00", "70.00", "97.00"]


def test_classes_and_ranges_have_their_intervals_too() -> None:
    drawn = {"miou": [60.0, 80.0], "iou": {"road": [None, None], "car": [1.0, 2.0]}}
    of_set = {**figures(miou=70.0, hybrid=50.0), "iou": {"road": None, "car": 1.5}, "intervals": drawn}
    assert comparison_table([Compared("one", "road", of_set)], ["miou"]).rows[1] == ["hybrid", "70.00 [60.00, 80.00]"]
    table = segmentation_table(of_set)
    assert table is not None
    assert table.rows[1:] == [["mIoU", "70.00 [60.00, 80.00]"], ["road", "- [-, -]"], ["car", "1.50 [1.00, 2.00]"]]
    pixels = {"inlier_pixels": 7, "anomalous_pixels": 2}
    bins = [{"low": 5.0, "high": 10.0, **ranking(40.0), **pixels}]
    found = {"scores": {"hybrid": {**ranking(50.0), **pixels, "by_range": bins}}}
    ends = {"intervals": {"scores": {"hybrid": [{"ap": [48.5, 51.0]}, {"ap": [1.0, 2.0]}]}}}
    (of_ranges,) = range_tables(found | ends)
    assert [row[:2] for row in of_ranges.rows[1:]] == [["all", "50.00 [48.50, 51.00]"], ["5-10", "40.00 [1.00, 2.00]"]]
    (plain,) = range_tables(found)
    assert plain.rows[2] == ["5-10", "40.00", "60.00", "40.00", "7", "2"]


def test_the_open_set_has_its_columns_and_its_table() -> None:
    found = {"closed_miou": 60.0, "open_miou": 51.5, "gap": 8.5, "mean_f1": 55.0, "folds": []}
    of_set = {**figures(miou=60.25, hybrid=50.0), "open_set": {"hybrid": found}}
    rows = comparison_table([Compared("one", "road", of_set)]).rows
    assert rows[0][4:] == ["mIoU %", "open-mIoU %", "gap %", "mF1 %"]
    assert rows[1][4:] == ["60.25", "51.50", "8.50", "55.00"]
    table = open_set_table(of_set)
    assert table is not None
    assert table.rows[1] == ["hybrid", "60.00", "51.50", "8.50", "55.00"]
