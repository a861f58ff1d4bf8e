"""OpenVINO's way: answers as torch, in bf16 as far from it as bf16 is, and nothing sent to anybody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from densehybrid_ros.bench.ways import wait_for_engine
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines import building, making, openvino_session
from densehybrid_ros.engines.building import Unavailable
from densehybrid_ros.engines.key import KEY, Key, Shape
from densehybrid_ros.engines.making import Maker, Unfit
from densehybrid_ros.engines.onnx_file import write_onnx
from densehybrid_ros.engines.opening import TOLERANCE, difference_to_torch, noise_and_edges, tolerance
from densehybrid_ros.engines.openvino_session import OpenvinoSession, computes_in
from densehybrid_ros.engines.packages import OPENVINO, missing_packages
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import BUNDLED, load_network, load_weights

ROOT = Path(__file__).resolve().parents[2]
SMALL = Shape(1, 64, 96)
FULL, BF16 = torch.float32, torch.bfloat16

pytestmark = pytest.mark.usefixtures("installed", "openvino_installed")


@pytest.fixture(scope="module")
def openvino_installed() -> None:
    if missing := missing_packages(OPENVINO):
        pytest.skip(f"{', '.join(missing)} not installed; pip install -r requirements/optional.txt brings it")


@pytest.fixture
def bf16_here() -> None:
    if not computes_in(BF16):
        pytest.skip("this CPU has no instructions for bf16")


@pytest.fixture
def without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_session, "computes_in", lambda precision: precision == FULL)


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch, small_file: Path) -> list[Path]:
    """Builds are copies of the small file; those that were asked for."""
    built: list[Path] = []

    class Copied:
        def __init__(self, weights: Path, out: Path, key: Key) -> None:
            built.append(Path(shutil.copy(small_file, out)))

        def wait(self) -> None: ...

    monkeypatch.setattr(building, "Build", Copied)
    return built


def maker(weights: Path, precision: torch.dtype = FULL) -> Maker:
    return Maker("openvino", load_weights(weights)[0].eval(), weights, torch.device("cpu"), precision)


def test_in_fp32_both_outputs_are_those_of_torch(small_file: Path, random_weights: Path) -> None:
    session, pictures = OpenvinoSession(small_file.read_bytes(), 1, FULL), noise_and_edges(SMALL)
    before = pictures.clone()
    assert difference_to_torch(load_weights(random_weights)[0].eval(), session, pictures) < TOLERANCE / 10
    assert torch.equal(pictures, before)
    apart = session(pictures.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(apart, session(pictures), atol=1e-6, rtol=0)


@pytest.mark.filterwarnings("default")  # the exporter's own
@pytest.mark.usefixtures("bf16_here")
def test_bf16_is_bf16_and_as_far_off_as_torch_with_all_numbers_rounded(small_key: Key, tmp_path: Path) -> None:
    network, out = load_network(BUNDLED)[0].eval(), tmp_path / "bundled.onnx"
    write_onnx(network, out, SMALL, small_key.opset, {})
    pictures = noise_and_edges(SMALL)
    full, half = (
        difference_to_torch(network, OpenvinoSession(out.read_bytes(), 1, precision), pictures)
        for precision in (FULL, BF16)
    )
    assert full < TOLERANCE < 0.02 < half
    assert half <= tolerance(network, pictures, BF16, rounded=True) < 2


def test_a_precision_without_instructions_is_refused(small_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_session, "computes_in", lambda precision: False)
    with pytest.raises(Unavailable, match="this CPU has no instructions for bfloat16"):
        OpenvinoSession(small_file.read_bytes(), 1, BF16)


def test_what_the_cpu_computes_in_is_asked_of_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    assert computes_in(FULL)
    monkeypatch.setattr(openvino_session.openvino().Core, "get_property", lambda *_: ["FP32", "INT8", "WINOGRAD"])
    assert not computes_in(BF16)
    assert not computes_in(torch.float16)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_session_has_the_threads_that_it_is_given_and_binds_none(small_file: Path, threads: int) -> None:
    if threads > len(os.sched_getaffinity(0)):
        pytest.skip("so many cores are not here")
    cores = os.sched_getaffinity(0)
    session = OpenvinoSession(small_file.read_bytes(), threads, FULL)
    session(noise_and_edges(SMALL))
    names = ("INFERENCE_NUM_THREADS", "NUM_STREAMS", "ENABLE_CPU_PINNING")
    assert [session._compiled.get_property(name) for name in names] == [threads, 1, False]
    assert {tuple(os.sched_getaffinity(int(each))) for each in os.listdir("/proc/self/task")} == {tuple(cores)}


def test_pictures_and_answers_are_bound_where_they_lie(small_file: Path) -> None:
    session, bound = OpenvinoSession(small_file.read_bytes(), 1, FULL), dict[str, int]()
    inner = session._request

    class Recorded:
        infer = staticmethod(inner.infer)

        @staticmethod
        def set_tensor(name: str, tensor: Any) -> None:
            bound[name] = tensor.data.ctypes.data
            inner.set_tensor(name, tensor)

    session._request = Recorded
    pictures = noise_and_edges(SMALL)
    answers = session(pictures)
    pointers = [each.data_ptr() for each in (pictures, *answers)]
    assert bound == dict(zip(("images", "logits", "dataset_logits"), pointers, strict=True))
    kept = [each.clone() for each in answers]
    session(1 - pictures)
    assert all(torch.equal(each, other) for each, other in zip(answers, kept, strict=True)), "not overwritten"


def test_the_file_holds_its_key(small_file: Path, small_key: Key) -> None:
    assert OpenvinoSession(small_file.read_bytes(), 1, FULL).properties[KEY] == small_key.text


def test_a_file_without_metadata_has_no_properties(small_file: Path) -> None:
    import onnx

    bare = onnx.load_from_string(small_file.read_bytes())
    del bare.metadata_props[:]
    assert KEY not in OpenvinoSession(bare.SerializeToString(), 1, FULL).properties


@pytest.mark.parametrize("place", ["weights", "constant", "branch"])
def test_a_file_that_refers_to_another_is_refused(small_file: Path, place: str) -> None:
    """OpenVINO follows such references anywhere, ONNX Runtime none of them."""
    import onnx

    file, outside = onnx.load_from_string(small_file.read_bytes()), onnx.TensorProto(data_type=1, dims=[1], name="w")
    outside.data_location = onnx.TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="/etc/passwd")
    constant = onnx.helper.make_node("Constant", [], ["o"], value=outside)
    if place == "weights":
        file.graph.initializer.append(outside)
    elif place == "constant":
        file.graph.node.append(constant)
    else:
        branch = onnx.helper.make_graph([constant], "b", [], [])
        file.graph.node.append(onnx.helper.make_node("If", ["c"], ["o"], then_branch=branch, else_branch=branch))
    with pytest.raises(SetupError, match="refers to other files"):
        OpenvinoSession(file.SerializeToString(), 1, FULL)


def test_the_word_location_alone_is_no_reference(small_file: Path) -> None:
    import onnx

    file = onnx.load_from_string(small_file.read_bytes())
    file.doc_string = "the location"
    OpenvinoSession(file.SerializeToString(), 1, FULL)(noise_and_edges(SMALL))


def test_the_file_of_onnxruntime_is_opened_without_a_build(
    filled_cache: Path, random_weights: Path, small_key: Key, copied: list[Path]
) -> None:
    assert isinstance(maker(random_weights).made(small_key), OpenvinoSession)
    assert not copied
    assert [path.suffix for path in filled_cache.iterdir()] == [".onnx"]


@pytest.mark.parametrize("precision", [FULL, BF16])
@pytest.mark.parametrize("damage", ["cut off", "empty", "no protobuf", "of other weights"])
def test_a_damaged_file_is_built_anew(
    filled_cache: Path,
    random_weights: Path,
    small_file: Path,
    small_key: Key,
    copied: list[Path],
    damage: str,
    precision: torch.dtype,
) -> None:
    whole, path, digest = small_file.read_bytes(), filled_cache / small_file.name, small_key.weights.encode()
    damaged = {
        "cut off": whole[: len(whole) // 2],
        "empty": b"",
        "no protobuf": b"\xff" * 1000,
        "of other weights": whole.replace(digest, b"0" * len(digest)),
    }[damage]
    assert damaged != whole
    path.write_bytes(damaged)
    made = maker(random_weights, precision)
    session = made.made(small_key)
    assert session.properties[KEY] == small_key.text
    assert copied == [path]
    assert path.read_bytes() == whole
    assert not made.not_half or not computes_in(precision)


def test_an_engine_of_something_else_is_not_used(
    cache: Path, random_weights: Path, small_key: Key, copied: list[Path]
) -> None:
    other = Key("another", small_key.weights, SMALL, small_key.opset, small_key.versions)
    with pytest.raises(Unfit, match="its file was made of or with something else"):
        maker(random_weights, BF16).made(other)
    assert not list(cache.iterdir())


def test_one_that_differs_in_fp32_is_not_used(
    filled_cache: Path, random_weights: Path, small_key: Key, copied: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "difference_to_torch", lambda *_: 2 * TOLERANCE)
    with pytest.raises(Unfit, match=r"it differs from torch by 0\.002 nats, more than 0\.001"):
        maker(random_weights).made(small_key)


@pytest.mark.usefixtures("bf16_here", "filled_cache")
def test_bf16_that_differs_too_much_is_left_for_fp32(
    random_weights: Path, small_key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_fp32(network: nn.Module, pictures: Tensor, precision: torch.dtype, rounded: bool) -> float:
        return float(rounded and precision == FULL)

    monkeypatch.setattr(making, "tolerance", in_fp32)
    made = maker(random_weights, BF16)
    session = made.made(small_key)
    assert difference_to_torch(load_weights(random_weights)[0].eval(), session, noise_and_edges(SMALL)) < TOLERANCE
    assert made.not_half.startswith("it differs from torch by ")


@pytest.mark.usefixtures("filled_cache", "without_bf16")
def test_on_a_cpu_without_bf16_it_runs_in_fp32_and_says_so(random_weights: Path, small_picture: np.ndarray) -> None:
    segmenter = Segmenter.load(random_weights, "cpu", "bf16", -1, "openvino")
    wait_for_engine(segmenter, small_picture, "openvino")
    (warning,) = segmenter.engine_warnings
    assert warning == (
        "engine: openvino in fp32, and not in the precision that was asked for: "
        "this CPU has no instructions for bfloat16"
    )
    expected = Segmenter.load(random_weights, "cpu", "fp32", -1)(small_picture).score
    np.testing.assert_allclose(segmenter(small_picture).score, expected, atol=1e-4)


@pytest.mark.usefixtures("filled_cache")
def test_batches_and_other_sizes_get_engines_of_their_own(random_weights: Path, small_picture: np.ndarray) -> None:
    segmenter = Segmenter.load(random_weights, "cpu", "fp32", -1, "openvino", patient=True)
    plain = Segmenter.load(random_weights, "cpu", "fp32", -1)
    mirrored, wide = small_picture[:, ::-1].copy(), np.tile(small_picture, (1, 2, 1))
    for images in ([small_picture], [small_picture, mirrored], [wide]):
        for one, other in zip(segmenter.batch(images).scenes, plain.batch(images).scenes, strict=True):
            np.testing.assert_allclose(one.score, other.score, atol=1e-4)
            assert (one.semantic == other.semantic).mean() > 0.999  # but for ties
        assert segmenter.engine == "openvino"
    assert segmenter.engine_warnings == ()


@pytest.mark.filterwarnings("default")  # the exporter's own
@pytest.mark.parametrize("name", ["ldn121", pytest.param("deeplabv3plus_wrn38", marks=pytest.mark.slow)])
def test_other_architectures_answer_as_torch_does(name: str, tmp_path: Path, small_key: Key) -> None:
    torch.manual_seed(0)
    network: nn.Module = build_model(name, 5).eval()
    write_onnx(network, tmp_path / "network.onnx", SMALL, small_key.opset, {})
    session = OpenvinoSession((tmp_path / "network.onnx").read_bytes(), 1, FULL)
    assert difference_to_torch(network, session, noise_and_edges(SMALL)) < TOLERANCE


SPY = """
import sys
def hook(event, arguments):
    if event.startswith("socket.") and event != "socket.__new__":
        raise SystemExit(f"{event} {arguments}")
