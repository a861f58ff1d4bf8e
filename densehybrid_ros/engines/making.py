"""How a session is made: its ONNX file out of the cache, or built; opened; and compared with torch.

For TensorRT its folder lies beside that file, out of the cache, or built, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import torch
from torch import nn

from densehybrid_ros.engines.building import BuildFailed, Builds, Stopped, Unavailable
from densehybrid_ros.engines.cache import cache_folder, cached, folder_to_build_in, forget, mark_used, remove_oldest
from densehybrid_ros.engines.key import KEY, Key, tensorrt_key
from densehybrid_ros.engines.opening import Session, UntilStopped, difference_to_torch, noise_and_edges, tolerance
from densehybrid_ros.engines.openvino_session import OpenvinoSession
from densehybrid_ros.engines.providers import CPU, Providers, by_tensorrt

Opened: TypeAlias = Session | OpenvinoSession
"""Takes pictures, gives logits, and has its file's metadata."""


class Unfit(RuntimeError):
    """An engine that must not be used, with the reason."""


class Differs(Unfit):
    """It answers otherwise than torch."""


class Maker:
    """Makes sessions of one network, one at a time."""

    def __init__(
        self, name: str, network: nn.Module, weights: Path, device: torch.device, precision: torch.dtype
    ) -> None:
        """
        Args:
            name: onnxruntime, openvino or tensorrt.
            network: on the device, in evaluation mode. A session on the CPU has as many threads as torch has now.
            weights: the file that it was read from.
            precision: of torch, by which an engine is measured: in fp16 TensorRT may use that, too, and OpenVINO
                computes in any that the CPU has instructions for.
        """
        self.builds = Builds()
        self.name = name
        self.not_kept = ""
        """Why an engine was not put into the cache."""
        self.not_half = ""
        """Why the engine computes in fp32, where another precision was asked for."""
        self._network, self._weights, self._device, self._precision = network, weights, device, precision
        self._threads = torch.get_num_threads()

    def made(self, key: Key) -> Opened:
        """Out of the cache, or built.

        Raises:
            Unfit, Unavailable, BuildFailed: with the reason.
            Exception: of the runtime and the disk, of many kinds.
        """
        try:
            kept = cache_folder() / key.file_name
        except RuntimeError:  # no home
            return self._built(key)
        contents = cached(kept)
        if contents is not None:
            try:
                return self._opened(kept, contents, key)
            except (Stopped, Unavailable):
                raise
            except Exception:  # damaged in any way: a new one shows whether that was it
                forget(kept)
        return self._built(key)

    def _built(self, key: Key) -> Opened:
        with folder_to_build_in() as (folder, self.not_kept):
            path = folder / key.file_name
            self.builds.run(f"onnxruntime {key.shape}", self._weights, path, key)
            try:
                session = self._opened(path, path.read_bytes(), key)
            except Stopped:
                raise
            except Exception:
                forget(path)
                raise
            remove_oldest(folder)
            return session

    def _opened(self, path: Path, contents: bytes, key: Key) -> Opened:
        """
        Raises:
            Unfit: it is another engine, or answers otherwise than torch.
            Exception: of the runtime's: damaged.
        """
        self.not_half = ""
        if self.name == "onnxruntime":
            return self._checked(self._of(contents, key, CPU), key, self._precision)
        if self.name == "openvino":
            return self._by_openvino(contents, key)
        if self._precision == torch.float16:
            try:
                return self._by_tensorrt(path, contents, key, half=True)
            except Differs as error:
                self.not_half = str(error)
        return self._by_tensorrt(path, contents, key, half=False)

    def _by_openvino(self, contents: bytes, key: Key) -> Opened:
        if self._precision != torch.float32:
            try:
                return self._in_openvino(contents, key, self._precision)
            except (Differs, Unavailable) as error:
                self.not_half = str(error)
        return self._in_openvino(contents, key, torch.float32)

    def _in_openvino(self, contents: bytes, key: Key, precision: torch.dtype) -> Opened:
        session = OpenvinoSession(contents, self._threads, precision)
        return self._checked(self._fitting(session, key), key, precision)

    def _by_tensorrt(self, path: Path, contents: bytes, key: Key, half: bool) -> Opened:
        wanted = tensorrt_key(key, self._device, half)
        folder = path.with_name(wanted.file_name)
        providers = by_tensorrt(self._device, half, folder)
        session: Opened | None = None
        if folder.is_dir():
            mark_used(folder)
            try:
                session = self._of(contents, key, providers)
            except (Unavailable, Unfit):
                raise
            except Exception:  # damaged, or of another TensorRT: a new one shows whether that was it
                forget(folder)
        if session is None:
            self.builds.run(f"{self.name} {key.shape}", path, folder, wanted)
            session = self._of(contents, key, providers)
        # one that differs stays: it need not be built again to be refused
        return self._checked(session, key, self._precision)

    def _of(self, contents: bytes, key: Key, providers: Providers) -> Opened:
        return self._fitting(Session(contents, self._threads, providers), key)

    def _fitting(self, session: Opened, key: Key) -> Opened:
        if session.properties.get(KEY) != key.text:
            raise Unfit("its file was made of or with something else")
        return session

    def _checked(self, session: Opened, key: Key, precision: torch.dtype) -> Opened:
        pictures = noise_and_edges(key.shape, self._device)
        with UntilStopped(lambda: self.builds.stopped):
            difference = difference_to_torch(self._network, session, pictures)
            allowed = tolerance(self._network, pictures, precision, rounded=self.name == "openvino")
        if not difference <= allowed:
            raise Differs(f"it differs from torch by {difference:g} nats, more than {allowed:g}")
        return session


def in_words(error: Exception) -> str:
    """One line."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, Unfit | Unavailable | BuildFailed) else f"{type(error).__name__}: {text}"
