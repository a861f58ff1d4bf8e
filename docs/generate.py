"""python docs/generate.py: writes config/segmenter.yaml and the tables of the docs from the code that they describe.

Of the layouts of RViz and Foxglove in config/ it writes the names of topics alone; all else in them is set by hand.

A table stands between the lines `<!-- table: NAME -->` and `<!-- end -->` of any page here.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path

from densehybrid_ros import options, topics
from densehybrid_ros.nodes.evaluator.settings import EvaluatorSettings
from densehybrid_ros.nodes.player.settings import PlayerSettings
from densehybrid_ros.nodes.recorder.settings import RecorderSettings
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.nodes.tuner.settings import TunerSettings
from densehybrid_ros.topics import (
    ANOMALY,
    OBSTACLE_MARKERS,
    OBSTACLE_POINTS,
    OPEN_SET_COLOUR,
    OVERLAY,
    OVERLAY_JPEG,
    SEGMENTER,
    SEMANTIC_COLOUR,
    Topic,
)
from densehybrid_ros.training.baselines.settings import ScoreSettings
from densehybrid_ros.training.datasets import CHECKABLE
from densehybrid_ros.training.recipe.recipe import Recipe, SetSource

DOCS = Path(__file__).resolve().parent
CONFIG = DOCS.parent / "config"
PARAMETERS, RVIZ, FOXGLOVE = (CONFIG / name for name in ("segmenter.yaml", "camera.rviz", "foxglove_layout.json"))
IMAGES = {"Overlay": OVERLAY, "Semantic": SEMANTIC_COLOUR, "Anomaly": ANOMALY, "Open set": OPEN_SET_COLOUR}
OBSTACLES = {"Obstacle points": OBSTACLE_POINTS, "Obstacle markers": OBSTACLE_MARKERS}
"""What the layouts show, by the names of its displays in RViz."""
FOXGLOVE_IMAGES = IMAGES | {"Overlay": OVERLAY_JPEG}
"""Often shown over a network."""
SETTINGS = {
    "segmenter parameters": Settings,
    "player parameters": PlayerSettings,
    "recorder parameters": RecorderSettings,
    "evaluator parameters": EvaluatorSettings,
    "tuner parameters": TunerSettings,
    "recipe keys": Recipe,
    "set keys": SetSource,
    "score settings": ScoreSettings,
}
TOPICS = {"taken": topics.INPUTS, "published": topics.OUTPUTS, "ground truth": topics.TRUTHS}


def data_sets_table() -> str:
    """The records of the data sets as a table."""
    rows = ["| name | splits, the **reported** one | classes | below ROOT |", "|---|---|---|---|"]
    for each in CHECKABLE.values():
        splits = dict.fromkeys(filter(None, (*each.splits, each.reported)))
        listed = ", ".join(f"**{split}**" if split == each.reported else split for split in splits) or "none"
        rows += options.table_rows([f"`{each.name}`", listed, each.taxonomy.title], each.layout)
    return "\n".join(rows) + "\n"


TABLES: dict[str, Callable[[], str]] = {
    "data sets": data_sets_table,
    **{name: partial(options.markdown_table, kind) for name, kind in SETTINGS.items()},
    **{name: partial(topics.markdown_table, name, listed) for name, listed in TOPICS.items()},
}
PLACE = re.compile(r"(?<=^<!-- table: )([\w ]+)( -->\n).*?(?=^<!-- end -->$)", re.DOTALL | re.MULTILINE)
HEAD = """\
# Every parameter of the segmenter node, with its default. (live): changes at run time, from the next frame on; the
# others are read when the node is configured. An integer is taken for a double.
# Written by docs/generate.py from the settings of the node.
/**:
  ros__parameters:
"""
INDENT = "    "


def generated() -> dict[Path, str]:
    """What each file with something generated in it should hold."""
    pages = {path: PLACE.sub(_filled, path.read_text()) for path in sorted(DOCS.glob("*.md"))}
    return {PARAMETERS: parameter_file(), RVIZ: rviz_layout(), FOXGLOVE: foxglove_layout(), **pages}


def _filled(place: re.Match[str]) -> str:
    return place[1] + place[2] + TABLES[place[1]]()


def parameter_file() -> str:
    """All settings of the node, as a ROS parameter file."""
    text, group = HEAD, None
    for entry in options.settings_of(Settings):
        if entry.group is not group:
            group = entry.group
            text += "\n" + _comment(f"--- {(group.__doc__ or '').splitlines()[0]}")
        live, bounds = "(live) " if entry.live else "", f" ({entry.range_text})" if entry.range_text else ""
        text += _comment(f"{live}{entry.description}{bounds}")
        value = f"# {entry.name}: 0.0" if entry.is_unset else f"{entry.name}: {json.dumps(entry.default)}"
        text += f"{INDENT}{value}\n"
    return text


def rviz_layout() -> str:
    """The layout with the topics of its displays as they are now."""
    text = RVIZ.read_text()
    for name, topic in (IMAGES | OBSTACLES).items():
        display = rf"(?<=\n      Name: {name}\n)((?:      .*\n)*?        Value: )\w*/\S+"
        text = re.sub(display, rf"\g<1>{_shown(topic)}", text)
    return text


def foxglove_layout() -> str:
    """The layout with the topics of its panels as they are now."""
    layout = json.loads(FOXGLOVE.read_text())
    panels = layout["configById"]
    for name, topic in FOXGLOVE_IMAGES.items():
        panels[f"Image!{name.lower().replace(' ', '_')}"]["imageMode"]["imageTopic"] = f"/{_shown(topic)}"
    obstacles = panels["3D!obstacles"]
    names = [f"/{_shown(topic)}" for topic in OBSTACLES.values()]
    obstacles["topics"] = dict(zip(names, obstacles["topics"].values(), strict=True))
    return json.dumps(layout, indent=2) + "\n"


def _shown(topic: Topic) -> str:
    return topic.under(SEGMENTER)


def _comment(text: str) -> str:
    return textwrap.fill(text, 116, initial_indent=f"{INDENT}# ", subsequent_indent=f"{INDENT}# ") + "\n"


if __name__ == "__main__":
    for path, text in generated().items():
        if path.read_text() != text:
            path.write_text(text)
            print(f"{path} is renewed")
