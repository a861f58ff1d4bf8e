"""The one error that is meant for users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Choice = TypeVar("Choice")
USER_ERROR = 2
"""Exit status of a process that a SetupError has ended."""


class SetupError(Exception):
    """What was found, what was wanted, and what to do next, in one line.

    Raised for everything that a user can put right: files, settings, input. Commands print it without a traceback and
    exit with status 2; the node logs it and stays in the state it was in. Programming errors stay `ValueError` or
    `assert`.
    """


def chosen(kind: str, name: str, choices: Mapping[str, Choice]) -> Choice:
    """The choice of that name; `kind` says what it is one of.

    Raises:
        SetupError: there is none; the message lists the choices.
    """
    if name not in choices:
        raise SetupError(f"{kind} '{name}' is unknown; choose one of {', '.join(choices)}")
    return choices[name]
