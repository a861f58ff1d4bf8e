"""Weights of a flow: safetensors with the name of its configuration."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save

from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.files import write_whole
from densehybrid_ros.models.tensor_files import read_safetensors, unwrapped
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
    metadata, tensors = read_safetensors(path, "flow")
    if metadata.get("format") != FORMAT or "config" not in metadata:
        raise SetupError(f"{path} holds no flow; make one with: densehybrid pretrain-flow")
    flow = DenseFlow(chosen("flow", metadata["config"], FLOWS))
    try:
        flow.load_state_dict(unwrapped(tensors, flow.state_dict()))
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise SetupError(f"flow {path} does not fit configuration '{metadata['config']}': {reason}") from error
    return flow, metadata["config"]
