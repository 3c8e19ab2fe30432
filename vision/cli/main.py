"""The `vision` command: parse, run one subcommand, turn what goes wrong into one line and an exit code."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import vision
from vision.cli import batch, completion, doctor, export, forgery, models, serve, stereo, video
from vision.cli.output import printable
from vision.cli.process import USAGE_ERROR, leave, run_guarded


class _Parser(argparse.ArgumentParser):
    """Answers a wrong argument with one line instead of the whole usage; fails where its help cannot be written."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:  # argparse would say nothing of a full disk
            print(message, end="")
        else:
            super()._print_message(message, file)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {printable(message)} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; those of the process by default.

    Returns:
        Exit code: 0 done, 1 done in part, 2 bad usage, 130 interrupted, 129 and 143 told to end (SIGHUP, SIGTERM), 141
        reader gone; 3 see `vision forgery`.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names may hold what the terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    name = "vision"

    def work() -> int:
        nonlocal name
        parser = build_parser()
        completion.answer(parser)
        command = parser.parse_args(arguments)
        name = f"vision {command.name}"
        if getattr(command, "allow_download", False):
            from vision.hub import allow_downloads

            allow_downloads()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")  # malformed metadata does not concern the reader
            code: int = command.run(command)
            return code

    return run_guarded(work, lambda: name)


def console() -> NoReturn:
    """The command line as a process of its own."""
    leave(main())


def build_parser() -> argparse.ArgumentParser:
    """The parser of `vision` and its subcommands; each sets `run`, a function of the parsed arguments."""
    parser = _Parser(prog="vision", description=vision.__doc__)
    parser.add_argument("--version", action="version", version=f"vision {vision.__version__}")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", required=True)
    for module in (forgery, stereo, video, batch, serve, export, doctor, models, completion):
        module.add_command(commands)
    return parser
