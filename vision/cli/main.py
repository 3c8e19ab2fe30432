"""The `vision` command: parse, run one subcommand, turn what goes wrong into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import vision
from vision.cli import doctor, export, forgery, models, stereo
from vision.cli.advice import advised
from vision.cli.output import printable
from vision.errors import UsageError

USAGE_ERROR = 2
INTERRUPTED = 130
SIGNALED = 128  # and the number of the signal, as shells have it
BROKEN_PIPE = 141


class _Ended(BaseException):
    """The process was told to end, by the signal of this number."""


class _Parser(argparse.ArgumentParser):
    """Answers a wrong argument with one line instead of the whole usage."""

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
    command = build_parser().parse_args(arguments)
    try:
        with _ending_cleanly(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")  # malformed metadata does not concern the reader
            code = command.run(command)
        sys.stdout.flush()
        return code
    except UsageError as error:
        print(f"vision {command.name}: {printable(' '.join(advised(str(error), error).split()))}", file=sys.stderr)
        return USAGE_ERROR
    except _Ended as ended:
        [number] = ended.args
        print(f"vision {command.name}: ended by {signal.Signals(number).name}", file=sys.stderr)
        return SIGNALED + number
    except KeyboardInterrupt:
        print(f"vision {command.name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at exit: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:  # reading is guarded image by image: what is left is output, such as a full disk
        print(f"vision {command.name}: cannot write: {printable(str(error))}", file=sys.stderr)
        return USAGE_ERROR


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does: no temporary file stays. One that is ignored stays so."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        before = {number: signal.SIG_DFL for number in signals if signal.getsignal(number) is signal.SIG_DFL}

    def end(number: int, frame: FrameType | None) -> None:
        for other in before:  # systemd and terminals send several: the first does
            signal.signal(other, signal.SIG_IGN)
        raise _Ended(number)

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def build_parser() -> argparse.ArgumentParser:
    """The parser of `vision` and its subcommands; each sets `run`, a function of the parsed arguments."""
    parser = _Parser(prog="vision", description=vision.__doc__)
    parser.add_argument("--version", action="version", version=f"vision {vision.__version__}")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", required=True)
    for module in (forgery, stereo, export, doctor, models):
        module.add_command(commands)
    return parser
