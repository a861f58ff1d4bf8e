"""Figures for a terminal: aligned, with two decimals, dashes where there is none."""

from __future__ import annotations

from densehybrid_ros.metrics.table import percent_cells, percent_headings, percents_text, table_lines


def test_names_stand_to_the_left_and_figures_to_the_right() -> None:
    rows = [["score", *percent_headings({"ap": "AP", "fpr95": "FPR95"})]]
    rows += [["hybrid", *percent_cells({"ap": 100.0, "fpr95": 3.456})], ["msp", *percent_cells({"ap": None, "b": 0.0})]]
    assert table_lines(rows) == [
        "score     AP %  FPR95 %",
        "hybrid  100.00     3.46",
        "msp          -     0.00",
    ]


def test_figures_in_one_line_are_those_of_the_titles_in_their_order() -> None:
    percents = {"auroc": 99.0, "fpr95": None, "ap": 96.0}
    assert percents_text({"ap": "AP", "fpr95": "FPR95"}, percents) == "AP 96.00 %, FPR95 - %"
