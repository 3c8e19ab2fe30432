"""How a command or a tool ends: whatever goes wrong becomes one line on stderr and an exit code."""

from __future__ import annotations

import atexit
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

from vision.cli.advice import advised
from vision.errors import UsageError, printable

USAGE_ERROR = 2
INTERRUPTED = 130
SIGNALED = 128  # and the number of the signal, as shells have it
BROKEN_PIPE = 141

Main = Callable[[Sequence[str] | None], int]


class _Ended(BaseException):
    """The process was told to end, by the signal of this number."""


def program(main: Callable[..., int]) -> Callable[..., int]:
    """A `main` of a tool, which ends as the `vision` command does."""

    @functools.wraps(main)
    def guarded(*arguments: object, **options: object) -> int:
        return run_guarded(lambda: main(*arguments, **options), lambda: Path(sys.argv[0]).name)

    return guarded


def run_guarded(work: Callable[[], int], name: Callable[[], str]) -> int:
    """Run something and return its exit code, or that of what went wrong.

    Args:
        work: returns the exit code; SystemExit is passed on.
        name: of the program, for messages; asked when it is needed.

    Returns:
        What `work` returns; 2 a mistake of the user, output that cannot be written; 130 interrupted; 129 and 143 told
        to end (SIGHUP, SIGTERM); 141 the reader of standard output is gone.
    """
    _hold_closed_streams()
    try:
        if sys.stdout is None:
            raise UsageError("standard output is closed; expected a place for the results, such as /dev/null")
        with _ending_cleanly():
            try:
                code = work()
            finally:
                _flush()
        return code
    except UsageError as error:
        return _failed(name(), " ".join(advised(str(error), error).split()))
    except _Ended as ended:
        [number] = ended.args
        say(f"{name()}: ended by {signal.Signals(number).name}")
        return SIGNALED + number
    except KeyboardInterrupt:
        say(f"{name()}: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _discard(sys.stdout)
        return BROKEN_PIPE
    except OSError as error:
        _discard(sys.stdout)  # it may be that
        return _failed(name(), _line_of(error))
    except ValueError as error:  # the library's: an argument or a file does not fit
        return _failed(name(), " ".join(str(error).split()))


def leave(code: int) -> NoReturn:
    """End the process with this exit code, as `sys.exit` does, also while a thread runs a model that nobody waits for.

    Python ends such threads in the middle of what they do, and PyTorch's C++ then aborts the process.
    """
    if not any(thread.daemon for thread in threading.enumerate()):
        sys.exit(code)
    threading._shutdown()  # type: ignore[attr-defined]  # what Python itself does first, and in this order
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def say(line: str) -> None:
    """A line on stderr, without control characters. Where nobody can read it, the work goes on."""
    try:
        print(printable(line), file=sys.stderr)
    except (OSError, ValueError):  # closed, full, or its reader is gone
        _discard(sys.stderr)


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


def _hold_closed_streams() -> None:
    """Keep the numbers of standard streams from files: what a library prints would end up in them."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stderr is None:  # print would take standard output instead
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (until the end)


def _failed(name: str, reason: str) -> int:
    say(f"{name}: {reason}")
    return USAGE_ERROR


def _line_of(error: OSError) -> str:
    name = error.filename2 or error.filename
    if name is None:
        return f"cannot write to standard output ({error.strerror or error})"  # files are named
    return f"cannot read or write {os.fspath(name)!r} ({error.strerror})"


def _flush() -> None:
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from None


def _discard(stream: TextIO | None) -> None:
    """Python flushes the standard streams once more at exit: let that go nowhere."""
    with suppress(OSError, ValueError, AttributeError):  # one of a test has no number
        if stream is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
