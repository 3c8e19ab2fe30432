"""The files that `vision video` writes: told before the model is loaded if one cannot be."""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import suppress

from vision.cli.targets import STDIN, require_free
from vision.cli.video.source import Source
from vision.errors import UsageError

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v")


def check_targets(command: argparse.Namespace, source: Source) -> None:
    """Check that what -o, --mot and --state name can be written.

    Raises:
        UsageError: a name is that of an input, of something that is there without --overwrite, or of another option;
            that of standard output; a folder is missing or cannot be written.
    """
    inputs = [*source.files(), *(path for path in (command.checkpoint, command.config) if path is not None)]
    taken: dict[str, str] = {}
    for option, path in (("-o", command.output), ("--mot", command.mot), ("--state", command.state)):
        if path is None:
            continue
        if path in (STDIN, ""):
            raise UsageError(
                f"{option} {path!r} names no file; expected one, or see --jsonl for lines on standard output"
            )
        if option == "-o" and os.path.splitext(path)[1].lower() not in VIDEO_SUFFIXES:
            raise UsageError(
                f"-o {path!r} is no name of a video; expected one that ends in {', '.join(VIDEO_SUFFIXES)}"
            )
        if _is_standard_stream(path):
            raise UsageError(f"{option} {path!r} is where the lines of this run go; expected a file of its own")
        # A state goes on under its own name, if that is allowed: the next run of a camera begins where this one ended.
        resumed = [command.resume] if command.resume is not None and option != "--state" else []
        require_free(path, option, [*inputs, *resumed], command.overwrite)
        _check_folder(path, option)
        place = os.path.realpath(path)
        if place in taken:
            raise UsageError(f"{option} and {taken[place]} both name {path!r}; choose another name for one of them")
        taken[place] = option


def _check_folder(path: str, option: str) -> None:
    advice = "a folder that is there and writable"
    try:
        with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))):
            pass
        advice = "another name"
        with suppress(FileNotFoundError):
            os.lstat(path)  # a name may be too long
    except OSError as error:
        raise UsageError(f"{option} {path!r} cannot be written ({error.strerror}); choose {advice}") from None


def _is_standard_stream(path: str) -> bool:
    """Whether it is the file that standard output or standard error go to."""
    for number in (1, 2):
        with suppress(OSError):
            if os.path.samestat(os.stat(path), os.fstat(number)):
                return True
    return False
