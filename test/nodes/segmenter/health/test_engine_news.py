"""What the log says of what runs the network."""

from __future__ import annotations

from densehybrid_ros.nodes.segmenter.health.engine_news import EngineNews


def test_changes_are_told_and_warnings_once() -> None:
    warned: list[str] = []
    told: list[str] = []
    news = EngineNews(warned.append, told.append)
    news.note("torch", ())
    for _ in range(2):
        news.note("torch, building onnxruntime 64x32", ())
    for _ in range(2):
        news.note("onnxruntime", ())
    assert told == ["engine: torch, building onnxruntime 64x32", "engine: onnxruntime"]
    for _ in range(3):
        news.note("torch: it failed", ("engine: it failed",))
    assert warned == ["engine: it failed"]
    assert len(told) == 2
