"""Weights of a flow: safetensors with the name of its configuration."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.files import write_whole
from densehybrid_ros.training.flow.config import FLOWS
from densehybrid_ros.training.flow.dense_flow import DenseFlow

FORMAT = "densehybrid-flow-1"


def save_flow(path: Path, flow: DenseFlow, name: str) -> None:
    """Writes atomically: a killed process leaves the old file or the new one."""
    tensors = {key: value.cpu().contiguous() for key, value in flow.state_dict().items()}
    write_whole(path, save(tensors, {"format": FORMAT, "config": name}))


def load_flow(path: Path) -> tuple[DenseFlow, str]:
    """The flow on the CPU, and the name of its configuration.

    Raises:
        SetupError: no such file, or not one of `save_flow`.
    """
    if not path.is_file():
        raise SetupError(f"flow {path} does not exist; make one with: densehybrid pretrain-flow")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise SetupError(f"flow {path} cannot be read as safetensors ({error}); copy it anew") from error
    if metadata.get("format") != FORMAT or "config" not in metadata:
        raise SetupError(f"{path} holds no flow; make one with: densehybrid pretrain-flow")
    flow = DenseFlow(chosen("flow", metadata["config"], FLOWS))
    try:
        flow.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise SetupError(f"flow {path} does not fit configuration '{metadata['config']}': {reason}") from error
    return flow, metadata["config"]
