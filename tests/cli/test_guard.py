"""How commands and tools end: one line and an exit code, whatever goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vision.cli.main import main
from vision.cli.process import program, run_guarded, say
from vision.errors import UsageError

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[2]


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("a\nb"), 2, "tool: a b\n"),
        (ValueError("no\x1b[2J"), 2, "tool: no\\x1b[2J\n"),
        (
            OSError(28, "No space left on device", "a.csv"),
            2,
            "tool: cannot read or write 'a.csv' (No space left on device)\n",
        ),
        (
            OSError(18, "Cross-device link", "a", None, "b\x1b"),
            2,
            "tool: cannot read or write 'b\\x1b' (Cross-device link)\n",
        ),
        (OSError(5, "Input/output error"), 2, "tool: cannot write to standard output (Input/output error)\n"),
        (KeyboardInterrupt(), 130, "tool: interrupted\n"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
    ],
)
def test_what_goes_wrong_is_a_line(error: BaseException, code: int, line: str, capsys: Capture) -> None:
    assert run_guarded(raising(error), lambda: "tool") == code
    assert capsys.readouterr().err == line


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_tools_clean_up_when_they_are_told_to_end(
    name: str, code: int, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, cleaned = getattr(signal, name), []
    before = signal.signal(number, signal.SIG_DFL)

    @program
    def tool(argv: list[str]) -> int:
        """Ends itself."""
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            cleaned.append(argv)
        return 0

    monkeypatch.setattr("sys.argv", ["tools/some_tool.py"])
    try:
        assert tool(["x"]) == code and cleaned == [["x"]] and signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert capsys.readouterr().err == f"some_tool.py: ended by {name}\n"


def test_every_tool_ends_so() -> None:
    unguarded = [
        path.name
        for path in sorted((ROOT / "tools").glob("*.py"))
        if "\ndef main(" in path.read_text() and "\n@program\ndef main(" not in path.read_text()
    ]
    # Of the framework, which handles signals in its own way; and a worker that another interpreter runs, without us.
    assert set(unguarded) <= {"test.py", "train.py", "hog_people.py"}


class Full:
    """A stream of a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_standard_output_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr("sys.stdout", Full())
    for arguments in (["models"], ["--help"], ["--version"]):
        assert main(arguments) == 2
        assert "No space left on device" in capsys.readouterr().err


def test_what_nobody_can_read_does_not_end_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Full())
    say("something")
    assert run_guarded(raising(UsageError("a")), lambda: "tool") == 2


def test_a_closed_standard_output_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert main(["models"]) == 2
    assert capsys.readouterr().err.startswith("vision: standard output is closed; expected ")


@pytest.mark.skipif(os.name != "posix", reason="closes POSIX streams")
def test_a_closed_stream_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """A library that prints to stderr would write into the first file that is opened."""
    script = (
        "import os\n"
        "from vision.cli.process import run_guarded, say\n"
        "def work():\n"
        f"    file = open({str(tmp_path / 'evidence')!r}, 'wb')\n"
        "    say('lost')\n"
        "    print('result')\n"
        "    return 10 + file.fileno()\n"
        "raise SystemExit(run_guarded(work, lambda: 'tool'))\n"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" 2>&- <&-', sys.executable, script],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode > 12 and done.stdout == b"result\n"
    assert (tmp_path / "evidence").read_bytes() == b""


_LEAVES = """
import atexit
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from vision.cli.process import leave

def work():
    import torch
    x = torch.zeros(1000, 1000)
    busy.set()
    while True:
        x += x @ x

busy = threading.Event()
atexit.register(print, "at exit")
if sys.argv[1] == "busy":
    threading.Thread(target=work, daemon=True).start()
    busy.wait()
ThreadPoolExecutor().submit(lambda: (time.sleep(0.3), print("waited for")))
leave(7)
"""


@pytest.mark.parametrize("threads", ["none", "busy"])
def test_a_process_ends_with_its_code_whatever_its_threads_do(threads: str) -> None:
    done = subprocess.run([sys.executable, "-c", _LEAVES, threads], text=True, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (7, "waited for\nat exit\n", "")
