"""Strips give what the whole gives."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor

from densehybrid_ros.core.fit import Fit, fit
from densehybrid_ros.core.maps import strips
from densehybrid_ros.core.maps.strips import maps_in_strips, strips_of
from densehybrid_ros.core.maps.worker_threads import in_worker_threads
from densehybrid_ros.core.postprocess import PARTS, first_maximum, maps_of
from densehybrid_ros.core.scores import SCORES

FITS = {
    "a whole factor": fit((128, 192), 0, 32, align_corners=False),
    "smaller than the network sees it": fit((57, 91), 320, 32, align_corners=False),
    "larger, padded below": fit((333, 500), 320, 32, align_corners=False),
    "padded both ways": fit((179, 321), 0, 32, align_corners=False),
    "aligned corners": fit((128, 192), 0, 8, align_corners=True),
    "aligned corners, padded and scaled": fit((333, 500), 200, 8, align_corners=True),
    "one pixel": fit((1, 1), 0, 32, align_corners=False),
}


def answers(fitted: Fit, classes: int, batch: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(classes)
    size = [side // 4 for side in fitted.run]
    logits, dataset_logits = (torch.randn(batch, each, *size, generator=generator) * 4 for each in (classes, 2))
    return logits, dataset_logits


@pytest.fixture(autouse=True)
def _narrow_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "STRIP_VALUES", 19 * 200 * 5)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("fitted", FITS.values(), ids=FITS)
def test_every_score_and_map_is_that_of_the_whole(fitted: Fit, score: str) -> None:
    logits, dataset_logits = answers(fitted, 19)
    whole = maps_of(logits, dataset_logits, fitted.to_image, SCORES[score], -1.0)
    found = maps_in_strips(logits, dataset_logits, fitted, SCORES[score], -1.0, PARTS)
    torch.testing.assert_close(found.score, whole.score, atol=1e-4, rtol=1e-5)
    two = fitted.to_image(logits).topk(2, dim=1).values
    distinct = two[:, 0] - two[:, 1] > 1e-4
    assert torch.equal(found.semantic[distinct], whole.semantic[distinct])
    sure = distinct & ((whole.score + 1).abs() > 1e-4)
    assert torch.equal(found.open_set[sure], whole.open_set[sure])
    assert sure.float().mean() > 0.99
    assert {each.dtype for each in (found.semantic, found.open_set)} == {torch.uint8}


@pytest.mark.parametrize("part", sorted(PARTS))
@pytest.mark.parametrize("classes", [2, 11, 150])
def test_one_part_alone_equals_that_of_all(part: str, classes: int) -> None:
    fitted = FITS["larger, padded below"]
    tensors = answers(fitted, classes, batch=1)
    everything = maps_in_strips(*tensors, fitted, SCORES["hybrid"], 0.0, PARTS)
    alone = maps_in_strips(*tensors, fitted, SCORES["hybrid"], 0.0, {part})
    assert torch.equal(getattr(alone, part), getattr(everything, part))
    assert all(getattr(alone, other).shape == (1, 0, 0) for other in PARTS - {part})


def test_half_precision_logits_are_taken_as_they_are() -> None:
    fitted = FITS["a whole factor"]
    logits, dataset_logits = (each.bfloat16() for each in answers(fitted, 5))
    whole = maps_of(logits, dataset_logits, fitted.to_image, SCORES["hybrid"], 0.0)
    found = maps_in_strips(logits, dataset_logits, fitted, SCORES["hybrid"], 0.0, PARTS)
    torch.testing.assert_close(found.score, whole.score, atol=1e-4, rtol=1e-5)


def test_a_strip_reads_only_the_rows_that_it_needs() -> None:
    """Five rows of a fourfold enlargement lie between three rows of cells at most."""
    chosen = strips_of(FITS["a whole factor"], 32, 5)
    assert [strip.rows for strip in chosen[:2]] == [slice(0, 5), slice(5, 10)]
    assert max(strip.cells.stop - strip.cells.start for strip in chosen) <= 3
    assert all(strip.weights.sum(1) == pytest.approx(1) for strip in chosen)


def test_the_first_of_equal_logits_wins() -> None:
    logits = torch.tensor([[1.0, 5.0, 5.0, 0.0], [2.0, 2.0, 2.0, 2.0], [-3.0, -4.0, -1.0, -1.0]]).T.view(1, 4, 1, 3)
    assert first_maximum(logits).tolist() == [[[1, 0, 2]]]
    many = torch.zeros(1, 255, 1, 2)
    many[0, 254, 0, 1] = 1
    assert first_maximum(many).tolist() == [[[0, 254]]]


def test_what_fails_in_a_worker_thread_is_raised() -> None:
    def fail(piece: int) -> None:
        if piece == 3:
            raise ValueError("the fourth")

    with pytest.raises(ValueError, match="the fourth"):
        in_worker_threads(fail, range(8))


def test_worker_threads_run_operations_on_one_core_and_change_nothing_else() -> None:
    before = torch.get_num_threads()
    seen: list[tuple[int, bool]] = []
    with torch.inference_mode():
        in_worker_threads(lambda piece: seen.append((torch.get_num_threads(), torch.is_inference_mode_enabled())), "ab")
    in_new: list[int] = []
    thread = threading.Thread(target=lambda: in_new.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [(1, True)] * 2
    assert (torch.get_num_threads(), in_new) == (before, [before])
