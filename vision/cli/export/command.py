"""`vision export`: arguments and run; what a task has of its own is in a file of its name beside this."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision.cli.advice import usage_errors
from vision.cli.arguments import at_least
from vision.cli.export import classification, forgery, stereo, video
from vision.cli.export.calibration import add_int8, calibration_images, write_int8
from vision.cli.export.task import Task, size_help
from vision.cli.process import say
from vision.cli.targets import add_overwrite, require_free
from vision.errors import UsageError

if TYPE_CHECKING:
    from vision.onnx.exportable import Exportable

DONE, DIFFERS = 0, 1
TASKS: tuple[Task, ...] = (forgery.TASK, stereo.TASK, video.TASK, classification.TASK)
# Endings of the names of files, by format. The first is what a name without any of these endings becomes.
SUFFIXES = {"onnx": ".onnx", "pt2": ".pt2"}

_FORMATS = """\
onnx is one graph of standard operators, for onnxruntime and others; pt2 is a program of torch.export, for PyTorch
alone. Both say inside what they are: normalization, labels, calibration, sizes, license, paper."""

_EPILOG = """\
exit codes:
  0   the file was written (and agrees, with --check)
  1   with --check: the file differs from PyTorch by more than the task allows; it is there
  2   bad usage: arguments, weights, a missing package, a file that cannot be written"""


def add_command(commands: Any) -> None:
    """Add the subcommand to argparse's `commands`."""
    export = commands.add_parser(
        "export",
        help="write a model for other runtimes",
        description="Write a model as ONNX, or as a program of torch.export.",
    )
    tasks = export.add_subparsers(dest="task", metavar="TASK", required=True)
    for task in TASKS:
        _add_task(tasks, task)


def _add_task(tasks: Any, task: Task) -> None:
    parser = tasks.add_parser(
        task.names[0],
        aliases=task.names[1:],
        help=task.help,
        description=f"{task.description}\n\n{_FORMATS}",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, exporter=task)
    parser.add_argument("place", nargs="?", metavar="OUT", help="file to write, as -o names it")
    parser.add_argument("-o", "--output", metavar="FILE", help="file to write")
    parser.add_argument(
        "--format", choices=list(SUFFIXES), help="what it is; by default the name says so, and onnx if it does not"
    )
    task.add_options(parser)
    parser.add_argument(
        "--size", nargs=2, type=at_least(task.least), default=task.size, metavar=("H", "W"), help=size_help(task.size)
    )
    parser.add_argument("--dynamic", action="store_true", help=task.dynamic or argparse.SUPPRESS)
    add_overwrite(parser)
    parser.add_argument("--check", action="store_true", help="run the file and compare with PyTorch")
    add_int8(parser)


def run(command: argparse.Namespace) -> int:
    """Export, and compare if that is asked for.

    Returns:
        Exit code: 0 done, 1 the file differs.

    Raises:
        UsageError: exit code 2.
    """
    task: Task = command.exporter
    output = _output(command)
    format = command.format = _format(output, command.format)
    images = calibration_images(command, format)
    inputs = [*images, *([] if command.checkpoint is None else [command.checkpoint])]
    require_free(str(output), "OUT", inputs, command.overwrite)
    if command.dynamic and task.dynamic is None:
        raise UsageError(f"{command.task} models are exported for one size; leave out --dynamic, and name it by --size")
    with usage_errors(), _missing_packages():
        _require_packages(format, "--check" if command.check else "--int8" if command.int8 else None)
        command.format = format
        exportable = task.build(command)
        _write(exportable, output, format, images)
    return _check(exportable, output, format, command.int8) if command.check else DONE


def _write(exportable: Exportable, output: Path, format: str, images: list[str]) -> None:
    from vision.onnx.formats import FORMATS

    if images:
        write_int8(exportable, output, images)
    else:
        FORMATS[format].write(exportable, output)
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, images of {_sizes(exportable)}")


def _sizes(exportable: Exportable) -> str:
    sizes = exportable.metadata.get("sizes", {})
    if "least" not in sizes:
        return "{} x {} (height x width)".format(*exportable.size)
    steps = f", multiples of {sizes['multiple']}" if sizes["multiple"] > 1 else ""
    return f"any size with sides from {sizes['least']} to {sizes['most']}{steps}"


def _check(exportable: Exportable, output: Path, format: str, is_int8: bool) -> int:
    from vision.onnx import parity
    from vision.onnx.formats import FORMATS

    unit = f" {exportable.unit}" if exportable.unit else ""
    found = parity.compare(exportable, output, format)
    for size, difference in found:
        at = f" at {size[0]} x {size[1]}" if len(found) > 1 else ""
        figure = f"{difference:.4f}" if exportable.unit else f"{difference:.1e}"
        print(f"{FORMATS[format].runtime} differs from PyTorch by at most {figure}{unit}{at}")
    # What 8 bits lose is no fault, and random images do not tell how much it is.
    if not is_int8 and max(part.difference for part in found) > exportable.tolerance:
        say(f"vision export: that is more than {exportable.tolerance:g}{unit}; do not use this file")
        return DIFFERS
    return DONE


def _output(command: argparse.Namespace) -> Path:
    """The one name of the file, which can be written as far as can be known before."""
    names = [name for name in (command.place, command.output) if name is not None]
    if len(names) != 1:
        found = "none" if not names else f"{names[0]!r} and {names[1]!r}"
        raise UsageError(f"expected one file to write, as -o FILE names it, got {found}")
    output = Path(names[0])
    folder = Path(os.path.realpath(output)).parent
    if not output.parent.is_dir() or not os.access(folder, os.W_OK) or output.is_dir():
        raise UsageError(
            f"{names[0]!r} cannot be written; expected the name of a file in a folder that exists and may be written to"
        )
    return output


def _format(output: Path, named: str | None) -> str:
    """The format of the file: what was named, where the name of the file does not say another."""
    told = next((format for format, suffix in SUFFIXES.items() if output.suffix.lower() == suffix), None)
    if named is not None and told is not None and named != told:
        better = output.with_suffix(SUFFIXES[named])
        raise UsageError(
            f"{str(output)!r} is the name of a file of format {told}, and --format is {named}; "
            f"call it {better.name!r}, or leave out --format"
        )
    return named or told or next(iter(SUFFIXES))


def _require_packages(format: str, running: str | None) -> None:
    """Before the minutes that making the file takes."""
    import importlib.util

    if format != "onnx":
        return
    from vision.onnx.exporter import require_packages

    require_packages()
    if running and importlib.util.find_spec("onnxruntime") is None:
        raise UsageError(
            f"{running} needs onnxruntime: pip install 'neighborhood-vision[onnx]'", code="missing-package"
        )


@contextmanager
def _missing_packages() -> Iterator[None]:
    """A package that is missing is for the user to install: the message says how."""
    try:
        yield
    except ImportError as error:
        raise UsageError(str(error), code="missing-package", value=error.name) from error
