"""What `vision export` knows of a task: its words, its options, and how its model becomes a graph."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from vision.cli.arguments import add_checkpoint

if TYPE_CHECKING:
    from vision.onnx.exportable import Exportable


class Task(NamedTuple):
    """One TASK of the command line. A named tuple, as the table of models is: the command line starts sooner.

    Attributes:
        names: what users call it; more than one where they are models of one kind.
        help: a few words for the list of tasks.
        description: inputs, outputs and what the sizes mean.
        add_options: adds what only this task has, to its parser.
        build: parsed arguments -> the model as a graph; takes the weights in. Raises UsageError.
        size: height and width where --size is not given; None leaves it to `build`.
        least: pixels that a side has at least.
        dynamic: what --dynamic lets differ, for --help; None where the task has no such graphs.
    """

    names: tuple[str, ...]
    help: str
    description: str
    add_options: Callable[[argparse.ArgumentParser], None]
    build: Callable[[argparse.Namespace], Exportable]
    size: tuple[int, int] | None
    least: int = 8
    dynamic: str | None = None


def add_weights(parser: argparse.ArgumentParser) -> None:
    """The options that name weights, which every task has."""
    add_checkpoint(parser)


def size_help(size: Any) -> str:
    """What --help says of --size."""
    return "of the images" + ("" if size is None else f" ({size[0]} {size[1]})")
