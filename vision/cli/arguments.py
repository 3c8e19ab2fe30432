"""Kinds of arguments that argparse does not have; what is wrong with one is told in one line."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any


def count(text: str) -> int:
    """A whole number from 1 on."""
    return at_least(1)(text)


def at_least(least: int) -> Callable[[str], int]:
    """A whole number from `least` on."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} on, got {text!r}")
        return value

    return parse


def positive(text: str) -> float:
    """A number above 0."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def between(least: float, most: float) -> Callable[[str], float]:
    """A number of a range."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:  # NaN is not, either
            raise argparse.ArgumentTypeError(f"expected a number from {least:g} to {most:g}, got {text!r}")
        return value

    return parse


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}")
    return value


def add_file_options(group: Any, options: str = "--csv") -> None:
    """What happens to the file of --csv when it is there already; --help tells it beside --csv.

    Args:
        group: of arguments.
        options: that --overwrite is for.
    """
    kind = group.add_mutually_exclusive_group()
    kind.add_argument("--overwrite", action="store_true", help=f"let {options} replace a file that is there")
    kind.add_argument(
        "--resume",
        action="store_true",
        help="go on with the file of --csv, of a run of the same list and options that was ended",
    )


def add_checkpoint(group: Any, more: str = "") -> None:
    """Weights by file, folder or name, and whether they may be fetched; `more` is what else a command takes."""
    group.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="weights instead of the shipped ones: a file, a folder of save_pretrained, a name of vision models "
        f"--published{more}",
    )
    add_allow_download(group)


def add_allow_download(group: Any) -> None:
    """The option that lets weights be fetched, as `NBV_ALLOW_DOWNLOAD=1` does."""
    group.add_argument(
        "--allow-download", action="store_true", help="fetch published weights that are not on this machine"
    )


def add_old_name(group: Any, old: str, new: str, **options: Any) -> None:
    """Let an option go on working under the name that it had, with a warning on stderr; --help does not show it.

    Args:
        group: parser or group of arguments that has the option.
        old: name that it had, such as "--weights".
        new: name that it has.
        options: as those of the new name, for `add_argument`.
    """
    dest = new.lstrip("-").replace("-", "_")
    group.add_argument(
        old, action=_OldName, dest=dest, new=new, help=argparse.SUPPRESS, default=argparse.SUPPRESS, **options
    )


def add_old_switch(group: Any, old: str, new: str) -> None:
    """Let a switch whose name had another word go on working, silently: it is not worth a line in every log."""
    dest = new.lstrip("-").replace("-", "_")
    group.add_argument(old, action="store_true", dest=dest, help=argparse.SUPPRESS, default=argparse.SUPPRESS)


class _OldName(argparse.Action):
    """Stores the value under the new name."""

    def __init__(self, option_strings: Sequence[str], dest: str, new: str, **options: Any) -> None:
        super().__init__(option_strings, dest, **options)
        self.new = new

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        print(f"{parser.prog}: warning: {self.option_strings[0]} is deprecated; use {self.new}", file=sys.stderr)
        setattr(namespace, self.dest, values)


def several(names: Sequence[str]) -> Callable[[str], list[str]]:
    """Some of these names, separated by commas."""

    def parse(text: str) -> list[str]:
        found = [word.strip() for word in text.split(",") if word.strip()]
        unknown = [word for word in found if word not in names]
        if unknown or not found:
            problem = repr(unknown[0]) if unknown else "nothing"
            raise argparse.ArgumentTypeError(f"expected some of {','.join(names)} separated by commas, got {problem}")
        return found

    return parse
