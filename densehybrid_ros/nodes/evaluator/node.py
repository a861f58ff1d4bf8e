"""The node `evaluator`: judges a segmenter's anomaly score while it runs, overall and by distance.

Subscribes to the score of NODE, its binary ground truth and the disparity, and matches them by stamp. Publishes the
table so far as JSON every period; at the end it goes to the log and to `out`. A stamp that was judged before, as in a
looping bag, does not count again.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from rclpy.clock import Clock
from rclpy.exceptions import InvalidTopicNameException
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import String
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.errors import USER_ERROR, SetupError
from densehybrid_ros.files import write_whole
from densehybrid_ros.metrics.by_range import RangeTable, table_dict, table_text
from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.table import percents_text
from densehybrid_ros.nodes.common.complaints import Complaints
from densehybrid_ros.nodes.common.distributions import ClockType, publisher_count
from densehybrid_ros.nodes.common.parameters import declare_settings
from densehybrid_ros.nodes.common.running import run_node
from densehybrid_ros.nodes.common.stamps import CLOCK_JUMP, nanoseconds
from densehybrid_ros.nodes.common.topics import patient_subscription, publisher, wait_for_arrival
from densehybrid_ros.nodes.evaluator.judging import Counts, Frame, counts_dict, judge
from densehybrid_ros.nodes.evaluator.settings import EvaluatorSettings
from densehybrid_ros.nodes.evaluator.truth_matching import TruthMatcher
from densehybrid_ros.topics import ANOMALY, ANOMALY_TRUTH, DISPARITY, REPORT

DIGITS = re.compile(r"[0-9]+")


class EvaluatorNode(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("evaluator")
        settings = self._settings = declare_settings(self, EvaluatorSettings)
        self._out = _checked_out(Path(settings.out)) if settings.out else None
        self._table, self._counts = RangeTable(), Counts()
        self._matcher: TruthMatcher[Image, DisparityImage] = TruthMatcher(
            round(settings.sync_tolerance * 1e9), CLOCK_JUMP
        )
        self._complaints = Complaints(self.get_logger().warning)
        self._last_message: float | None = None
        """Steady time; None before the first score."""
        self.problem = ""
        """Why the table could not be written at the end."""
        try:
            patient_subscription(self, ANOMALY, self._score, ANOMALY.under(settings.node))
        except InvalidTopicNameException as error:
            raise SetupError(f"node '{settings.node}' cannot be part of a topic; give a node's name") from error
        patient_subscription(self, ANOMALY_TRUTH, self._truth)
        self._disparities = patient_subscription(self, DISPARITY, self._disparity)
        self._report = publisher(self, REPORT)
        self.create_timer(settings.period, self.report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def finished(self) -> bool:
        """Whether enough was judged, or nothing comes any more."""
        limit, timeout = self._settings.frames, self._settings.idle_timeout
        if self._has_enough():
            # what waits for a disparity is judged at the end, but not before one can come
            return self._counts.judged >= limit or publisher_count(self, self._disparities) == 0
        idle = 0.0 if self._last_message is None else time.monotonic() - self._last_message
        return bool(timeout) and idle > timeout

    def report(self) -> None:
        """Publishes the table and logs its overall row."""
        rows = self._table.rows()
        table = table_dict(rows)
        self._report.publish(String(data=json.dumps({"frames": self._frames(), **table})))
        self.get_logger().info(f"{self._counts.judged} frames: {percents_text(Ranking.titles(), table)}")

    def finish(self) -> None:
        """Judges what is left, logs the table, writes it, and waits until the last report has arrived."""
        self._judge(self._matcher.finish())
        self.report()
        rows, frames = self._table.rows(), self._frames()
        text = f"{table_text(rows)}\nframes: {', '.join(f'{count} {name}' for name, count in frames.items())}"
        self.get_logger().info(f"score of {self._settings.node}\n{text}")
        if self._out is not None:
            report = {"node": self._settings.node, "frames": frames, **table_dict(rows)}
            try:
                write_whole(self._out.with_suffix(".txt"), text + "\n")
                write_whole(self._out, json.dumps(report, indent=2) + "\n")
            except SetupError as error:
                self.problem = str(error)
        wait_for_arrival(self, [self._report])

    def _score(self, message: Image) -> None:
        self._last_message = time.monotonic()
        if self._has_enough():
            self._judge(self._matcher.passed())
        else:
            self._judge(self._matcher.offer_score(nanoseconds(message.header.stamp), message))

    def _truth(self, message: Image) -> None:
        self._heard()
        if not self._has_enough():
            self._judge(self._matcher.offer_truth(nanoseconds(message.header.stamp), message))

    def _disparity(self, message: DisparityImage) -> None:
        self._heard()
        self._judge(self._matcher.offer_disparity(nanoseconds(message.header.stamp), message))

    def _heard(self) -> None:
        self._last_message = None if self._last_message is None else time.monotonic()

    def _has_enough(self) -> bool:
        limit = self._settings.frames
        return 0 < limit <= self._counts.judged + self._matcher.waiting

    def _judge(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._judge_one(frame)

    def _judge_one(self, frame: Frame) -> None:
        try:
            judge(frame, self._table, self._counts)
        except Exception as error:  # whatever is in one frame, the others are judged
            self._counts.refused += 1
            kind = (type(error), DIGITS.sub("", str(error)))  # the same with other numbers is no news
            self._complaints.once(kind, f"frame not judged: {type(error).__name__}: {error}")

    def _frames(self) -> dict[str, Any]:
        matcher = self._matcher
        return counts_dict(self._counts, matcher.unmatched, matcher.repeated, matcher.waiting)


def _checked_out(out: Path) -> Path:
    """The file, if the table can be written there and beside it; looked at now, not after hours of judging."""
    if out.suffix == ".txt":
        raise SetupError(f"out is {out}, but the table for readers takes this name; let it end in .json")
    if out.is_dir() or not out.parent.is_dir():
        what = "is a folder" if out.is_dir() else "is in a folder that does not exist"
        raise SetupError(f"out {out} {what}; give a file in a folder that exists")
    return out


def main(arguments: list[str] | None = None) -> None:
    nodes: list[EvaluatorNode] = []

    def make() -> EvaluatorNode:
        nodes.append(EvaluatorNode())
        return nodes[-1]

    run_node(make, lambda node: None, EvaluatorNode.finish, lambda node: node.finished, arguments, survives=True)
    if nodes and nodes[0].problem:
        print(f"error: {nodes[0].problem}", file=sys.stderr)
        sys.exit(USER_ERROR)
