"""The command `densehybrid`: one word per task."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module

import densehybrid_ros
from densehybrid_ros.errors import USER_ERROR, SetupError
from densehybrid_ros.packages import missing_package
from densehybrid_ros.stopping import ended_at_once, ended_quietly

TRAINING = "densehybrid_ros.training.commands"
COMMANDS = {
    "check_data": (f"{TRAINING}.check_data", "whether a data set lies as it should, file by file"),
    "train": (f"{TRAINING}.train", "train or fine-tune a network by a recipe"),
    "pretrain_flow": (f"{TRAINING}.pretrain_flow", "teach a normalizing flow what a data set looks like"),
    "evaluate": (f"{TRAINING}.evaluate", "AP, FPR95, AUROC of every score and the mean IoU on a data set"),
    "compare": (f"{TRAINING}.compare", "all scores of several weights on several data sets, in one table"),
    "ablate": (f"{TRAINING}.ablate", "the hybrid score against its two parts and MSP, for several weights"),
    "submit": (f"{TRAINING}.submit", "results as SegmentMeIfYouCan and Fishyscapes take them"),
    "fit_score": (f"{TRAINING}.fit_score", "gather what a score needs to know of training pixels"),
    "export_onnx": (f"{TRAINING}.export_onnx", "write a network for other engines, checked in onnxruntime"),
    "import_weights": (f"{TRAINING}.import_weights", "turn published checkpoints into weights files"),
    "average": (f"{TRAINING}.average", "one network out of several trainings of it: the mean of their weights"),
    "export": (f"{TRAINING}.export", "calibrate thresholds and write a weights file for the node"),
    "bench": ("densehybrid_ros.bench.command", "what a frame costs on this machine, plain and as the node computes it"),
    "render_roadworld": (f"{TRAINING}.render_roadworld", "write Roadworld frames in the CamVid or LostAndFound layout"),
    "convert": ("densehybrid_ros.playback.packing.command", "turn LostAndFound or Cityscapes drives into a bag"),
    "sros2_policy": ("densehybrid_ros.dds.policy", "what each node may publish, hear and answer, for ROS 2's security"),
}
"""Command → (module with its `main`, what it does)."""


def main(argv: list[str] | None = None) -> None:
    """Runs `densehybrid COMMAND …`; a SetupError, or output that cannot be written, is one line and status 2.

    SIGINT and SIGTERM end it without a word.
    """
    with ended_quietly():
        try:
            _run(sys.argv[1:] if argv is None else argv)
            sys.stdout.flush()
        except BrokenPipeError:  # `| head` has seen enough
            _drop_output()
            sys.exit(128 + signal.SIGPIPE)
        except OSError as error:
            _drop_output()
            what = error.filename or "the output"
            print(f"densehybrid: {what}: {error.strerror or error}", file=sys.stderr)
            sys.exit(USER_ERROR)


def _drop_output() -> None:
    """So that Python does not try to write it again at the end."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open until the process ends


def _run(arguments: list[str]) -> None:
    if arguments[:1] == ["--version"]:
        print(f"densehybrid_ros {densehybrid_ros.__version__}")
        return
    if not arguments or arguments[0] in ("-h", "--help"):
        print("densehybrid COMMAND [-h] …     or --version\n")
        print("\n".join(f"  {name.replace('_', '-'):<18} {text}" for name, (_, text) in COMMANDS.items()))
        return
    command = arguments[0].replace("-", "_")
    try:
        if command not in COMMANDS:
            choices = ", ".join(name.replace("_", "-") for name in COMMANDS)
            raise SetupError(f"command '{arguments[0]}' is unknown; choose one of {choices}")
        with ended_at_once():
            module = import_module(COMMANDS[command][0])
        module.main(arguments[1:])
    except ModuleNotFoundError as error:
        print(f"densehybrid: {missing_package(error)}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except SetupError as error:
        print(f"densehybrid: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)


if __name__ == "__main__":
    main()
