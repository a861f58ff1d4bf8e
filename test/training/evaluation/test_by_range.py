"""LostAndFound by range: the node's own scores, pooled as the exact metrics pool them, and what the command says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.cli import main
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.drives.files import read_camera, read_disparity
from densehybrid_ros.drives.layout import find_frames
from densehybrid_ros.drives.render import render_lostandfound
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import lostandfound_truth
from densehybrid_ros.metrics.ranking import operating_points
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.pictures import read_labels, read_rgb, write_picture
from densehybrid_ros.training.evaluation.by_range import evaluate_lostandfound, frame_metres, frame_truth
from densehybrid_ros.training.evaluation.false_alarms import false_alarms

SIZE = (192, 108)


def ignore(text: str) -> None:
    """Warnings of the layout are not looked at here."""


@pytest.fixture
def drives(tmp_path: Path) -> Path:
    root = tmp_path / "drives"
    render_lostandfound(root, "test", [20_000, 20_001], 2, *SIZE, frame_step=20)
    return root


def files_of(root: Path, kind: str) -> list[Path]:
    return sorted(path for path in (root / kind).rglob("*") if path.is_file())


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("width", [0, 128])
def test_scores_are_bitwise_those_of_the_segmenter(
    random_weights: Path, picture: np.ndarray, score: str, width: int
) -> None:
    segmenter = Segmenter.load(random_weights, "cpu", "fp32", width)
    found = segmenter.scored(picture, ["msp", score]).scores[score]
    np.testing.assert_array_equal(found, segmenter(picture, score=score).score)
    (scene,) = segmenter.batch([picture], score=score, parts={"score"}).scenes
    np.testing.assert_array_equal(found, scene.score)


def test_every_row_equals_the_exact_metrics_over_the_files(drives: Path) -> None:
    segmenter = Segmenter.load("", "cpu", "fp32", -1)
    result = evaluate_lostandfound(segmenter, drives, "test", ["hybrid"], progress=False)
    assert (result.frames, result.without_range, result.without_labels) == (4, [], [])
    pools: dict[tuple[float | None, float | None], RankingPool] = {}
    for frame in find_frames(drives, "test", ignore):
        assert frame.camera
        assert frame.disparity
        assert frame.label_train_ids
        camera, disparity = read_camera(frame.camera), read_disparity(frame.disparity)
        metres = np.float32(camera.fx * camera.baseline) / np.where(disparity > 0, disparity, np.float32(np.nan))
        truth = lostandfound_truth(read_labels(frame.label_train_ids))
        score = segmenter(read_rgb(frame.left)).score
        for low, high in [(None, None), *((float(edge), edge + 5.0) for edge in range(5, 50, 5))]:
            inside = np.ones(truth.shape, bool) if low is None else (metres >= low) & (metres < high)
            kept = np.where(inside, truth, np.uint8(255))
            pools.setdefault((low, high), RankingPool()).add(score, kept)
    rows = result.tables["hybrid"].rows()
    assert sum(row.ranking is not None for row in rows) >= 4
    for row in rows:
        pool = pools[row.low, row.high]
        assert (row.ranking is not None) == pool.has_both_kinds()
        if row.ranking is not None:
            exact, ranking = pool.result(), row.ranking
            assert (ranking.ap, ranking.auroc, ranking.fpr95) == pytest.approx((exact.ap, exact.auroc, exact.fpr95))


def test_the_command_prints_and_writes_the_table(
    random_weights: Path, drives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    files_of(drives, "disparity")[1].unlink()
    files_of(drives, "camera")[3].unlink()
    options = ["--root", str(drives), "--weights", str(random_weights), "--device", "cpu", "--json", str(out)]
    main(["evaluate", "lostandfound", *options, "--by-range", "--scores", "hybrid,msp"])
    printed = capsys.readouterr()
    report = json.loads(out.read_text())
    assert list(report["scores"]) == ["hybrid", "msp"]
    missing = ["01_Roadworld_020000_000020", "02_Roadworld_020001_000020"]
    assert report["frames_without_range"] == missing
    assert ", ".join(missing) in printed.err
    assert (report["frames"], report["split"]) == (4, "test")
    bins = report["scores"]["hybrid"]["by_range"]
    assert [(row["low"], row["high"]) for row in bins] == [(float(low), low + 5.0) for low in range(5, 50, 5)]
    in_bins = sum(row["inlier_pixels"] for row in bins)
    assert 0 < in_bins < report["scores"]["hybrid"]["inlier_pixels"] * 0.6
    assert "45-50" in printed.out
    assert f"{report['scores']['msp']['ap']:.2f}" in printed.out


def test_without_by_range_every_score_has_one_row_and_no_distance_is_read(
    random_weights: Path, drives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in files_of(drives, "disparity"):
        path.write_bytes(b"no picture")
    out = tmp_path / "figures.json"
    options = ["--root", str(drives), "--weights", str(random_weights), "--device", "cpu", "--json", str(out)]
    main(["evaluate", "lostandfound", *options, "--inference-width", "96"])
    scores = json.loads(out.read_text())["scores"]
    assert list(scores) == list(SCORES)
    assert all(figures["by_range"] == [] and figures["ap"] is not None for figures in scores.values())
    printed = capsys.readouterr().out
    assert "45-50" not in printed
    assert len(printed.splitlines()) == 2 + len(SCORES)


def evaluated(drives: Path, weights: Path, out: Path, *options: str) -> dict:
    given = ["--root", str(drives), "--weights", str(weights), "--device", "cpu", "--json", str(out)]
    main(["evaluate", "lostandfound", *given, "--scores", "hybrid,msp", "--fpr-at", "0.8,0.95", *options])
    return json.loads(out.read_text())


def test_false_alarms_by_range_are_those_of_the_pixels_of_each_range(
    random_weights: Path, drives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = evaluated(drives, random_weights, tmp_path / "figures.json", "--by-range", "--intervals", "20")
    segmenter = Segmenter.load(random_weights, "cpu", "fp32")
    scores, truths, metres = [], [], []
    for frame in find_frames(drives, "test", ignore):
        scores.append(segmenter(read_rgb(frame.left), score="msp").score)
        truths.append(frame_truth(frame))
        found = frame_metres(frame)
        assert found is not None
        metres.append(found)
    every, truth, distance = (np.stack(each) for each in (scores, truths, metres))
    overall, ranked_ranges = report["fpr_at"]["msp"], 0
    for row, kept in [(overall, truth < 2)] + [
        (row, (truth < 2) & (distance >= row["low"]) & (distance < row["high"])) for row in overall["by_range"]
    ]:
        if len(set(truth[kept].tolist())) < 2:
            assert row["f1"] is row["threshold"] is row["fpr"]["0.8"]["strict"] is None
            continue
        ranked_ranges += 1
        expected = false_alarms(operating_points(every[kept], truth[kept] == 1), (0.8, 0.95))
        assert row["f1"] == pytest.approx(100 * expected.f1, abs=0.01)
        assert row["threshold"] == pytest.approx(expected.threshold, abs=1e-6)
        for rate in (0.8, 0.95):
            percents = {name: 100 * value for name, value in expected.fpr[rate].items()}
            assert row["fpr"][f"{rate:g}"] == pytest.approx(percents, abs=0.01)
    assert ranked_ranges >= 4
    assert [row["low"] for row in overall["by_range"]] == list(range(5, 50, 5))
    rows = [report["scores"]["msp"], *report["scores"]["msp"]["by_range"]]
    assert [each["fpr"]["0.95"]["at_least"] for each in (overall, *overall["by_range"])] == [
        each["fpr95"] for each in rows
    ]
    ends = report["intervals"]["fpr_at"]["msp"]
    assert [bool(each) for each in ends] == [row["ap"] is not None for row in rows]
    low, high = ends[0]["fpr"]["0.95"]["at_least"]
    assert low <= overall["fpr"]["0.95"]["at_least"] <= high
    printed = capsys.readouterr().out
    assert len(re.findall(r"range m +best F1 %", printed)) == 2
    assert f"{overall['f1']:.2f} [{ends[0]['f1'][0]:.2f}, {ends[0]['f1'][1]:.2f}]" in printed


def test_false_alarms_without_ranges_are_one_table(
    random_weights: Path, drives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_ranges = evaluated(drives, random_weights, tmp_path / "figures.json", "--by-range")
    capsys.readouterr()
    report = evaluated(drives, random_weights, tmp_path / "figures.json")
    for name, found in report["fpr_at"].items():
        assert found == {**with_ranges["fpr_at"][name], "by_range": []}
    lines = capsys.readouterr().out.splitlines()
    (head,) = [place for place, line in enumerate(lines) if "best F1 %" in line]
    assert [line.split()[0] for line in lines[head:]] == ["score", "hybrid", "95.00%", "msp", "95.00%"]


def test_promised_rates_come_in_every_range_at_one_threshold(
    random_weights: Path, drives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    given = ["--root", str(drives), "--weights", str(random_weights), "--device", "cpu", "--json", str(out)]
    given += ["--scores", "hybrid,likelihood", "--target-tpr", "0.6,0.9", "--by-range", "--intervals", "20"]
    main(["evaluate", "lostandfound", *given])
    printed = capsys.readouterr().out
    report, segmenter = json.loads(out.read_text()), Segmenter.load(random_weights, "cpu", "fp32")
    frames = find_frames(drives, "test", ignore)
    truth, metres = np.stack([frame_truth(each) for each in frames]), np.stack([frame_metres(each) for each in frames])
    found = report["target_tpr"]
    assert [(each["score"], each["target_tpr"]) for each in found] == [
        (score, rate) for score in ("hybrid", "likelihood") for rate in (0.6, 0.9)
    ]
    known = 0
    for promise, ends in zip(found, report["intervals"]["target_tpr"], strict=True):
        threshold = segmenter.threshold_for(promise["target_tpr"], promise["score"])
        assert promise["threshold"] == threshold
        score = np.stack([segmenter(read_rgb(each.left), score=promise["score"]).score for each in frames])
        ranges = [(metres >= row["low"]) & (metres < row["high"]) for row in promise["by_range"]]
        for row, inside, end in zip([promise, *promise["by_range"]], [metres > -1, *ranges], ends, strict=True):
            kinds = [(score[inside & (truth == kind)] >= threshold) for kind in (1, 0)]
            if not (kinds[0].size and kinds[1].size):
                assert row["tpr"] is row["fpr"] is None
                continue
            known += 1
            assert (row["tpr"], row["fpr"]) == pytest.approx([float(each.mean()) for each in kinds], abs=1e-6)
            assert end["fpr"][0] - 0.5 <= 100 * row["fpr"] <= end["fpr"][1] + 0.5
    assert known >= 16
    assert re.search(rf"hybrid +60.00% +{found[0]['threshold']:.3f} +all +{100 * found[0]['tpr']:.2f}%", printed)
    assert len(re.findall(r"^ +45-50 ", printed, re.MULTILINE)) == 4


def test_label_ids_stand_in_for_train_ids(drives: Path) -> None:
    for frame in find_frames(drives, "test", ignore):
        np.testing.assert_array_equal(frame_truth(replace(frame, label_train_ids=None)), frame_truth(frame))


def test_label_ids_in_the_place_of_train_ids_are_refused(drives: Path) -> None:
    frame = next(iter(find_frames(drives, "test", ignore)))
    assert frame.label_train_ids
    assert frame.label_ids
    write_picture(frame.label_train_ids, np.full((4, 4), 33, np.uint8))
    with pytest.raises(SetupError, match=r"labelTrainIds\.png holds \[33\], which no labelTrainIds hold"):
        frame_truth(frame)


def test_a_split_of_ignored_pixels_alone_is_refused(random_weights: Path, drives: Path) -> None:
    for frame in find_frames(drives, "test", ignore):
        assert frame.label_train_ids
        write_picture(frame.label_train_ids, np.full(read_rgb(frame.left).shape[:2], 255, np.uint8))
    segmenter = Segmenter.load(random_weights, "cpu", "fp32")
    with pytest.raises(SetupError, match=r"every pixel of the labels .* is ignored"):
        evaluate_lostandfound(segmenter, drives, "test", ["hybrid"], progress=False)


def test_frames_without_labels_are_left_out_and_named(random_weights: Path, drives: Path) -> None:
    segmenter = Segmenter.load(random_weights, "cpu", "fp32")
    for path in files_of(drives, "gtCoarse"):
        if "020000_000000" in path.name:
            path.unlink()
    result = evaluate_lostandfound(segmenter, drives, "test", ["msp"], progress=False)
    assert result.frames == 3
    assert result.without_labels == ["01_Roadworld_020000_000000"]
    for path in files_of(drives, "gtCoarse"):
        path.unlink()
    with pytest.raises(SetupError, match="none of the 4 frames"):
        evaluate_lostandfound(segmenter, drives, "test", ["msp"], progress=False)


def test_files_of_another_size_are_named(random_weights: Path, drives: Path) -> None:
    segmenter = Segmenter.load(random_weights, "cpu", "fp32")
    cv2.imwrite(str(files_of(drives, "disparity")[2]), np.full((20, 30), 512, np.uint16))
    with pytest.raises(SetupError, match=r"02_Roadworld_020001_000000 .* metres must be .*\(20, 30\)"):
        evaluate_lostandfound(segmenter, drives, "test", ["msp"], progress=False)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["lostandfound"], "needs --root"),
        (["lostandfound", "--root", "nowhere"], "nowhere has no leftImg8bit/test"),
        (["lostandfound", "--root", "nowhere", "--scores", "hybrid,best"], "score 'best' is unknown"),
        (["roadworld", "--by-range"], "roadworld has no distances"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    options: list[str], problem: str, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", *options, "--weights", str(random_weights), "--device", "cpu"])
    assert problem in capsys.readouterr().err
