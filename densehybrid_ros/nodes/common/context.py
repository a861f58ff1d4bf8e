"""rclpy from its start to its end; what it refuses there is the user's: arguments, parameter files, environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.impl.logging_severity import LoggingSeverity
from rclpy.logging import get_logger_effective_level, set_logger_level
from rclpy.signals import SignalHandlerOptions

from densehybrid_ros.errors import SetupError

HIGHEST_DOMAIN = 232
"""Beyond, DDS has no ports."""
RCL = "rcl"
PLACE = re.compile(r",? at \S+:\d+")
"""In the errors of rcl: where in its sources they arose."""
ADVICE = {
    "params file": "mend the file, or give another to --params-file",
    "log directory": "name a folder that can be written in ROS_LOG_DIR",
    "logging directory": "name a folder that can be written in ROS_LOG_DIR",
}


@contextmanager
def ros(arguments: list[str] | None) -> Iterator[None]:
    """Between rclpy.init and its shutdown; without its handlers of signals.

    They raise KeyboardInterrupt wherever the interpreter happens to be, half-way through a callback or the clean-up.

    Raises:
        SetupError: arguments, parameter file, ROS_DOMAIN_ID, or a log folder that cannot be written.
    """
    _check_domain(os.environ.get("ROS_DOMAIN_ID", ""))
    set_logger_level(RCL, LoggingSeverity.FATAL)  # says half of what the exception says
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # rcl's own are of several kinds, all of them about what the user gave
        raise SetupError(_reason(error)) from error
    if get_logger_effective_level(RCL) == LoggingSeverity.FATAL:  # not set by --log-level rcl:=…
        set_logger_level(RCL, LoggingSeverity.UNSET)
    try:
        yield
    finally:
        rclpy.try_shutdown()


def _check_domain(text: str) -> None:
    if text and not (re.fullmatch("[0-9]+", text) and int(text) <= HIGHEST_DOMAIN):
        raise SetupError(f"ROS_DOMAIN_ID is '{text}'; give a whole number from 0 to {HIGHEST_DOMAIN}")


def _reason(error: Exception) -> str:
    """rcl's message in one line, with what to do."""
    text = " ".join(PLACE.sub("", str(error)).split()).removeprefix("failed to initialize rcl: ").rstrip(" ,.")
    if type(error).__name__ == "UnknownROSArgsError":
        text = f"argument {text} is unknown to ROS"
    return "; ".join([text, *(advice for what, advice in ADVICE.items() if what in text)])
