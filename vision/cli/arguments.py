"""Kinds of arguments that argparse does not have; what is wrong with one is told in a line."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence


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
        value = number(text)
        if not least <= value <= most:
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
