"""Graphs of CUDA kernels: which shapes get one, and that the network goes on where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from densehybrid_ros.core import device_faults
from densehybrid_ros.core.cuda_graphs import MOST, MOST_SEEN, Graphs, Logits, Run, difference
from densehybrid_ros.core.device_faults import DeviceLost
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.models.checkpoint import load_network

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


class Network:
    """Says how often it ran."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, images: Tensor) -> Logits:
        self.runs += 1
        return images * 2, images[:, :2] + 1


class Recorder:
    """Replays by other code than the network's, and says which shapes it recorded."""

    def __init__(self, off_by: float = 0.0) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.replays = 0
        self._off_by = off_by

    def __call__(self, run: Run, images: Tensor) -> Run:
        self.shapes.append(tuple(images.shape))

        def replay(other: Tensor) -> Logits:
            self.replays += 1
            return other + other + self._off_by, other[:, :2] + 1

        return replay


def pictures(width: int) -> Tensor:
    return torch.rand(1, 3, 2, width)


def assert_answered(graphs: Graphs, images: Tensor) -> None:
    logits, dataset_logits = graphs(images)
    torch.testing.assert_close(logits, images * 2)
    torch.testing.assert_close(dataset_logits, images[:, :2] + 1)


def test_a_shape_that_comes_again_is_recorded_once_and_replayed() -> None:
    network, record = Network(), Recorder()
    graphs = Graphs(network, record)
    assert_answered(graphs, pictures(4))
    assert record.shapes == []
    assert_answered(graphs, pictures(4))
    assert record.shapes == [(1, 3, 2, 4)]
    replays, runs = record.replays, network.runs
    for _ in range(3):
        assert_answered(graphs, pictures(4))
    assert (record.replays, network.runs, len(record.shapes)) == (replays + 3, runs, 1)
    assert graphs.trouble == ""


def test_the_graph_unused_longest_goes_where_there_are_many() -> None:
    network, record = Network(), Recorder()
    graphs = Graphs(network, record)
    widths = range(1, MOST + 1)
    for width in (*widths, *widths, 1, MOST + 1, MOST + 1):  # the first is used again before the last one comes
        assert_answered(graphs, pictures(width))
    runs = network.runs
    assert_answered(graphs, pictures(1))
    assert network.runs == runs, "it was used of late"
    assert_answered(graphs, pictures(2))
    assert network.runs == runs + 1, "it was not"


def test_ever_new_shapes_are_never_recorded_and_not_remembered_for_ever() -> None:
    record = Recorder()
    graphs = Graphs(Network(), record)
    for width in range(1, MOST_SEEN + 20):
        assert_answered(graphs, pictures(width))
    assert record.shapes == []
    assert len(graphs._seen) == MOST_SEEN


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            RuntimeError("operation not permitted\nwhen stream is capturing"),
            "RuntimeError: operation not permitted when",
        ),
        (torch.cuda.OutOfMemoryError("CUDA out of memory"), "OutOfMemoryError: CUDA out of memory"),
    ],
)
def test_the_network_goes_on_where_nothing_can_be_recorded(error: Exception, reason: str) -> None:
    tries: list[int] = []

    def fail(run: Run, images: Tensor) -> Run:
        tries.append(1)
        raise error

    graphs = Graphs(Network(), fail)
    for width in (4, 4, 4, 5, 5):
        assert_answered(graphs, pictures(width))
    assert graphs.trouble.startswith(reason)
    assert len(tries) == 1


def test_a_lost_device_is_no_reason_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(run: Run, images: Tensor) -> Run:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(device_faults, "answers", lambda device: False)
    graphs = Graphs(Network(), fail)
    graphs(pictures(4))
    with pytest.raises(DeviceLost, match="illegal memory access"):
        graphs(pictures(4))


@pytest.mark.parametrize("off_by", [0.01, float("nan")])
def test_a_graph_that_answers_otherwise_is_not_used(off_by: float) -> None:
    graphs = Graphs(Network(), Recorder(off_by))
    for _ in range(4):
        assert_answered(graphs, pictures(4))
    assert "a recorded graph differs from the network by" in graphs.trouble


def test_rounding_is_no_difference() -> None:
    """Of half-precision logits near 20 the last place is worth 0.016 nats."""
    logits = torch.full((1, 2, 1, 1), 20.0)
    assert difference((logits.half() + 0.016, logits), (logits.half(), logits)) == ""
    assert difference((logits + 0.016, logits), (logits, logits)) != ""


def test_a_segmenter_on_a_cpu_has_none_and_says_where_cuda_has_none(random_weights: Path) -> None:
    segmenter = Segmenter.load(random_weights, "cpu")
    assert segmenter._graphs is None

    def off_by_one(run: Run, images: Tensor) -> Run:
        return lambda other: (run(other)[0] + 1, run(other)[1])

    segmenter._graphs = Graphs(segmenter._eagerly, off_by_one)
    picture = np.zeros((64, 96, 3), np.uint8)
    for _ in range(2):
        segmenter(picture)
    (warning,) = segmenter.engine_warnings
    assert warning.startswith("engine: torch without CUDA graphs: a recorded graph differs from the network by")


@on_cuda
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_on_cuda_graphs_answer_as_the_network_does(random_weights: Path, precision: str) -> None:
    segmenter = Segmenter.load(random_weights, "cuda", precision)
    rng = np.random.default_rng(0)
    graphs = segmenter._graphs
    assert graphs is not None
    for size in ((64, 96), (96, 64)):
        first = rng.integers(0, 256, (*size, 3), np.uint8)
        for _ in range(2):
            kept = segmenter.logits(first)
        others = [rng.integers(0, 256, (*size, 3), np.uint8) for _ in range(3)]
        found = [segmenter.logits(other) for other in others]
        assert graphs.trouble == ""
        segmenter._graphs = None
        for own, picture in zip((kept, *found), (first, *others), strict=True):
            for one, other in zip(own, segmenter.logits(picture), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-2)
        segmenter._graphs = graphs
    assert len(graphs._graphs) == 2


@on_cuda
def test_on_cuda_what_waits_for_the_device_cannot_be_recorded() -> None:
    def run(images: Tensor) -> Logits:
        return images * float(images.sum().item()), images

    graphs = Graphs(run)
    images = torch.rand(1, 3, 4, 4, device="cuda")
    with torch.inference_mode():
        for _ in range(3):
            logits, _ = graphs(images)
    torch.testing.assert_close(logits, images * images.sum())
    assert graphs.trouble


@on_cuda
def test_on_cuda_only_a_loaded_segmenter_has_graphs(random_weights: Path) -> None:
    network, info = load_network(random_weights)
    assert Segmenter(network, info, torch.device("cuda:0"), torch.float32, 0)._graphs is None
