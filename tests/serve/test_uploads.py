from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from vision.serve.uploads import MAX_NAME, Uploads, safe_name, shown_name


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_folders_are_closed_to_others_and_go_away() -> None:
    uploads = Uploads(1000)
    first, second = uploads.folder(), uploads.folder()
    assert first != second and first.parent == second.parent
    for folder in (first, first.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (first / "image.png").write_bytes(b"x")
    uploads.remove(first)
    assert not first.exists() and second.exists()
    uploads.close()
    assert not second.parent.exists()


def test_what_is_forgotten_is_removed_when_its_time_is_over() -> None:
    uploads = Uploads(0.2)
    folder = uploads.folder()
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
    uploads.close()


def test_the_time_of_a_folder_can_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    uploads, now = Uploads(1000), 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    kept, other = uploads.folder(), uploads.folder()
    now = 600.0
    uploads.keep(kept)
    now = 1200.0
    uploads.sweep()
    assert kept.exists() and not other.exists()
    uploads.keep(other)
    uploads.sweep()
    uploads.close()


def test_nothing_is_left_at_exit_and_what_a_killed_process_left_is_removed(temporary: Path) -> None:
    program = (
        f"import os, sys, tempfile; tempfile.tempdir = {str(temporary)!r}\n"
        "from vision.serve.uploads import Uploads\n"
        "uploads = Uploads(1000); print(uploads.folder(), flush=True)\n"
        "if sys.argv[1] == 'killed': os._exit(9)"
    )

    def run(how: str) -> Path:
        done = subprocess.run([sys.executable, "-c", program, how], stdout=subprocess.PIPE, text=True)
        return Path(done.stdout.strip())

    assert not run("ends").parent.exists()
    killed = run("killed")
    assert killed.exists()
    uploads = Uploads(1000)
    own = uploads.folder()
    assert not killed.exists() and own.exists()
    uploads.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat.JPG", "image.jpg"),
        ("../../etc/passwd", "image"),
        ("a.png/../../x.sh", "image"),
        ("clip.mp4", "image.mp4"),
        (".png", "image"),
        ("x.png\0.sh", "image"),
        (None, "image"),
    ],
)
def test_names_of_files_are_ours(name: str | None, expected: str) -> None:
    assert safe_name("image", name) == expected


def test_names_that_are_shown_are_short_and_plain() -> None:
    assert shown_name("C:\\Users\\me\\cat.png", "file") == "cat.png"
    assert shown_name("../../a\x1b[31m.png", "file") == "a\\x1b[31m.png"
    assert shown_name("", "file") == shown_name("dir/", "file") == "file"
    assert len(shown_name("a" * 1000, "file")) == MAX_NAME
    assert os.sep not in shown_name("a/b", "file")
