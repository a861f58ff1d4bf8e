"""How long the stages of a step take on a device."""

from __future__ import annotations

import itertools
import time

import torch


class StageClock:
    """Marks between stages. On CUDA they are events in the stream, so that marking waits for nothing."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[tuple[str, float | torch.cuda.Event]] = []
        self.mark("")

    def mark(self, finished: str) -> None:
        """Says that the stage of that name ends here; a name may come again."""
        if self._device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self._device))
            self._marks.append((finished, event))
        else:
            self._marks.append((finished, time.perf_counter()))

    def milliseconds(self) -> dict[str, float]:
        """Time of each stage, summed by name; waits for the last mark."""
        last = self._marks[-1][1]
        if isinstance(last, torch.cuda.Event):
            last.synchronize()
        spent: dict[str, float] = {}
        for (_, begin), (name, end) in itertools.pairwise(self._marks):
            if isinstance(begin, torch.cuda.Event) and isinstance(end, torch.cuda.Event):
                took = begin.elapsed_time(end)
            else:
                assert isinstance(begin, float)
                assert isinstance(end, float)
                took = (end - begin) * 1000
            spent[name] = spent.get(name, 0.0) + took
        return spent
