"""The node's settings while it runs: parameter changes are completed, checked as a whole, and swapped in whole.

Three parameters decide about one threshold. `target_tpr` > 0 looks it up in the calibration of the score; a threshold
that is set by itself switches `target_tpr` off; a new score brings the threshold stored for it. `threshold` always
shows the value in force.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.common.distributions import on_change
from densehybrid_ros.nodes.common.parameters import declare_settings, normalised, settings_after
from densehybrid_ros.nodes.segmenter.settings import LIVE, Settings
from densehybrid_ros.ranging.survey import drivable_ids


class LiveSettings:
    """`current` is replaced whole by the executor's thread and read once per step by the others."""

    def __init__(self, node: Node, changed: Callable[[], None]) -> None:
        """Declares all parameters on the node; `changed` is called after every change.

        Raises:
            SetupError: an unusable start-up override.
        """
        self._node, self._changed = node, changed
        self.current: Settings = declare_settings(node, Settings, "when the node is configured")
        self._segmenter: Segmenter | None = None
        self._held = False
        """Whether only LIVE settings may change."""
        self._brought: float | None = None
        """The last threshold that came from the weights and not from the user."""
        self._offered: float | None = None
        """The threshold that the change in hand would bring."""
        on_change(node, self._complete, self._check, self._apply)

    def hold(self) -> None:
        """From now on only LIVE settings change."""
        self._held = True

    def bind(self, segmenter: Segmenter) -> None:
        """Takes the threshold from the weights, unless the user gave one.

        Raises:
            SetupError: target_tpr is set and the weights hold no calibration for the score.
        """
        settings = self.current
        threshold = settings.threshold
        if settings.target_tpr > 0:
            threshold = self._brought = segmenter.threshold_for(settings.target_tpr, settings.score)
        elif math.isnan(threshold) or threshold == self._brought:
            threshold = self._brought = segmenter.default_threshold(settings.score)
        both = [
            Parameter("threshold", Parameter.Type.DOUBLE, threshold),
            Parameter("target_tpr", Parameter.Type.DOUBLE, settings.target_tpr),
        ]
        result = self._node.set_parameters_atomically(both)
        if not result.successful:
            raise SetupError(f"the threshold stored with the weights cannot be used: {result.reason}")
        self._segmenter = segmenter

    def release(self) -> None:
        """From now on all settings may change again."""
        self._segmenter, self._held = None, False

    def _complete(self, parameters: list[Parameter]) -> list[Parameter]:
        """Integers become doubles where wanted, and what else must follow from a change is added to it."""
        parameters = [normalised(Settings, parameter) for parameter in parameters]
        self._offered = None
        given = {parameter.name: parameter.value for parameter in parameters}
        alone = "threshold" in given and not given.keys() & {"target_tpr", "score"}
        if alone and self.current.target_tpr > 0 and given["threshold"] != self.current.threshold:
            return [*parameters, Parameter("target_tpr", Parameter.Type.DOUBLE, 0.0)]
        threshold = None if self._segmenter is None else self._threshold_after(parameters, self._segmenter)
        if threshold is None:
            return parameters
        self._offered = threshold
        others = [parameter for parameter in parameters if parameter.name != "threshold"]
        return [*others, Parameter("threshold", Parameter.Type.DOUBLE, threshold)]

    def _threshold_after(self, parameters: list[Parameter], segmenter: Segmenter) -> float | None:
        """The threshold that a change of target_tpr or score brings along; None where it brings none."""
        names = {parameter.name for parameter in parameters}
        if not names & {"target_tpr", "score"}:
            return None
        try:
            wanted = settings_after(self.current, [each for each in parameters if each.name != "threshold"])
            if wanted.target_tpr > 0:
                return segmenter.threshold_for(wanted.target_tpr, wanted.score)
        except SetupError:
            return None  # the check, which comes next, refuses the change with the reason
        is_new = wanted.score != self.current.score and wanted.score in segmenter.info.calibration
        return segmenter.default_threshold(wanted.score) if is_new and "threshold" not in names else None

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        """Refuses the whole change where any of it is wrong, or comes too late."""
        try:
            changed = settings_after(self.current, parameters)
            if self._segmenter is not None and changed.target_tpr > 0:
                self._segmenter.threshold_for(changed.target_tpr, changed.score)
            if self._segmenter is not None:
                drivable_ids(self._segmenter.info.classes, changed.drivable_classes, changed.road_gate)
        except SetupError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if self._held:
            for name in vars(changed):
                if name not in LIVE and getattr(changed, name) != getattr(self.current, name):
                    reason = f"{name} is read when the node is configured; deactivate and clean it up first"
                    return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _apply(self, parameters: list[Parameter]) -> None:
        before, self.current = self.current, settings_after(self.current, parameters)
        named = {parameter.name for parameter in parameters}
        if self._offered is not None:
            self._brought = self._offered
        elif self._segmenter is None and self.current.score != before.score and "threshold" not in named:
            self._brought = self.current.threshold  # another score's: the weights will bring theirs
        self._changed()
