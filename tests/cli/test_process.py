"""The command as a process of its own: imports, pipes, streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Inference must not pay for, nor depend on, what training needs.
TRAINING_PACKAGES = ("mmengine", "mmcv", "mmdet", "mmseg", "timm", "torchvision")


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **extra}


def run(*arguments: object, **extra: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vision", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(**extra), encoding="utf-8")


def test_inference_never_imports_a_training_framework(checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    arguments = [
        "forgery",
        str(photos),
        "--checkpoint",
        str(checkpoint),
        "--robust",
        "--heatmap",
        str(tmp_path / "maps"),
    ]
    script = (
        "import sys\n"
        "from vision.cli.main import main\n"
        f"code = main({arguments!r})\n"
        f"print(code, [name for name in {TRAINING_PACKAGES!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert done.stderr.splitlines()[-1] == "0 []", done.stderr


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from vision.cli.main import main\n"
        "try:\n    main(['forgery', '--help'])\n"
        "finally:\n"
        "    heavy = ('torch', 'numpy', 'cv2', 'PIL', 'rich', 'importlib.metadata')\n"
        "    print([n for n in heavy if n in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert done.stderr == "[]\n" and done.returncode == 0
    assert "--fail-on-fake" in done.stdout and "exit codes" in done.stdout


def test_the_list_of_models_imports_no_training_framework() -> None:
    script = (
        "import sys\n"
        "from vision.cli.main import main\n"
        "code = main(['models', '--json'])\n"
        f"print(code, [name for name in {TRAINING_PACKAGES!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment())
    assert done.stderr == "0 []\n" and len(json.loads(done.stdout)) > 2


def test_version_and_unknown_command() -> None:
    import vision

    assert run("--version").stdout == f"vision {vision.__version__}\n"
    done = run("nonsense")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1


def test_stdout_stays_clean_and_ascii_terminals_do_not_matter(checkpoint: Path, photos: Path) -> None:
    name = os.fsdecode(b"caf\xc3\xa9 \xff.png")  # the last byte is no UTF-8
    (photos / "a.png").rename(photos / name)
    for extra in ({"PYTHONIOENCODING": "ascii"}, {}):
        table = run("forgery", photos, "--checkpoint", checkpoint, **extra)
        assert table.returncode == 0 and len(table.stdout.splitlines()) == 4
        done = run("forgery", photos, photos / "missing.png", "--checkpoint", checkpoint, "--json", **extra)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert json.loads(done.stdout)[1]["path"] == str(photos / "caf\u00e9 \\xff.png")


def test_a_reader_that_goes_away_is_no_error_message(checkpoint: Path, photos: Path) -> None:
    command = [sys.executable, "-m", "vision", "forgery", str(photos), "--checkpoint", str(checkpoint), "--jsonl"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_interrupt(checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    # The list on stdin never ends: the process is surely waiting for it when the signal comes.
    command = [sys.executable, "-m", "vision", "forgery", "-", "--checkpoint", str(checkpoint), "--csv", str(target)]
    # A shell that starts the tests in the background has them ignore the signal, and Python leaves that so.
    ready = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + (
        "import vision.cli.paths as p, sys; o = p.read_paths_from_stdin\n"
        "def listed():\n    print('ready', file=sys.stderr, flush=True)\n    return o()\n"
        f"p.read_paths_from_stdin = listed\nfrom vision.cli.main import main\nsys.exit(main({command[3:]!r}))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", ready],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stderr is not None and process.stdout is not None
    assert process.stderr.readline() == b"ready\n"
    time.sleep(0.5)  # until it reads: a signal that comes right before the call does not wake it
    process.send_signal(signal.SIGINT)
    assert process.stderr.read() == b"vision forgery: interrupted\n"
    assert process.stdout.read() == b"" and process.wait() == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_run_that_is_told_to_end_keeps_its_rows_and_leaves_nothing_else(
    checkpoint: Path, photos: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    options = ["--checkpoint", str(checkpoint), "--jsonl", "--csv", str(out / "a.csv"), "--heatmap", str(out / "maps")]
    start = "import signal, sys\n" + (
        f"signal.signal(signal.{name}, signal.SIG_DFL)\n"
        "from vision.cli.main import main\n"
        f"sys.exit(main(['forgery', *[{str(photos / 'a.png')!r}] * 4000, *{options!r}]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", start], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    number = getattr(signal, name)
    process.send_signal(number)
    process.send_signal(number)
    shown, complaint = process.communicate(timeout=60)
    assert process.returncode == 128 + number and complaint == f"vision forgery: ended by {name}\n".encode()
    rows = (out / "a.csv").read_text().splitlines()
    assert len(rows) - 1 - (3 + len(shown.splitlines())) in (0, 1)  # the signal may come between the two
    assert sorted(path.name for path in out.iterdir()) == ["a.csv", "maps"]
    assert all(path.name.startswith("a_heatmap") for path in (out / "maps").iterdir())
