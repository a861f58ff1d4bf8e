"""Lightning Fabric: on which devices, in which precision and how many processes a run works."""

from __future__ import annotations

import logging
import os
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn

from densehybrid_ros.core.devices import resolve_device
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.run.memory import keep_freed_memory

PRECISIONS: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
"""Of a recipe → of Fabric."""


def make_engine(device_name: str = "auto", processes: int = 1, nodes: int = 1, precision: str = "fp32") -> Fabric:
    """Starts the other processes where there are several; torchrun's and SLURM's environments are respected.

    Args:
        device_name: auto, cpu, cuda or cuda:N.
        processes: per node; on CUDA one per GPU.

    Raises:
        SetupError: the device is not there, or the wish contradicts itself.
    """
    device = resolve_device(device_name)
    _check_launcher(processes * nodes)
    if processes < 1 or nodes < 1:
        raise SetupError(f"processes is {processes} and nodes is {nodes}; give at least 1 of each")
    if precision == "fp16" and device.type != "cuda":
        raise SetupError(f"precision fp16 needs a GPU, the device is {device}; choose fp32 or bf16")
    several = processes * nodes > 1
    if several and device.type == "cuda" and device.index is not None and device_name != "auto":
        raise SetupError(f"{processes} processes cannot share {device_name}; give --device cuda")
    if device.type == "cuda" and processes > torch.cuda.device_count():
        raise SetupError(f"{processes} GPUs were asked for, {torch.cuda.device_count()} are there")
    if device.type == "cpu":
        keep_freed_memory()
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    chosen = [device.index] if device.type == "cuda" and not several and device.index is not None else processes
    # closed-set training leaves the dataset head without a gradient, LDN its auxiliary heads
    strategy = DDPStrategy(find_unused_parameters=True) if several else "auto"
    engine = Fabric(
        accelerator="cuda" if device.type == "cuda" else "cpu",
        devices=chosen,
        num_nodes=nodes,
        strategy=strategy,
        precision=PRECISIONS[precision],
    )
    engine.launch()
    return engine


def _check_launcher(wanted: int) -> None:
    """torchrun and srun start the processes themselves: each would otherwise train alone, into one folder."""
    for launcher, variable in (("torchrun", "WORLD_SIZE"), ("srun", "SLURM_STEP_NUM_TASKS")):
        started = int(os.environ.get(variable, wanted))
        if started != wanted:
            raise SetupError(
                f"{launcher} started {started} processes, and --processes x --nodes make {wanted}; give both the same"
            )


def with_synchronised_batch_norm(model: nn.Module, engine: Fabric) -> nn.Module:
    """Batch norm over the crops of all GPUs; torch has it for GPUs only."""
    if engine.world_size == 1 or engine.device.type != "cuda":
        return model
    return nn.SyncBatchNorm.convert_sync_batchnorm(model)


def step_seed(engine: Fabric, seed: int, step: int) -> int:
    """What is random inside a step depends on nothing that came before, so that a resumed run repeats it."""
    return (seed * 1_000_003 + step) * 1_009 + engine.global_rank


def summed(engine: Fabric, values: Tensor) -> Tensor:
    """Over all processes."""
    total = engine.all_reduce(values, reduce_op="sum")
    assert isinstance(total, Tensor)
    return total
