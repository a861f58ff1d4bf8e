"""The command `densehybrid`: one word per task."""

from __future__ import annotations

import sys
from importlib import import_module

from densehybrid_ros.errors import USER_ERROR, SetupError

TRAINING = "densehybrid_ros.training.commands"
COMMANDS = {
    "check_data": (f"{TRAINING}.check_data", "whether a data set lies as it should, file by file"),
    "train": (f"{TRAINING}.train", "train or fine-tune a network by a recipe"),
    "pretrain_flow": (f"{TRAINING}.pretrain_flow", "teach a normalizing flow what a data set looks like"),
    "evaluate": (f"{TRAINING}.evaluate", "AP, FPR95, AUROC of every score and the mean IoU on a data set"),
    "export_onnx": (f"{TRAINING}.export_onnx", "write a network for other engines, checked in onnxruntime"),
    "import_weights": (f"{TRAINING}.import_weights", "turn published checkpoints into weights files"),
    "export": (f"{TRAINING}.export", "calibrate thresholds and write a weights file for the node"),
    "render_roadworld": (f"{TRAINING}.render_roadworld", "write Roadworld frames in the CamVid or LostAndFound layout"),
    "convert": ("densehybrid_ros.playback.packing.command", "turn LostAndFound or Cityscapes drives into a bag"),
}
"""Command → (module with its `main`, what it does)."""
TRAINING_PACKAGES = ("lightning_fabric", "tensorboardX")
"""Not installed with the node."""


def main(argv: list[str] | None = None) -> None:
    """Runs `densehybrid COMMAND …`; a SetupError is one line on stderr and status 2."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        print("densehybrid COMMAND [-h] …\n")
        print("\n".join(f"  {name.replace('_', '-'):<18} {text}" for name, (_, text) in COMMANDS.items()))
        return
    command = arguments[0].replace("-", "_")
    try:
        if command not in COMMANDS:
            choices = ", ".join(name.replace("_", "-") for name in COMMANDS)
            raise SetupError(f"command '{arguments[0]}' is unknown; choose one of {choices}")
        import_module(COMMANDS[command][0]).main(arguments[1:])
    except ModuleNotFoundError as error:
        if error.name not in TRAINING_PACKAGES:
            raise
        print(f"densehybrid: {error.name} is not installed; run: pip install 'densehybrid_ros[train]'", file=sys.stderr)
        sys.exit(USER_ERROR)
    except SetupError as error:
        print(f"densehybrid: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)


if __name__ == "__main__":
    main()
