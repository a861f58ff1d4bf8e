"""What the benchmark of late disparity prints is what the node does: late distances are waited for, up to a bound."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "late_disparity.py"


@pytest.fixture
def benchmark_script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = spec_from_file_location("late_disparity", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    for each in (module.range_input, module.range_work):  # the benchmark gives both a clock of its own
        monkeypatch.setattr(each, "time", each.time)
    return module


@pytest.mark.alone  # distances that come in time
def test_disparity_later_than_two_frames_still_gives_every_range(
    benchmark_script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark_script.main(["--frames", "18", "--delays", "400", "900"])
    in_time, too_late = capsys.readouterr().out.splitlines()
    obstacles = int(in_time.split()[4])
    assert obstacles > 0
    assert in_time.startswith(f"400 ms: {obstacles} of {obstacles} obstacles with a range")
    assert too_late.startswith(f"900 ms: 0 of {obstacles} obstacles with a range")
    assert "range_wait 0.5 s" in too_late
