"""The Triton kernel gives what the plain path gives: on a GPU where there is one, else in Triton's interpreter."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from densehybrid_ros.core.fit import Fit, fit
from densehybrid_ros.core.postprocess import PARTS, Maps, maps_of
from densehybrid_ros.core.scores import SCORES

pytest.importorskip("triton", reason="triton is not installed: pip install -r requirements/optional.txt")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
FITS = {
    "a whole factor": fit((32, 96), 0, 32, align_corners=False),
    "smaller than the network sees it": fit((17, 25), 96, 32, align_corners=False),
    "far smaller": fit((5, 7), 160, 32, align_corners=False),
    "larger, padded below": fit((53, 130), 64, 32, align_corners=False),
    "padded both ways": fit((41, 75), 0, 32, align_corners=False),
    "aligned corners": fit((32, 72), 0, 8, align_corners=True),
    "aligned corners, padded and scaled": fit((53, 80), 50, 8, align_corners=True),
    "one pixel": fit((1, 1), 0, 32, align_corners=False),
}


@pytest.fixture(scope="module")
def kernel() -> ModuleType:
    from densehybrid_ros.core.maps import triton_kernel

    return triton_kernel


def answers(fitted: Fit, classes: int, batch: int = 1, stride: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(classes)
    size = [max(1, side // stride) for side in fitted.run]
    logits, dataset_logits = (torch.randn(batch, each, *size, generator=generator) * 4 for each in (classes, 2))
    return logits.to(DEVICE), dataset_logits.to(DEVICE)


def same(found: Maps, logits: Tensor, dataset_logits: Tensor, fitted: Fit, score: str, threshold: float) -> None:
    """Scores within 1e-3, class maps equal except at ties."""
    whole = maps_of(logits, dataset_logits, fitted.to_image, SCORES[score], threshold)
    torch.testing.assert_close(found.score, whole.score, atol=1e-3, rtol=1e-5)
    two = fitted.to_image(logits).topk(2, dim=1).values
    distinct = two[:, 0] - two[:, 1] > 1e-4
    assert torch.equal(found.semantic[distinct], whole.semantic[distinct])
    sure = distinct & ((whole.score - threshold).abs() > 1e-3)
    assert torch.equal(found.open_set[sure], whole.open_set[sure])
    assert sure.float().mean() > 0.97
    assert {each.dtype for each in (found.semantic, found.open_set)} == {torch.uint8}


@pytest.mark.parametrize("score", SCORES)
def test_every_score_is_that_of_the_plain_path(kernel: ModuleType, score: str) -> None:
    fitted = fit((15, 70), 40, 32, align_corners=False)
    logits, dataset_logits = answers(fitted, 7, batch=2)
    threshold = SCORES[score](fitted.to_image(logits), fitted.to_image(dataset_logits)).median().item()
    found = kernel.maps_in_triton(logits, dataset_logits, fitted, score, threshold, PARTS)
    same(found, logits, dataset_logits, fitted, score, threshold)
    assert 0.4 < (found.open_set == 7).float().mean() < 0.6


@pytest.mark.parametrize("stride", [4, 8])
@pytest.mark.parametrize("fitted", FITS.values(), ids=FITS)
def test_every_geometry_is_that_of_the_plain_path(kernel: ModuleType, fitted: Fit, stride: int) -> None:
    logits, dataset_logits = answers(fitted, 5, stride=stride)
    found = kernel.maps_in_triton(logits, dataset_logits, fitted, "hybrid", -3.0, PARTS)
    same(found, logits, dataset_logits, fitted, "hybrid", -3.0)


@pytest.mark.parametrize("classes", [1, 2, 19, 150, 255])
def test_any_number_of_classes(kernel: ModuleType, classes: int) -> None:
    fitted = fit((9, 14), 0, 32, align_corners=False)
    logits, dataset_logits = answers(fitted, classes)
    found = kernel.maps_in_triton(logits, dataset_logits, fitted, "entropy", 0.5, PARTS)
    whole = maps_of(logits, dataset_logits, fitted.to_image, SCORES["entropy"], 0.5)
    torch.testing.assert_close(found.score, whole.score, atol=1e-3, rtol=1e-5)
    assert torch.equal(found.semantic, whole.semantic)


@pytest.mark.parametrize("part", sorted(PARTS))
@pytest.mark.parametrize("score", ["hybrid", "posterior"])
def test_one_part_alone_equals_that_of_all(kernel: ModuleType, part: str, score: str) -> None:
    fitted = FITS["padded both ways"]
    tensors = answers(fitted, 4)
    everything = kernel.maps_in_triton(*tensors, fitted, score, -1.0, PARTS)
    alone = kernel.maps_in_triton(*tensors, fitted, score, -1.0, {part})
    torch.testing.assert_close(getattr(alone, part), getattr(everything, part), atol=1e-5, rtol=1e-5)
    assert all(getattr(alone, other).shape == (1, 0, 0) for other in PARTS - {part})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_channels_last_are_taken_as_they_are(kernel: ModuleType, dtype: torch.dtype) -> None:
    fitted = FITS["a whole factor"]
    logits, dataset_logits = (
        each.to(dtype).contiguous(memory_format=torch.channels_last) for each in answers(fitted, 5, batch=2)
    )
    found = kernel.maps_in_triton(logits, dataset_logits, fitted, "hybrid", 0.0, PARTS)
    same(found, logits, dataset_logits, fitted, "hybrid", 0.0)


def test_what_is_greatest_first_among_equals_and_what_is_no_number(kernel: ModuleType) -> None:
    fitted = Fit((1, 3), (1, 3), (1, 3), align_corners=False)
    logits = torch.tensor([[1.0, 5.0, 5.0], [2.0, 2.0, 2.0], [-3.0, math.nan, -1.0]]).T.reshape(1, 3, 1, 3).to(DEVICE)
    found = kernel.maps_in_triton(logits, torch.zeros(1, 2, 1, 3).to(DEVICE), fitted, "max_logit", -4.0, PARTS)
    assert found.semantic.tolist() == [[[1, 0, 3]]]
    assert found.open_set.tolist() == [[[1, 3, 3]]]
    assert found.score[0, 0, :2].tolist() == [-5.0, -2.0]
    assert found.score[0, 0, 2].isnan()


def test_scores_worked_by_hand_and_logits_that_overflow(kernel: ModuleType) -> None:
    """Logits 0, ln 3 and outlier margin ln 4: LSE ln 4, P(d_out) 4/5. Then exp(200) is beyond float32."""
    fitted = Fit((1, 3), (1, 3), (1, 3), align_corners=False)
    logits = torch.tensor([[0.0, math.log(3)], [200.0, 198.0], [-200.0, -198.0]]).T.reshape(1, 2, 1, 3).to(DEVICE)
    margins = torch.tensor([[0.0, math.log(4)], [300.0, 0.0], [0.0, 300.0]]).T.reshape(1, 2, 1, 3).to(DEVICE)

    def of(score: str) -> list[float]:
        return kernel.maps_in_triton(logits, margins, fitted, score, 0.0, {"score"}).score[0, 0].tolist()

    two = math.log1p(math.exp(-2))
    assert of("hybrid") == pytest.approx([math.log(0.8) - math.log(4), -300 - 200 - two, 198 - two], rel=1e-5)
    assert of("msp") == pytest.approx([-0.75, -math.exp(-two), -math.exp(-two)], rel=1e-5)
    assert of("entropy")[0] == pytest.approx(-0.25 * math.log(0.25) - 0.75 * math.log(0.75), rel=1e-5)
    assert of("outlier_head_msp")[0] == pytest.approx(0.25 * 0.8, rel=1e-5)
    assert of("outlier_class") == pytest.approx([math.log(0.5), -200 - two, 0.0], rel=1e-5)
    assert of("rejected_by_all") == pytest.approx([-math.tanh(math.log(3)), -2.0, 2.0], rel=1e-5)


def test_rows_of_a_tile_share_their_cells(kernel: ModuleType) -> None:
    """Four rows of a fourfold enlargement lie between three rows of cells; each weight is the interpolation's own."""
    weights = FITS["a whole factor"].row_weights(8)
    found = kernel.taps(weights, 4)
    assert found.weights.shape == (8, 4, 3)
    again = torch.zeros(32, 8)
    for row in range(32):
        first = int(found.cells[row // 4])
        again[row, first : first + 3] = found.weights[row // 4, row % 4]
    assert torch.equal(again, weights)


COMPILE = """
import subprocess, sys, triton
from pathlib import Path
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from densehybrid_ros.core.maps import triton_kernel

constants = dict(CLASSES=19, SCORE={score!r}, SEMANTIC=True, SCORED=True, OPEN_SET=True)
constants |= dict(ROWS=4, COLUMNS=64, DOWN=3, ACROSS=2)
types = dict(logits="*fp16", dataset_logits="*fp16", semantic="*u8", score="*fp32", open_set="*u8", row_cells="*i32")
types |= dict(row_weights="*fp32", column_cells="*i32", column_weights="*fp32", threshold="fp32")
types |= dict.fromkeys(constants, "constexpr")
signature = {{name: types.get(name, "i32") for name in triton_kernel.maps_kernel.arg_names}}
made = triton.compile(
    ASTSource(triton_kernel.maps_kernel, signature, constexprs=constants),
    target=GPUTarget("cuda", {capability}, 32),
    options=dict(num_warps=triton_kernel.WARPS, enable_fp_fusion=True),
)
Path(sys.argv[1]).write_bytes(made.asm["cubin"])
subprocess.run([triton.knobs.nvidia.cuobjdump.path, "-res-usage", sys.argv[1]], check=True)
"""


@pytest.mark.parametrize(("score", "capability"), [("hybrid", 80), ("entropy", 90)])
def test_the_kernel_compiles_for_gpus_and_spills_nothing(tmp_path: Path, score: str, capability: int) -> None:
    """For GPUs that need not be there: of what the interpreter takes, the compiler refuses much."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COMPILE.format(score=score, capability=capability), str(tmp_path / "cubin")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "STACK:0 SHARED:0 LOCAL:0" in done.stdout
