"""python benchmarks/ranking.py [--frames 100] [--reference-frames 30]: AP, AUROC and FPR95 against scikit-learn.

The same pixels, made from a seed: scores of 2048x1024 frames in which 2 % of the pixels are anomalous. Ours takes frame
after frame; scikit-learn gets all of its frames at once, as it must: 127 MB for each, so that it may be given the first
ones alone. Each runs in a process of its own, on one core. Printed are the processor's time in the metrics, without
that of making the pixels; the peak of memory above what it takes to make one frame; and the figures. Times and figures
are compared on the frames that both have had; more of them favour ours, whose memory stays as it is.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.score_sketch import ScoreSketch

SHAPE = (1024, 2048)
ANOMALOUS = 0.02
Frame = tuple[NDArray[np.float32], NDArray[np.bool_]]


@dataclass(frozen=True)
class Measured:
    """Of one way to rank."""

    frames: int
    seconds: float
    megabytes: float
    ranking: Ranking


def frames(count: int) -> Iterator[Frame]:
    """Scores and which pixels are anomalous, (N,) each."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        anomalous = rng.random(SHAPE[0] * SHAPE[1], np.float32) < ANOMALOUS
        scores = rng.standard_normal(anomalous.size, np.float32)
        scores += np.float32(2) * anomalous
        yield scores, anomalous


def ours(count: int, fewer: int) -> list[Measured]:
    """Of the first `fewer` frames, and of all."""
    before, sketch, seconds, found = base_megabytes(), ScoreSketch(), 0.0, []
    for number, (scores, anomalous) in enumerate(frames(count), 1):
        started = time.process_time()
        sketch.add(scores, anomalous)
        seconds += time.process_time() - started
        if number in (fewer, count):
            started = time.process_time()
            ranking = Ranking.of(sketch.points())
            finished = seconds + time.process_time() - started
            found.append(Measured(number, finished, peak_megabytes() - before, ranking))
    return found


def scikit_learn(count: int) -> Measured:
    before, size = base_megabytes(), SHAPE[0] * SHAPE[1]
    scores, anomalous = np.empty(count * size, np.float32), np.empty(count * size, bool)
    for number, (some, which) in enumerate(frames(count)):
        place = slice(number * size, (number + 1) * size)
        scores[place], anomalous[place] = some, which
    started = time.process_time()
    ap, auroc = average_precision_score(anomalous, scores), roc_auc_score(anomalous, scores)
    fpr, tpr, _ = roc_curve(anomalous, scores, drop_intermediate=False)
    ranking = Ranking(float(ap), float(fpr[np.argmax(tpr >= 0.95)]), float(auroc))
    return Measured(count, time.process_time() - started, peak_megabytes() - before, ranking)


def base_megabytes() -> float:
    """The peak so far, after one frame has been made."""
    for _ in frames(1):
        pass
    return peak_megabytes()


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(name: str, found: Measured) -> None:
    figures = ", ".join(f"{name} {100 * value:.4f} %" for name, value in vars(found.ranking).items())
    print(f"{name:13} {found.frames:4} frames {found.seconds:8.2f} s {found.megabytes:9.0f} MB   {figures}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--reference-frames", type=int, default=30, help="that scikit-learn gets, of these")
    arguments = parser.parse_args()
    fewer = min(arguments.reference_frames, arguments.frames)
    processes = multiprocessing.get_context("spawn")
    with processes.Pool(1) as pool:
        mine = pool.apply(ours, (arguments.frames, fewer))
    for each in mine:
        report("ours", each)
    with processes.Pool(1) as pool:
        reference = pool.apply(scikit_learn, (fewer,))
    report("scikit-learn", reference)
    differences = [abs(getattr(mine[0].ranking, name) - value) for name, value in vars(reference.ranking).items()]
    print(
        f"on {fewer} frames {reference.seconds / mine[0].seconds:.1f} times as fast; 1/"
        f"{reference.megabytes / mine[-1].megabytes:.0f} of the memory for {arguments.frames} frames that it has for "
        f"{fewer}; figures differ by {max(differences):.1e} at most"
    )


if __name__ == "__main__":
    main()
