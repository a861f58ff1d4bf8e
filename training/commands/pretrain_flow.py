"""densehybrid pretrain-flow --set NAME --root DIR --out DIR: teaches a flow what crops of a data set look like.

Maximum likelihood alone, on crops of 64x64; the flow is then ready for joint training with a segmenter (the section
`flow` of a recipe). Writes into --out: `log.jsonl` and `events` (bits per dimension), `checkpoint.pt` (resumed by
itself), `flow.safetensors` and `samples.png`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.flow.config import FLOWS
from densehybrid_ros.training.flow.crops import FlowCrops, held_out_crops
from densehybrid_ros.training.flow.pretraining import FlowPretraining, Pretraining
from densehybrid_ros.training.run.engine import make_engine
from densehybrid_ros.training.run.loop import run


def main(argv: list[str] | None = None) -> None:
    defaults = Pretraining()
    parser = argparse.ArgumentParser(
        prog="densehybrid pretrain-flow", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", dest="name", required=True, help="name of the data set")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--held-out", default="val", help="split on which bits per dimension are reported")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", default=defaults.config, help=", ".join(FLOWS))
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--batch", type=int, default=defaults.batch)
    parser.add_argument("--side", type=int, default=defaults.side)
    parser.add_argument("--learning-rate", type=float, default=defaults.learning_rate)
    parser.add_argument("--every", type=int, default=defaults.every)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args(argv)
    if min(given.steps, given.batch, given.side, given.every) < 1 or given.workers < 0:
        raise SetupError("steps, batch, side and every must be at least 1, workers at least 0")
    if not given.learning_rate > 0:
        raise SetupError(f"--learning-rate is {given.learning_rate}; give more than 0")
    settings = Pretraining(given.config, given.steps, given.batch, given.side, given.learning_rate, every=given.every)
    train, held_out = (labelled_set(given.name, given.root, split) for split in (given.split, given.held_out))
    crops = FlowCrops(train, settings.side, settings.batch, settings.seed)
    engine = make_engine(given.device)
    job = FlowPretraining(settings, crops, held_out_crops(held_out, settings.side, 96), engine)
    run(job, engine, given.out, given.workers)
