"""What a command's options can do about an error or a warning, by its code. Only the command line names options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vision.errors import UsageError

# The library says what is wrong, in terms of Python's arguments; this follows it.
ADVICE = {
    "frame-rates-differ": "the option is --fps",
    "image-out-of-memory": "the option is --max-pixels",
    "match-out-of-memory": "the options are --tile, --scale and --max-size",
    "no-foundation": "name a file with --foundation",
    "no-onnx-file": "make one with vision export, and name it with --checkpoint",
    "no-published-weights": "or allow it with --allow-download",
    "no-weights": "name a file with --checkpoint, or weights of vision models --published",
    "not-a-number-in-half": "the option is --precision",
    "other-variant": "the option is --model",
    "report-exists": "the option is --overwrite",
    "taken-as-rectified": "the option is --rectify",
    "tile-out-of-memory": "the options are --tile and --max-size",
    "too-large-to-recompress": "the option is --robust",
    "too-many-pixels": "raise it with --max-pixels",
    "views-unrectified": "the options are --rectify and --calib",
    "wrong-task": "the options are --flow and --model",
}


def advised(text: str, source: Any = None) -> str:
    """A message and what the options can do about it.

    Args:
        text: of the message.
        source: the error or the notice that has the code; `text` itself by default.
    """
    source = text if source is None else source
    code = getattr(source, "code", "")
    advice = ADVICE.get(code)
    if code == "no-published-weights":
        from vision.hub import is_permitted

        advice = None if is_permitted() else advice  # what forbids them is then another thing
    return f"{text}; {advice}" if advice else str(text)


@contextmanager
def usage_errors() -> Iterator[None]:
    """What does not fit is the user's affair: a ValueError of the library ends the command with one line."""
    try:
        yield
    except UsageError:  # CheckpointError is one
        raise
    except ValueError as error:
        raise UsageError(str(error)) from error
