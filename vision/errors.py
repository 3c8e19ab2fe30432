"""What goes wrong, and what is odd: both carry a code, which names their kind, and the offending value."""

from __future__ import annotations

from typing import Any


class UsageError(ValueError):
    """The caller named something that is missing or does not fit; the message says what and what to do.

    Messages speak of Python's arguments; the command line adds what its own options can do, by the code.

    Attributes:
        code: kind of mistake, in kebab case, such as "too-many-pixels".
        value: what was given, or None.
    """

    def __init__(self, message: str = "", *, code: str = "usage", value: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.value = value


class Notice(str):
    """A warning, in one line: text that also knows its kind.

    Attributes:
        code: kind of warning, in kebab case, such as "views-swapped".
        value: the figure that gave rise to it, or None.
    """

    code: str
    value: Any

    def __new__(cls, text: str, code: str, value: Any = None) -> Notice:
        """Text with a kind."""
        notice = super().__new__(cls, text)
        notice.code, notice.value = code, value
        return notice