sys.addaudithook(hook)
from pathlib import Path
import torch
from densehybrid_ros.engines.key import Shape
from densehybrid_ros.engines.opening import noise_and_edges
from densehybrid_ros.engines.openvino_session import OpenvinoSession
session = OpenvinoSession(Path(sys.argv[1]).read_bytes(), 1, torch.float32)
session(noise_and_edges(Shape(1, 64, 96)))
print("before", *[name for name in sys.modules if name.startswith("openvino_telemetry")])
import openvino_telemetry
"""


def test_nothing_is_reported_to_anybody_and_python_ends_well(small_file: Path, tmp_path: Path) -> None:
    """`import openvino` alone reports itself; who else wants that package still finds it."""
    (tmp_path / "openvino_telemetry.py").write_text("print('loaded', __name__)")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT), *filter(None, sys.path)]),
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-c", SPY, str(small_file)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout) == (0, "before\nloaded openvino_telemetry\n"), ended.stderr
    assert not (tmp_path / "intel").exists()


def test_an_import_leaves_the_package_of_others_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs: Any = object()
    monkeypatch.setitem(sys.modules, "openvino_telemetry", theirs)
    openvino_session.openvino()
    assert sys.modules["openvino_telemetry"] is theirs


@pytest.mark.usefixtures("filled_cache")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_torch_answers_where_a_running_engine_fails(
    random_weights: Path, small_picture: np.ndarray, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    def exhausted(*_: Any) -> None:
        raise RuntimeError("Failed to allocate memory")

    segmenter = Segmenter.load(random_weights, "cpu", precision, -1, "openvino", patient=True)
    segmenter(small_picture)
    assert segmenter.engine == "openvino"
    monkeypatch.setattr(OpenvinoSession, "__call__", exhausted)
    segmenter(small_picture)
    assert segmenter.engine == "torch: openvino failed: RuntimeError: Failed to allocate memory"
