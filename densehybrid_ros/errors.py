"""The one error that is meant for users."""

USER_ERROR = 2
"""Exit status of a process that a SetupError has ended."""


class SetupError(Exception):
    """What was found, what was wanted, and what to do next, in one line.

    Raised for everything that a user can put right: files, settings, input. Commands print it without a traceback and
    exit with status 2; the node logs it and stays in the state it was in. Programming errors stay `ValueError` or
    `assert`.
    """
