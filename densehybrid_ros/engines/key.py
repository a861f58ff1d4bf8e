"""What an engine's file was made of and with: all on which its contents depend, and so its name."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, cast

import torch
from torch import nn

from densehybrid_ros import __version__
from densehybrid_ros.engines.packages import PACKAGES, tensorrt_version, version_of
from densehybrid_ros.models.checkpoint import content_hash

KEY = "densehybrid_engine"
"""Its place in a file's metadata."""
OPSET = 18
"""Of the files that we make for ourselves."""


@dataclass(frozen=True)
class Shape:
    """Of the network's input."""

    batch: int
    height: int
    width: int

    def __str__(self) -> str:
        size = f"{self.width}x{self.height}"
        return size if self.batch == 1 else f"{self.batch} of {size}"


@dataclass(frozen=True)
class Origin:
    """A network, whatever it is made into."""

    architecture: str
    weights: str
    """SHA-256 of its tensors."""


class FileKey(ABC):
    """All on which the contents of a file or folder depend."""

    ENDING: ClassVar[str]

    @property
    def text(self) -> str:
        """As it stands in the file."""
        return json.dumps(asdict(cast(Any, self)), sort_keys=True)

    @property
    def file_name(self) -> str:
        """Tells a person what it is, and no other key has it."""
        return f"{self.words}-{hashlib.sha256(self.text.encode()).hexdigest()[:24]}.{self.ENDING}"

    @property
    @abstractmethod
    def words(self) -> str:
        """What a person knows it by."""


@dataclass(frozen=True)
class Key(Origin, FileKey):
    """Two files of one key answer alike."""

    ENDING = "onnx"
    shape: Shape
    opset: int
    versions: tuple[str, ...]

    @property
    def words(self) -> str:
        """Architecture, batch and size."""
        return f"{self.architecture}-{self.shape.batch}x{self.shape.width}x{self.shape.height}"


@dataclass(frozen=True)
class TensorrtKey(FileKey):
    """Two folders of TensorRT's engines of one key serve alike."""

    ENDING = "tensorrt"
    onnx: Key
    """Of the file that they are made of."""
    device: str
    """TensorRT measures on it which of its kernels are fastest there."""
    number: int
    """Of the device."""
    half: bool
    """Whether fp16 may be used."""
    versions: tuple[str, ...]

    @property
    def words(self) -> str:
        """Those of the file, and the precision."""
        return f"{self.onnx.words}-{'fp16' if self.half else 'fp32'}"


def origin_of(network: nn.Module, architecture: str) -> Origin:
    """Of a network as it was loaded: one that was changed for inference has other tensors."""
    return Origin(
        architecture, content_hash({name: value.detach().cpu() for name, value in network.state_dict().items()})
    )


def key_of(origin: Origin, shape: Shape) -> Key:
    """The key of an engine made here and now."""
    versions = (f"densehybrid_ros {__version__}", f"torch {torch.__version__}")
    versions += tuple(f"{name} {version_of(name)}" for name in PACKAGES)
    return Key(origin.architecture, origin.weights, shape, OPSET, versions)


def tensorrt_key(onnx: Key, device: torch.device, half: bool) -> TensorrtKey:
    """The key of what TensorRT makes of that file here and now."""
    number = device.index or 0
    capability = "{}.{}".format(*torch.cuda.get_device_capability(number))
    name = f"{torch.cuda.get_device_name(number)}, {capability}"
    return TensorrtKey(onnx, name, number, half, (f"tensorrt {tensorrt_version()}",))
