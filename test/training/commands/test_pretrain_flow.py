"""Pre-training of a flow: the same loop as a segmenter's, resumed exactly."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip("lightning_fabric", reason="the training packages are not installed")
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.commands import pretrain_flow
from densehybrid_ros.training.flow.flow_file import load_flow
from densehybrid_ros.training.flow.pretraining import FlowPretraining


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True)
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "images" / split / "0.png"), cv2.resize(coarse, (60, 50)))
        cv2.imwrite(str(tmp_path / "labels" / split / "0.png"), np.zeros((50, 60), np.uint8))
    return tmp_path


def run(root: Path, out: Path, *options: str) -> None:
    small = ["--side", "16", "--batch", "2", "--steps", "4", "--every", "2", "--workers", "0", "--device", "cpu"]
    pretrain_flow.main(["--set", "camvid", "--root", str(root), "--out", str(out), *small, *options])


def records(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_an_interrupted_pre_training_ends_with_the_same_flow(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(root, tmp_path / "whole")

    class Killed(Exception):
        pass

    genuine = FlowPretraining.backward

    def dies_at_step_3(job: FlowPretraining, batch: torch.Tensor, step: int) -> dict[str, torch.Tensor | float]:
        if step == 3:
            raise Killed
        return genuine(job, batch, step)

    monkeypatch.setattr(FlowPretraining, "backward", dies_at_step_3)
    with pytest.raises(Killed):
        run(root, tmp_path / "cut")
    monkeypatch.setattr(FlowPretraining, "backward", genuine)
    run(root, tmp_path / "cut")
    flows = [load_flow(tmp_path / name / "flow.safetensors")[0].state_dict() for name in ("whole", "cut")]
    assert all(torch.equal(flows[0][name], flows[1][name]) for name in flows[0])
    for record in (whole := records(tmp_path / "whole")) + (cut := records(tmp_path / "cut")):
        record.pop("seconds_per_step", None)
    assert whole == cut
    assert [record["step"] for record in whole if "held_out_bits" in record] == [2, 4]
    assert [record["learning_rate"] for record in whole if "loss" in record] == pytest.approx(
        [1e-3 * 0.1 ** (1 / 4) * 2 / 200, 1e-3 * 0.1 ** (3 / 4) * 4 / 200]
    )
    assert (tmp_path / "whole" / "samples.png").is_file()


def test_a_checkpoint_from_before_the_common_loop_is_continued(root: Path, tmp_path: Path) -> None:
    """It held no state of the precision, and settings that decide nothing; one that came later has its default."""
    run(root, tmp_path / "run")
    path = tmp_path / "run" / "checkpoint.pt"
    content = torch.load(path, weights_only=True)
    assert content.keys() == {"flow", "optimizer", "precision", "step", "settings"}
    content.pop("precision")
    content["settings"]["every"] = 2
    assert content["settings"].pop("warm_up") == 200
    torch.save(content, path)
    run(root, tmp_path / "run")
    with pytest.raises(SetupError, match="'steps' was 4 there and is 6 now"):
        run(root, tmp_path / "run", "--steps", "6")


def test_a_side_that_cannot_be_divided_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="side 20 is no multiple of 8"):
        run(root, tmp_path / "run", "--side", "20")
