"""The way from logits to maps that suits the device, and what is done where that way fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from densehybrid_ros.core.fit import fit
from densehybrid_ros.core.maps import choice
from densehybrid_ros.core.maps.choice import MapMaker
from densehybrid_ros.core.postprocess import PARTS, Maps, maps_of
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter

FITTED = fit((20, 30), 0, 32, align_corners=False)
HYBRID = SCORES["hybrid"]


def answers() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits, dataset_logits = (torch.randn(2, each, 8, 8, generator=generator) for each in (5, 2))
    return logits, dataset_logits


def plain() -> Maps:
    return maps_of(*answers(), FITTED.to_image, HYBRID, 0.0, PARTS)


def use(monkeypatch: pytest.MonkeyPatch, kernel: Callable[..., Maps], installed: bool = True) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda name: object() if installed else None)
    monkeypatch.setattr(choice, "on_cpu", lambda logits: False)
    monkeypatch.setattr(choice, "in_triton", kernel)
    monkeypatch.setattr(choice, "device_fault", lambda error, device: None)


def right(logits: Tensor, dataset: Tensor, fitted: object, score: object, threshold: float, parts: object) -> Maps:
    return maps_of(logits, dataset, FITTED.to_image, score, threshold, parts)  # pyright: ignore[reportArgumentType]


def test_the_kernel_is_checked_once_for_a_score_and_then_used(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def kernel(logits: Tensor, *others: object) -> Maps:
        sizes.append(len(logits))
        return right(logits, *others)  # pyright: ignore[reportArgumentType]

    use(monkeypatch, kernel)
    maker = MapMaker()
    for _ in range(2):
        assert torch.equal(maker(*answers(), FITTED, HYBRID, 0.0, PARTS).score, plain().score)
    assert sizes == [1, 2, 2]  # the check takes one picture of the batch
    assert maker.trouble == ""


@pytest.mark.parametrize("part", ["score", "semantic"])
def test_a_kernel_that_answers_otherwise_is_not_used(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    def kernel(*given: object) -> Maps:
        found = right(*given)  # pyright: ignore[reportArgumentType]
        getattr(found, part)[:, 3, 4:7] += 1
        return found

    use(monkeypatch, kernel)
    maker = MapMaker()
    found = maker(*answers(), FITTED, HYBRID, 0.0, PARTS)
    assert torch.equal(found.score, plain().score)
    assert torch.equal(found.semantic, plain().semantic)
    assert "0.50%" in maker.trouble  # 3 of 600


@pytest.mark.parametrize("failing", [1, 2])
def test_a_kernel_that_fails_first_or_later_is_replaced_once_and_for_all(
    monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    calls: list[int] = []

    def kernel(*given: object) -> Maps:
        calls.append(1)
        if len(calls) == failing:
            raise RuntimeError("Failed to find C compiler")
        return right(*given)  # pyright: ignore[reportArgumentType]

    use(monkeypatch, kernel)
    maker = MapMaker()
    for _ in range(3):
        found = maker(*answers(), FITTED, HYBRID, 0.0, PARTS)
        assert torch.equal(found.open_set, plain().open_set)
    assert maker.trouble == "triton failed: RuntimeError: Failed to find C compiler"
    assert len(calls) == failing


def test_a_lost_device_is_not_taken_for_a_fault_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def kernel(*given: object) -> Maps:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    device_fault = choice.device_fault
    use(monkeypatch, kernel)
    monkeypatch.setattr(choice, "device_fault", device_fault)
    maker = MapMaker()
    with pytest.raises(RuntimeError, match="out of memory"):
        maker(*answers(), FITTED, HYBRID, 0.0, PARTS)
    assert maker.trouble == ""


@pytest.mark.parametrize("installed", [True, False])
def test_several_scores_at_once_are_those_of_single_calls(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    use(monkeypatch, right, installed)
    maker = MapMaker()
    scores = {"hybrid": HYBRID, "msp": SCORES["msp"], "another": lambda logits, dataset: logits[:, 2]}
    found = maker.scores(*answers(), FITTED, scores, semantic=True)
    assert set(found) == {"hybrid", "msp", "another", ""}
    assert torch.equal(found["another"], FITTED.to_image(answers()[0])[:, 2])
    assert torch.equal(found["hybrid"], plain().score)
    assert torch.equal(found[""], plain().semantic)
    assert torch.equal(found["msp"], maps_of(*answers(), FITTED.to_image, SCORES["msp"], 0.0).score)
    assert ("pip install triton" in maker.trouble) == (not installed)


def test_a_segmenter_says_why_its_post_processing_is_slow(random_weights: Path) -> None:
    segmenter = Segmenter.load(random_weights, device="cpu")
    assert segmenter.engine_warnings == ()
    segmenter._maps.trouble = "triton is not installed"
    (warning,) = segmenter.engine_warnings
    assert warning == "post-processing: plain torch, several times slower: triton is not installed"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("score", SCORES)
def test_on_cuda_the_kernel_is_used_and_agrees_with_the_cpu(random_weights: Path, score: str) -> None:
    pytest.importorskip("triton", reason="triton is not installed")
    image = np.random.default_rng(3).integers(0, 256, (90, 150, 3), np.uint8)
    on_cpu = Segmenter.load(random_weights, "cpu", "fp32", 96)
    on_gpu = Segmenter.load(random_weights, "cuda", "fp32", 96)
    wanted, found = (each.batch([image], 0.0, score).scenes[0] for each in (on_cpu, on_gpu))
    assert on_gpu.engine_warnings == ()
    np.testing.assert_allclose(found.score, wanted.score, atol=1e-2)
    assert (found.semantic == wanted.semantic).mean() > 0.99
