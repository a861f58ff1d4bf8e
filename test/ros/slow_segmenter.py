"""The node with a loader that takes its time: SECONDS from the parameter `seconds`, read from the command line."""

from __future__ import annotations

import re
import sys
import time

import torch

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.nodes.segmenter.node import main
from densehybrid_ros.stopping import end_at_once


class TellingSegmenter(Segmenter):
    """Says with how many threads it runs."""

    def batch(self, *arguments, **options):
        print(f"runs by {torch.get_num_threads()} threads", flush=True)
        return super().batch(*arguments, **options)


def load_slowly(weights: str, device: str, precision: str, inference_width: int, engine: str) -> Segmenter:
    found = re.search(r"seconds:=(\d+)", " ".join(sys.argv))
    print("loading", flush=True)
    time.sleep(int(found[1]) if found else 0)
    return TellingSegmenter.load(weights, device, precision, inference_width, engine)


if __name__ == "__main__":
    end_at_once()
    main(load=load_slowly)
