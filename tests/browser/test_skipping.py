"""Without a browser tests are skipped in one line that says so, or fail with CI=true; pages keep to themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = """
def test_one(open_page):
    open_page("about:blank")

def test_two(open_page):
    open_page("about:blank")
"""
# A stranger's script, a message and a request: each is a fault of the page.
FAULTS = {
    "the page said": "<script>console.log('hello')</script>",
    "uncaught": "<script>throw new Error('oh')</script>",
    "the page asked for": "<img src='http://127.0.0.1:9/x.png'>",
}


def run(folder: Path, tests: str, **environment: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "test_inside.py").write_text(tests, encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", "-p", "no:xdist", str(folder)]
    return subprocess.run(command, cwd=folder, env=inherited | environment, text=True, capture_output=True)


def test_skipped_in_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, TESTS, PATH=str(tmp_path))
    assert done.returncode == 0, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "browser tests were skipped" in line]
    assert line.startswith("SKIPPED [2]") and line.endswith("Chromium is missing: apt-get install chromium")


def test_failed_in_ci(tmp_path: Path) -> None:
    done = run(tmp_path, TESTS, PATH=str(tmp_path), CI="true")
    assert done.returncode == 1
    assert "with CI=true they must run" in done.stdout and "2 errors" in done.stdout


def test_what_a_page_must_not_do(tmp_path: Path, browser: object) -> None:
    tests = ["from pathlib import Path", "here = Path(__file__).parent"]
    for number, markup in enumerate(FAULTS.values()):
        (tmp_path / f"page{number}.html").write_text(f"<!doctype html><title>x</title>{markup}", encoding="utf-8")
        address = f'(here / "page{number}.html").as_uri()'
        tests.append(f"def test_{number}(open_page):\n    open_page({address})")
    done = run(tmp_path, "\n".join(tests))
    assert done.returncode == 1 and f"{len(FAULTS)} passed, {len(FAULTS)} errors" in done.stdout, done.stdout
    for words in FAULTS:
        assert words in done.stdout
