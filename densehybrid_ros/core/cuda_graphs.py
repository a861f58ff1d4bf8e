"""A network's kernels on CUDA as one graph for each shape: begun at once, where Python begins hundreds one by one.

The first pictures of a shape go through the network as ever; the second ones, too, and its kernels are recorded beside
them; all others are answered by what was recorded. Where that fails or answers otherwise, the network goes on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from densehybrid_ros.core.device_faults import DeviceLost, device_fault

Logits: TypeAlias = tuple[Tensor, Tensor]
Run: TypeAlias = Callable[[Tensor], Logits]
"""(B, 3, H, W) float32 → both logits; all on one device."""

MOST = 4
"""Graphs that are kept: each holds the memory of what the network computes."""
MOST_SEEN = 64
"""Shapes remembered that came once: a stream of pictures of ever new sizes is never recorded."""
TOLERANCE = 1e-3
"""Largest difference to the network's own answer, in nats, or, where that is more, so many units in the last place."""
LAST_PLACES = 4


class Graphs:
    """Runs a network, by graphs where it can. Thread-compatible: one caller at a time, always in the same stream."""

    def __init__(self, run: Run, record: Callable[[Run, Tensor], Run] | None = None) -> None:
        """
        Args:
            run: the network, whose weights stay where they are.
            record: gives what replays `run` for pictures of the same shape; by default `recorded`.
        """
        self.trouble = ""
        """Why no more graphs are recorded or used."""
        self._run, self._record = run, record or recorded
        self._graphs: OrderedDict[torch.Size, Run] = OrderedDict()
        """The last used at the end."""
        self._seen: set[torch.Size] = set()

    def __call__(self, images: Tensor) -> Logits:
        """(B, 3, H, W) float32 → both logits, which no later call changes.

        Raises:
            DeviceLost: the device failed under a graph.
        """
        shape = images.shape
        replay = self._graphs.get(shape)
        if replay is not None:
            self._graphs.move_to_end(shape)
            return replay(images)
        answer = self._run(images)
        if not self.trouble and shape in self._seen:
            self._add(images, answer)
        elif len(self._seen) < MOST_SEEN:
            self._seen.add(shape)
        return answer

    def _add(self, images: Tensor, answer: Logits) -> None:
        if len(self._graphs) >= MOST:
            self._graphs.popitem(last=False)
        try:
            replay = self._record(self._run, images)
            self.trouble = difference(replay(images), answer)
        except Exception as error:  # an operation that waits for the device, memory: the network itself goes on
            fault = device_fault(error, images.device)
            if isinstance(fault, DeviceLost):
                raise fault from error
            self.trouble = f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
        else:
            self._graphs[images.shape] = replay
        if self.trouble:
            self._graphs.clear()


def difference(found: Logits, wanted: Logits) -> str:
    """How logits differ from those wanted; "" where they do by no more than rounding."""
    for one, other in zip(found, wanted, strict=True):
        furthest = float((one.float() - other.float()).abs().max())
        allowed = max(TOLERANCE, LAST_PLACES * torch.finfo(other.dtype).eps * float(other.abs().max()))
        if not furthest <= allowed:
            return f"a recorded graph differs from the network by {furthest:g} nats, more than {allowed:g}"
    return ""


def recorded(run: Run, images: Tensor) -> Run:
    """What replays `run` on CUDA for pictures of this shape, dtype and layout.

    Raises:
        RuntimeError: of torch, where the network does what cannot be recorded.
    """
    current = torch.cuda.current_stream(images.device)
    given = torch.empty_like(images).copy_(images)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(images.device):
        aside = torch.cuda.Stream()
        aside.wait_stream(current)
        with torch.cuda.stream(aside):  # libraries lay out their work space in the stream in which they first run
            run(given)
        current.wait_stream(aside)
        # other threads may use the device meanwhile: an engine that is being opened, another node of this process
        with torch.cuda.graph(graph, stream=aside, capture_error_mode="thread_local"):
            answers = run(given)

    def replay(other: Tensor) -> Logits:
        given.copy_(other)
        graph.replay()
        logits, dataset_logits = (each.clone() for each in answers)  # the next replay writes into them
        return logits, dataset_logits

    return replay
