"""densehybrid submit NAME --root DIR --out OUT: one score of all pictures of a benchmark, as its servers take it.

smiyc-anomaly, smiyc-obstacle and smiyc-lostandfound-noknown (SegmentMeIfYouCan): the folders of the benchmark, test
pictures among them; OUT/anomaly_p/METHOD/TRACK/PICTURE.hdf5 is what its public code reads. fishyscapes: DIR holds
NNNN_*.png, as the benchmark's servers mount them for a container, and OUT gets NNNN_anomaly.npy and
NNNN_segmentation.npy; it needs weights whose classes are Cityscapes'. Truth is not read. --score is any that
`densehybrid evaluate` takes: those of other papers may need the statistics that `densehybrid fit-score` gathers.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines.choice import ENGINES
from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.files import make_folder
from densehybrid_ros.pictures import read_rgb
from densehybrid_ros.progress import progress_bar
from densehybrid_ros.training.baselines.baselines import BASELINES
from densehybrid_ros.training.baselines.loading import loaded_with_baselines
from densehybrid_ros.training.baselines.settings import score_settings
from densehybrid_ros.training.commands.evaluate import add_score_setting, add_statistics
from densehybrid_ros.training.submissions.benchmarks import BENCHMARKS, Benchmark, Result, in_cityscapes_classes

ANY_SCORE = {**SCORES, **BASELINES}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="densehybrid submit", description=__doc__)
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--root", type=Path, required=True, help="folder of the benchmark's pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--method", default="DenseHybrid", help="by which the benchmark files the results")
    parser.add_argument("--score", default="hybrid", help=", ".join(ANY_SCORE))
    add_statistics(parser)
    add_score_setting(parser)
    parser.add_argument("--weights", default="", help="a .safetensors file; without it the bundled weights")
    parser.add_argument("--inference-width", type=int, default=0, help="px; 0 = the weights' own, -1 = native")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    parser.add_argument("--engine", choices=ENGINES, default="torch", help="what runs the network; see docs/node.md")
    options = parser.parse_args(argv)
    benchmark = BENCHMARKS[options.name]
    if benchmark.package:
        import_module(benchmark.package)  # missing ones are named before the work
    chosen("score", options.score, ANY_SCORE)
    settings = score_settings(options.score_setting)
    refuse_method(options.method)
    pictures = named_pictures(benchmark, options.root)
    segmenter = loaded_with_baselines(
        options.weights,
        [options.score],
        options.device,
        options.inference_width,
        options.engine,
        options.statistics,
        settings,
    )
    make_folder(options.out)
    for name, path in progress_bar(pictures.items(), True, desc=f"submit {options.name}", unit="picture", leave=False):
        benchmark.save(options.out, options.method, result_of(segmenter, benchmark, name, path, options.score))
    print(f"{len(pictures)} pictures of {options.name} in {options.out}, method {options.method}")


def named_pictures(benchmark: Benchmark, root: Path) -> dict[str, Path]:
    """By the benchmark's name.

    Raises:
        SetupError: there are none, or two of the same name.
    """
    found: dict[str, Path] = {}
    for path in benchmark.pictures(root):
        name = benchmark.name(path)
        if name in found:
            raise SetupError(f"{found[name]} and {path} are the same picture {name} to the benchmark; leave one out")
        found[name] = path
    if not found:
        raise SetupError(f"{root} holds no pictures of the benchmark; looked for {benchmark.layout}")
    return found


def result_of(segmenter: Segmenter, benchmark: Benchmark, name: str, path: Path, score: str) -> Result:
    """
    Raises:
        SetupError: the picture cannot be read, or the weights have other classes than the benchmark wants.
    """
    found = segmenter.scored(read_rgb(path), [score], semantic=benchmark.segmentation)
    if benchmark.segmentation:
        found = in_cityscapes_classes(found, segmenter.info.classes)
    return Result(name, found, found.scores[score])


def refuse_method(name: str) -> None:
    """
    Raises:
        SetupError: it is no name of a folder.
    """
    if not name or name.startswith(".") or Path(name).name != name:
        raise SetupError(f"--method '{name}' cannot name a folder; give letters, digits, - and _")
