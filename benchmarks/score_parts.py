"""python benchmarks/score_parts.py WEIGHTS ... --set smiyc-obstacle=DIR cityscapes=DIR:NEGATIVES: how much of both.

AP / FPR95 (percent, pooled pixels) of ln P(d_out|x) − w ln p̂(x) for several w, of w = 0, the posterior, and of the
likelihood alone, for every weights file and set. A set named with a folder of negatives has these pasted into it.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from torch import Tensor

from densehybrid_ros.core.scores import likelihood, posterior
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.metrics.table import markdown_lines
from densehybrid_ros.training.batches.negative_set import NegativeSet
from densehybrid_ros.training.datasets import DATASETS, labelled_set
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.evaluation.pasted_set import PastedSet
from densehybrid_ros.training.evaluation.validate import evaluate

SHARES = (0.0, 0.1, 0.3, 1.0, 3.0)
LIKELIHOOD = "likelihood"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", type=Path)
    parser.add_argument("--set", nargs="+", required=True, dest="sets", metavar="NAME=DIR[:NEGATIVES]")
    parser.add_argument("--stride", type=int, default=1, help="every n-th picture of sets with negatives pasted in")
    arguments = parser.parse_args()
    names = [*(f"{share:g}" for share in SHARES), LIKELIHOOD]
    rows = [("weights", "set", *names)]
    for path in arguments.weights:
        segmenter = Segmenter.load(path)
        segmenter.logit_scores |= {f"{share:g}": partial(mixed, share=share) for share in SHARES}
        for text in arguments.sets:
            source = opened(text)
            stride = arguments.stride if isinstance(source, PastedSet) else 1
            rankings = evaluate(segmenter, source, names, stride, segmentation=False).rankings
            figures = [f"{100 * rankings[name].ap:.1f} / {100 * rankings[name].fpr95:.1f}" for name in names]
            rows.append((path.stem, source.name, *figures))
            print(markdown_lines(rows)[-1], flush=True)
    print("\n".join(["", *markdown_lines(rows)]))


def mixed(logits: Tensor, dataset_logits: Tensor, share: float) -> Tensor:
    """ln P(d_out|x) − share · ln p̂(x), (B, H, W), in nats."""
    return posterior(logits, dataset_logits) + share * likelihood(logits, dataset_logits)


def opened(text: str) -> LabelledSource:
    """NAME=DIR or NAME=DIR:NEGATIVES, the split on which results are reported."""
    name, _, folders = text.partition("=")
    root, _, negatives = folders.partition(":")
    source = labelled_set(name, Path(root), DATASETS[name].reported)
    return PastedSet(source, NegativeSet([Path(negatives)], "validation")) if negatives else source


if __name__ == "__main__":
    main()
